"""The feed's log holds what more dialects say: DCAT-US 3 and Croissant.

Revision ID: d7b05e93c1a8
Revises: 5d0be9a3c716
Create Date: 2026-11-26
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "d7b05e93c1a8"
down_revision = "5d0be9a3c716"
branch_labels = None
depends_on = None

_DIALECTS = ("dcat_us", "croissant")


def upgrade() -> None:
    # Filled when the feed is next refreshed: its recipe is another.
    for name in _DIALECTS:
        op.add_column("hcmedu_feed", sa.Column(name, sa.Text))


def downgrade() -> None:
    for name in _DIALECTS:
        op.drop_column("hcmedu_feed", name)
