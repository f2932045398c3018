"""A withdrawn statistic is never computed again: no count of deletions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.drop_column("group_statistic", "deleted_users")


def downgrade() -> None:
    """Take the change back. The counts are lost; an older server starts them at 0."""
    op.add_column(
        "group_statistic",
        sa.Column("deleted_users", sa.Integer(), nullable=False, server_default="0"),
    )
