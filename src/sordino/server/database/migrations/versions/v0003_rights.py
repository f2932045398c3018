"""The audit log, deletions and statistics of groups."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBER: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REFUSAL: Final = "the audit log is append-only"


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "audit_event",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=True),
        sa.Column("participant_id", sa.BigInteger(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_event"),
    )
    op.create_index("ix_audit_event_study_id", "audit_event", ["study_id"])
    op.create_index("ix_audit_event_participant_id", "audit_event", ["participant_id"])
    if op.get_bind().dialect.name == "postgresql":
        _append_only_postgresql()
    else:
        _append_only_sqlite()
    op.create_table(
        "deletion",
        sa.Column("participant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("study_id", NUMBER, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("receipt", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_deletion_study_id_study"),
        sa.PrimaryKeyConstraint("participant_id", name="pk_deletion"),
    )
    op.create_index("ix_deletion_study_id", "deletion", ["study_id"])
    op.create_table(
        "group_statistic",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("study_id", NUMBER, nullable=False),
        sa.Column("policy", sa.String(length=64), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("cohort", sa.String(length=64), nullable=False),
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("table", sa.JSON(), nullable=True),
        sa.Column("withheld", sa.String(length=32), nullable=False),
        sa.Column("deleted_users", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name="fk_group_statistic_study_id_study"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_group_statistic"),
        sa.UniqueConstraint(
            "study_id", "policy", "whole", "cohort", "week", name="uq_group_statistic_study_id"
        ),
    )
    op.create_table(
        "group_member",
        sa.Column("statistic_id", NUMBER, nullable=False),
        sa.Column("participant_id", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"],
            ["participant.id"],
            name="fk_group_member_participant_id_participant",
        ),
        sa.ForeignKeyConstraint(
            ["statistic_id"],
            ["group_statistic.id"],
            name="fk_group_member_statistic_id_group_statistic",
        ),
        sa.PrimaryKeyConstraint("statistic_id", "participant_id", name="pk_group_member"),
    )
    op.create_index("ix_group_member_participant_id", "group_member", ["participant_id"])
    op.create_table(
        "privacy_budget",
        sa.Column("study_id", NUMBER, nullable=False),
        sa.Column("epsilon", sa.Float(), nullable=False),
        sa.Column("epsilon_per_table", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name="fk_privacy_budget_study_id_study"
        ),
        sa.PrimaryKeyConstraint("study_id", name="pk_privacy_budget"),
    )
    op.create_table(
        "privacy_spending",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("study_id", NUMBER, nullable=False),
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("epsilon", sa.Float(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name="fk_privacy_spending_study_id_study"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_privacy_spending"),
    )
    op.create_index("ix_privacy_spending_study_id", "privacy_spending", ["study_id"])


def _append_only_sqlite() -> None:
    """Refuse UPDATE and DELETE, and INSERT OR REPLACE, which deletes without a trigger."""
    for name, event, condition in (
        ("update", "UPDATE", ""),
        ("delete", "DELETE", ""),
        (
            "replace",
            "INSERT",
            "WHEN EXISTS (SELECT 1 FROM audit_event WHERE number = NEW.number)",
        ),
    ):
        op.execute(
            f"CREATE TRIGGER audit_event_{name} BEFORE {event} ON audit_event {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        )


def _append_only_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse()"
    )


def downgrade() -> None:
    """Take the change back. The audit log is lost: make a backup before."""
    op.drop_table("privacy_spending")
    op.drop_table("privacy_budget")
    op.drop_table("group_member")
    op.drop_table("group_statistic")
    op.drop_table("deletion")
    op.drop_table("audit_event")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_event_refuse()")
