"""Which release of each table the portal shows.

Revision ID: 3f1c8a20d7b4
Revises:
Create Date: 2026-11-23
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "3f1c8a20d7b4"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hcmedu_projection",
        sa.Column("table_name", sa.Text, primary_key=True),
        sa.Column("dataset_id", sa.Text, nullable=False),
        sa.Column("release", sa.Integer, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("datastore_id", sa.Text, nullable=False),
        sa.Column("dataset_modified", sa.DateTime, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("hcmedu_projection")
