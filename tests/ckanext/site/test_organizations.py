from pathlib import Path

import ckan.plugins.toolkit as tk
import pytest

from ckanext.hcmedu.organizations import (
    ConfigurationError,
    sync_organizations,
    sync_topics,
)
from schemas.identity import group_id, organization_id

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("context")]

FILE = """
organizations:
  - name: thu-nghiem
    title: {vi: Đơn vị thử, en: Test unit}
    url: https://example.vn
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "organizations.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_declared_ones_are_there_with_ids_made_from_their_names() -> None:
    show = tk.get_action("organization_show")({}, {"id": "so-gddt"})
    assert show["id"] == organization_id("so-gddt")
    assert show["title"] == "Sở Giáo dục và Đào tạo Thành phố Hồ Chí Minh"
    assert show["title_translated"]["en"].startswith("Ho Chi Minh City Department")
    assert tk.get_action("group_show")({}, {"id": "pupils"})["id"] == group_id("pupils")


def test_a_second_run_writes_nothing() -> None:
    for sync, key in (
        (sync_organizations, "hcmedu.organizations_path"),
        (sync_topics, "hcmedu.topics_path"),
    ):
        result = sync(tk.config[key])
        assert (result.created, result.updated) == ([], [])
        assert result.unchanged


def test_a_change_is_taken_over(tmp_path: Path) -> None:
    path = written(tmp_path, FILE)
    assert sync_organizations(path).created == ["thu-nghiem"]
    written(tmp_path, FILE.replace("Test unit", "Trial unit"))
    assert sync_organizations(path).updated == ["thu-nghiem"]
    show = tk.get_action("organization_show")({}, {"id": "thu-nghiem"})
    assert show["title_translated"] == {"vi": "Đơn vị thử", "en": "Trial unit"}
    assert show["url"] == "https://example.vn"


def test_a_deleted_one_comes_back(tmp_path: Path) -> None:
    path = written(tmp_path, FILE.replace("thu-nghiem", "tro-lai"))
    sync_organizations(path)
    user = tk.get_action("get_site_user")({"ignore_auth": True}, {})["name"]
    tk.get_action("organization_delete")({"ignore_auth": True, "user": user}, {"id": "tro-lai"})
    assert sync_organizations(path).updated == ["tro-lai"]
    assert tk.get_action("organization_show")({}, {"id": "tro-lai"})["state"] == "active"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("organizations: {}", "expected a list"),
        ("organizations: [{title: {vi: A, en: B}}]", "`name` is missing"),
        ("organizations: [{name: a, title: {vi: A}}]", "one for en"),
        ("organizations: [{name: a, title: A}]", "one for en"),
        ("organizations: [{name: a, title: {vi: A, en: B}, phone: 1}]", "`phone` is not known"),
        (
            "organizations: [{name: a, title: {vi: A, en: B}}, {name: a, title: {vi: A, en: B}}]",
            "stands twice",
        ),
        ("organizations: [", "not YAML"),
    ],
)
def test_a_wrong_file_is_refused_whole(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as refused:
        sync_organizations(written(tmp_path, text))
    assert "organizations.yaml" in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not there"):
        sync_topics(tmp_path / "topics.yaml")
