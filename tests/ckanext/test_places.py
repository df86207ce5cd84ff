"""Places that a question names."""

from __future__ import annotations

import pytest

from ckanext.hcmedu.search.places import Places
from schemas import Declarations

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def places() -> Places:
    return Places(Declarations.load())


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("phường Bến Thành", ["Phường Bến Thành"]),
        ("trường tiểu học ben thanh", ["Phường Bến Thành"]),
        ("học sinh quận 1", ["Quận 1"]),
        ("quan 12", ["Quận 12"]),
        ("thủ đức", ["Phường Thủ Đức", "Thành phố Thủ Đức"]),
        ("phường hòa hưng", ["Phường Hòa Hưng"]),
        ("phường hoà hưng", ["Phường Hòa Hưng"]),
        ("Hóc Môn", ["Xã Hóc Môn", "Huyện Hóc Môn", "Thị trấn Hóc Môn"]),
        ("phường 1", []),
        ("1", []),
        ("học phí mầm non", []),
        ("", []),
    ],
)
def test_places_are_found_by_their_names(
    places: Places, question: str, expected: list[str]
) -> None:
    found = [place.code.label["vi"] for place in places.named(question)]
    # Old wards of the same name beside them do not matter here.
    assert list(dict.fromkeys(found)) == expected


def test_a_district_that_is_named_tells_its_wards_apart(places: Places) -> None:
    found = places.named("phường 1 quận 3")
    assert {(one.codelist.id, one.code.label["vi"]) for one in found} == {
        ("district", "Quận 3"),
        ("old_area", "Phường 1"),
    }
    [ward] = [one for one in found if one.codelist.id == "old_area"]
    assert ward.parent is not None and ward.parent.label["vi"] == "Quận 3"


def test_other_tones_are_another_place_where_there_is_one(places: Places) -> None:
    lists = {"phường tân hòa", "phường tân hoá"}
    for asked in lists:
        names = {one.code.label["vi"].casefold() for one in places.named(asked)}
        assert len(names) <= 1
