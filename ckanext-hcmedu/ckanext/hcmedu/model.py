"""The extension's own table: which release of each table the portal shows."""

from __future__ import annotations

from datetime import datetime

import ckan.plugins.toolkit as tk
from sqlalchemy import BigInteger, DateTime, Integer, Text
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
