"""The schema of the search index."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import ckan
import pytest

from solr_schema import solr_schema

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
CKANS = Path(ckan.__file__).parent / "config" / "solr" / "schema.xml"


def test_ours_take_the_place_of_ckans_and_nothing_else_changes() -> None:
    stock = ET.parse(CKANS).getroot()
    merged = ET.fromstring(solr_schema(CKANS, ROOT / "config" / "solr" / "vietnamese.xml"))
    assert merged.get("name") == stock.get("name")
    for section in ("types", "fields"):
        names = Counter(one.get("name") for one in merged.find(section) or ())
        assert set(names.values()) == {1}
        assert names.keys() >= {one.get("name") for one in stock.find(section) or ()}
    text = merged.find("types/*[@name='text']")
    assert text is not None
    assert "English" not in ET.tostring(text, encoding="unicode")
    copied = {(one.get("source"), one.get("dest")) for one in merged.iter("copyField")}
    assert copied >= {(one.get("source"), one.get("dest")) for one in stock.iter("copyField")}


def test_synonyms_are_written_as_the_index_sees_them() -> None:
    # A rule of tones.txt is applied before synonyms are looked up: what it changes never matches.
    conf = ROOT / "config" / "solr" / "conf"
    rules = dict(
        (part.strip().strip('"') for part in line.split("=>"))
        for line in (conf / "tones.txt").read_text(encoding="utf-8").splitlines()
        if "=>" in line
    )
    assert rules["hý"] == "hí" and rules["òa"] == "oà"
    lines = (conf / "synonyms.txt").read_text(encoding="utf-8").splitlines()
    groups = [line for line in lines if line and not line.startswith("#")]
    assert not [(line, old) for line in groups for old in rules if old in line]
    assert not [line for line in groups if len(line.split(",")) < 2]
