"""Which rows belong to a user: found from the foreign keys, so that no table can be forgotten."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, ForeignKey, Table, or_, select

from sordino.server.database.metadata import TABLES_METADATA
from sordino.server.database.tables import Participant

KEPT: Final = frozenset({"audit_event", "deletion"})
"""Tables that name users by their random number and outlive them: the log, and the receipts."""

USER: Final[Table] = TABLES_METADATA.tables[Participant.__tablename__]

Conditions = dict[Table, ColumnElement[bool]]


def rows_of(participant_id: int) -> Conditions:
    """The condition of a user's rows in each table that has some, parents before children."""
    conditions: Conditions = {USER: USER.c.id == participant_id}
    for table in TABLES_METADATA.sorted_tables:
        keys = [key for key in _sorted(table) if key.column.table in conditions]
        if table is USER or not keys:
            continue
        direct = [key for key in keys if key.column.table is USER and not key.parent.nullable]
        conditions[table] = or_(
            *(_belongs(key, participant_id, conditions) for key in direct or keys)
        )
    return conditions


def _sorted(table: Table) -> list[ForeignKey]:
    return sorted(table.foreign_keys, key=lambda key: key.parent.name)


def _belongs(key: ForeignKey, participant_id: int, conditions: Conditions) -> ColumnElement[bool]:
    parent = key.column.table
    if parent is USER:
        return key.parent == participant_id
    return key.parent.in_(select(key.column).where(conditions[parent]))
