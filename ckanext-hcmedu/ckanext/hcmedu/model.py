"""The extension's own tables: which release of each table is shown, what the feed says, and what
was found when it was last looked at."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import ckan.plugins.toolkit as tk
from sqlalchemy import BigInteger, DateTime, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column


class Projection(tk.BaseModel):
    """The release that a dataset shows, written in the transaction that changes the dataset.

    A table without a row is not published. Whatever else shows a release (DataStore alias,
    search index) follows this row.
    """

    __tablename__ = "hcmedu_projection"

    table_name: Mapped[str] = mapped_column(Text, primary_key=True)
    dataset_id: Mapped[str] = mapped_column(Text, nullable=False)
    release: Mapped[int] = mapped_column(Integer, nullable=False)
    rows: Mapped[int] = mapped_column(BigInteger, nullable=False)
    digest: Mapped[str] = mapped_column(Text, nullable=False)
    """SHA-256 of the dataset that was written: two projections of one digest are the same."""
    datastore_id: Mapped[str] = mapped_column(Text, nullable=False)
    """The resource whose DataStore table holds the release's rows."""
    dataset_modified: Mapped[datetime] = mapped_column(DateTime, nullable=False)
    """The dataset's ``metadata_modified`` after that transaction, in UTC: a later one means that
    something else changed the dataset."""


class FeedEntry(tk.BaseModel):
    """What the feed says of a dataset, from one change of it to the next.

    The entries are a log: each change of a public dataset is written in the transaction that
    makes it, under the next number, and closes the entry before. The feed as it stood at a number
    is therefore all entries up to it that were not closed by then.
    """

    __tablename__ = "hcmedu_feed"

    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """1, 2, 3 … in the order of the commits; none is left out."""
    chain: Mapped[str] = mapped_column(Text, nullable=False)
    """Digest of this entry and, by its predecessor's, of all before: tells two logs apart."""
    dataset_id: Mapped[str] = mapped_column(Text, nullable=False, index=True)
    """Empty for the catalogue itself."""
    iri: Mapped[str] = mapped_column(Text, nullable=False, server_default="", index=True)
    """What the entry is about; empty for deletions from before entries had one."""
    name: Mapped[str] = mapped_column(Text, nullable=False)
    kind: Mapped[str] = mapped_column(Text, nullable=False)
    """``create``, ``update`` or ``delete``."""
    at: Mapped[datetime] = mapped_column(DateTime, nullable=False, index=True)
    """When it was written, in UTC; later than the entry before."""
    until: Mapped[int | None] = mapped_column(BigInteger)
    """The position of the dataset's next entry; empty while this one holds."""
    reason: Mapped[str | None] = mapped_column(Text)
    """Why the dataset is gone: ``deleted``, ``private`` or ``purged``; ``moved`` if it has another
    IRI since."""
    digest: Mapped[str] = mapped_column(Text, nullable=False)
    """SHA-256 of the fragments; empty for a deletion."""
    recipe: Mapped[str] = mapped_column(Text, nullable=False)
    """Digest of the code and configuration that the fragments were made with."""
    dataset_modified: Mapped[datetime | None] = mapped_column(DateTime)
    """The dataset's ``metadata_modified`` that they were made from, in UTC."""
    ttl: Mapped[str | None] = mapped_column(Text)
    rdf: Mapped[str | None] = mapped_column(Text)
    jsonld: Mapped[str | None] = mapped_column(Text)
    nt: Mapped[str | None] = mapped_column(Text)
    pod: Mapped[str | None] = mapped_column(Text)
    dcat_us: Mapped[str | None] = mapped_column(Text)
    croissant: Mapped[str | None] = mapped_column(Text)
    """The fragments, one a format. Those of a dataset that is gone are erased."""


class Report(tk.BaseModel):
    """What a look at something outside the database found last, whole, and whether the look after
    it failed. A row is replaced as a whole; a failure leaves what was found before."""

    __tablename__ = "hcmedu_report"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime | None] = mapped_column(DateTime)
    """When `content` was found, in UTC; empty where every look so far failed."""
    content: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    failed_at: Mapped[datetime | None] = mapped_column(DateTime)
    """When the last look failed, in UTC; empty where it did not."""
    failure: Mapped[dict[str, str] | None] = mapped_column(JSONB)
    """Why, in both languages."""
