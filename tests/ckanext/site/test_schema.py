"""Datasets, organisations and topics through CKAN's actions, as the schemas declare them."""

from typing import Any

import ckan.plugins.toolkit as tk
import pytest

from schemas.identity import organization_id

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("context")]

EU = "http://publications.europa.eu/resource/authority"

FULL = {
    "name": "full",
    "title_translated": {"vi": "Số học sinh", "en": "Pupils"},
    "notes_translated": {"vi": "Mô tả", "en": "Description"},
    "tags_translated": {"vi": ["học sinh", "lớp"], "en": ["pupils"]},
    "owner_org": organization_id("so-gddt"),
    "groups": [{"name": "pupils"}],
    "license_id": "cc-by",
    "theme": [f"{EU}/data-theme/EDUC"],
    "language": [f"{EU}/language/VIE", f"{EU}/language/ENG"],
    "frequency": f"{EU}/frequency/ANNUAL",
    "contact": [
        {"name_translated": {"vi": "Phòng Công nghệ thông tin", "en": "IT office"}, "url": "https://a.vn"}
    ],
    "temporal_coverage": [{"start": "2024-09-01", "end": "2025-08-31"}],
    "spatial_coverage": [{"uri": "https://sws.geonames.org/1566083/", "text": "TP. Hồ Chí Minh"}],
    "provenance_translated": {"vi": "Tổng hợp", "en": "Compiled"},
    "hcmedu_release": 3,
    "simulated": True,
    "resources": [
        {
            "url": "https://a.vn/x.csv",
            "name_translated": {"vi": "Tệp CSV", "en": "CSV file"},
            "format": "CSV",
            "size": 12,
            "language": [f"{EU}/language/VIE"],
        }
    ],
}  # fmt: skip


def call(action: str, **data: Any) -> Any:
    user = tk.get_action("get_site_user")({"ignore_auth": True}, {})["name"]
    return tk.get_action(action)({"ignore_auth": True, "user": user}, data)


@pytest.fixture
def full(context: None) -> Any:
    found = call("package_create", **FULL)
    yield found
    call("dataset_purge", id=found["id"])


def test_a_dataset_comes_back_as_it_was_given(full: dict[str, Any]) -> None:
    shown = call("package_show", id="full")
    for name in FULL.keys() - {"groups", "resources", "contact"}:
        assert shown[name] == FULL[name], name
    assert shown["contact"] == [{**FULL["contact"][0], "name": "Phòng Công nghệ thông tin"}]
    resource = shown["resources"][0]
    for name, value in FULL["resources"][0].items():
        assert resource[name] == value, name


def test_core_fields_and_tags_are_vietnamese(full: dict[str, Any]) -> None:
    assert (full["title"], full["notes"]) == ("Số học sinh", "Mô tả")
    assert full["resources"][0]["name"] == "Tệp CSV"
    assert sorted(tag["name"] for tag in full["tags"]) == ["học sinh", "lớp"]


def test_what_was_shown_can_be_given_back(full: dict[str, Any]) -> None:
    before = call("package_show", id="full")
    call("package_update", **before)
    after = call("package_show", id="full")
    changing = {"metadata_modified", "resources"}
    assert {k: v for k, v in after.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }


def test_fewer_keywords_take_tags_away(full: dict[str, Any]) -> None:
    call("package_patch", id="full", tags_translated={"vi": ["học sinh"]})
    assert [tag["name"] for tag in call("package_show", id="full")["tags"]] == ["học sinh"]


def test_a_plain_dataset_of_another_tool_is_taken_as_vietnamese(context: None) -> None:
    made = call("package_create", name="plain", title="Số lớp", tags=[{"name": "lớp"}],
                owner_org=organization_id("so-gddt"))  # fmt: skip
    try:
        assert made["title_translated"] == {"vi": "Số lớp"}
        assert made["tags_translated"] == {"vi": ["lớp"]}
    finally:
        call("dataset_purge", id=made["id"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title_translated": {"vi": "Số học sinh", "fr": "Élèves"}}, "title_translated"),
        ({"tags_translated": {"vi": ["học/sinh"]}}, "tags_translated"),
        ({"temporal_coverage": [{"start": "hôm qua"}]}, "temporal_coverage"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(tk.ValidationError) as refused:
        call("package_create", **{**FULL, **change, "name": "wrong"})
    assert field in refused.value.error_dict
