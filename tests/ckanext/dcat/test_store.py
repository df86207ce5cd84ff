"""Joined documents on disk: no services needed."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import brotli
import pytest

from ckanext.hcmedu.dcat.store import compress, stored, sweep

pytestmark = pytest.mark.unit


def test_a_document_is_made_once_for_each_coding(tmp_path: Path) -> None:
    made = []

    def make() -> bytes:
        made.append(1)
        return "Số học sinh".encode() * 50

    plain = stored(tmp_path / "feed", "5-ab", "page", "", make)
    packed = stored(tmp_path / "feed", "5-ab", "page", "gzip", make)
    assert stored(tmp_path / "feed", "5-ab", "page", "gzip", make) == packed
    assert len(made) == 2
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes() == make()
    # Nothing half written is left beside them.
    assert {path.name for path in plain.parent.iterdir()} == {"page", "page.gzip"}


def test_the_same_content_makes_the_same_bytes() -> None:
    content = b"a" * 1000
    assert compress(content, "gzip") == compress(content, "gzip")
    assert brotli.decompress(compress(content, "br")) == content
    assert compress(content, "") == content


def test_what_nobody_added_to_for_long_is_swept_away(tmp_path: Path) -> None:
    sweep(tmp_path / "not there", 60, 60)
    old = stored(tmp_path, "1-aa", "page", "", lambda: b"x")
    new = stored(tmp_path, "2-bb", "page", "", lambda: b"x")
    long_ago = time.time() - 3600
    os.utime(old.parent, (long_ago, long_ago))
    sweep(tmp_path, 60, 60)
    assert not old.exists() and new.exists()


def test_of_states_of_one_thing_the_newest_stays(tmp_path: Path) -> None:
    ages = {"a@1": 500, "a@2": 400, "a@3": 30, "a@4": 20, "b@1": 500}
    for group, age in ages.items():
        file = stored(tmp_path, group, "page", "", lambda: b"x")
        os.utime(file.parent, (time.time() - age, time.time() - age))
    sweep(tmp_path, 1000, 60)
    # A crawl that began before the last change goes on.
    assert {group.name for group in tmp_path.iterdir()} == {"a@3", "a@4", "b@1"}
