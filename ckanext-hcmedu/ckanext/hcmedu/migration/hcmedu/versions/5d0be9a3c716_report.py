"""What the portal found when it last looked at the city's catalogue and at its own feed.

Revision ID: 5d0be9a3c716
Revises: c41d9a7e5b20
Create Date: 2026-11-26
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "5d0be9a3c716"
down_revision = "c41d9a7e5b20"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hcmedu_report",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("at", sa.DateTime),
        sa.Column("content", JSONB),
        sa.Column("failed_at", sa.DateTime),
        sa.Column("failure", JSONB),
    )


def downgrade() -> None:
    op.drop_table("hcmedu_report")
