"""What the feed says of each dataset, as a log.

Revision ID: 8b2e6d41f0a9
Revises: 3f1c8a20d7b4
Create Date: 2026-11-25
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "8b2e6d41f0a9"
down_revision = "3f1c8a20d7b4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hcmedu_feed",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("dataset_id", sa.Text, nullable=False, index=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.Column("dataset_modified", sa.DateTime),
        sa.Column("ttl", sa.Text),
        sa.Column("rdf", sa.Text),
        sa.Column("jsonld", sa.Text),
        sa.Column("nt", sa.Text),
        sa.Column("pod", sa.Text),
    )
    # One entry at most holds for a dataset, whatever a programmer forgets.
    op.create_index(
        "hcmedu_feed_current",
        "hcmedu_feed",
        ["dataset_id"],
        unique=True,
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index(
        "hcmedu_feed_deletions",
        "hcmedu_feed",
        ["position"],
        postgresql_where=sa.text("kind = 'delete'"),
    )
    op.create_index("hcmedu_feed_name", "hcmedu_feed", ["name"])


def downgrade() -> None:
    op.drop_table("hcmedu_feed")
