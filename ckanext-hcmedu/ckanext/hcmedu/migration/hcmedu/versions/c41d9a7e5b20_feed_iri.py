"""The feed's log names the IRI of what each entry is about.

Revision ID: c41d9a7e5b20
Revises: 8b2e6d41f0a9
Create Date: 2026-11-26
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "c41d9a7e5b20"
down_revision = "8b2e6d41f0a9"
branch_labels = None
depends_on = None

_DATASET = r"<http://www.w3.org/ns/dcat#dataset> <([^>]*)> \."
_CATALOG = (
    r"<([^>]*)> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> "
    r"<http://www.w3.org/ns/dcat#Catalog> \."
)


def upgrade() -> None:
    # Deletions from before keep none: nobody can have replicated what they were about.
    op.add_column("hcmedu_feed", sa.Column("iri", sa.Text, nullable=False, server_default=""))
    for pattern, of_catalog in ((_DATASET, False), (_CATALOG, True)):
        op.get_bind().execute(
            sa.text(
                "UPDATE hcmedu_feed SET iri = coalesce(substring(nt FROM :pattern), '') "
                "WHERE nt IS NOT NULL AND (dataset_id = '') = :of_catalog"
            ),
            {"pattern": pattern, "of_catalog": of_catalog},
        )
    op.create_index("ix_hcmedu_feed_at", "hcmedu_feed", ["at"])
    op.create_index("ix_hcmedu_feed_iri", "hcmedu_feed", ["iri"])


def downgrade() -> None:
    op.drop_index("ix_hcmedu_feed_iri", "hcmedu_feed")
    op.drop_index("ix_hcmedu_feed_at", "hcmedu_feed")
    op.drop_column("hcmedu_feed", "iri")
