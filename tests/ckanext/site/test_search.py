"""Search in Vietnamese, as a reader types it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest

from tests.ckanext.site.by_hand import act
from tests.ckanext.site.by_hand import written as described
from tests.ckanext.site.conftest import Site
from tests.relevance import judged

pytestmark = pytest.mark.integration

TITLES = {
    "truong": "Trường học của thành phố",
    "truong-phong": "Trưởng phòng và phó phòng",
    "di-dong": "Điện thoại di động",
    "hoa-binh": "Ngày vì hoà bình",
    "vat-ly": "Phòng bộ môn Vật lý",
    "pho-thong": "Kế hoạch trung học phổ thông",
    "so-sach": "Sổ sách và học bạ",
}


@pytest.fixture(scope="module")
def written(empty_site: Site) -> Iterator[None]:
    """Datasets with these titles, by hand; and a private one."""
    import ckan.model as model

    with empty_site.app.flask_app.test_request_context():
        for name, title in TITLES.items():
            act("package_create", **described(name, title))
        act("package_create", **described("rieng", "Bí mật chưa công bố"), private=True)
        yield
        model.Session.rollback()
        for package in model.Session.query(model.Package).all():
            act("dataset_purge", id=package.id)


def found(question: str, **asked: Any) -> list[str]:
    """The names of what a reader without an account finds."""
    import ckan.plugins.toolkit as tk

    answer = tk.get_action("package_search")({"user": ""}, {"q": question, **asked})
    return [one["name"] for one in answer["results"]]


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("trường", "truong"),
        ("truong hoc", "truong"),
        ("TRƯỜNG HỌC", "truong"),
        (unicodedata.normalize("NFD", "trường học"), "truong"),
        ("trưởng phòng", "truong-phong"),
        ("điện thoại", "di-dong"),
        ("dien thoai", "di-dong"),
        ("hòa bình", "hoa-binh"),
        ("hoà bình", "hoa-binh"),
        ("hoa binh", "hoa-binh"),
        ("vật lí", "vat-ly"),
        ("vat li", "vat-ly"),
        ("THPT", "pho-thong"),
        ("cấp 3", "pho-thong"),
        ("có bao nhiêu sổ sách?", "so-sach"),
        ('"sổ sách" AND (học bạ', "so-sach"),
        ("name:di-dong", "di-dong"),
        ("title:(hòa bình)", "hoa-binh"),
    ],
)
@pytest.mark.usefixtures("context", "written")
def test_what_is_typed_finds_what_is_meant(question: str, first: str) -> None:
    assert found(question)[:1] == [first]


@pytest.mark.usefixtures("context", "written")
def test_a_word_with_its_tones_is_not_another_with_other_tones() -> None:
    assert found("trường")[:2] == ["truong", "truong-phong"]
    assert found("trưởng")[:2] == ["truong-phong", "truong"]


@pytest.mark.parametrize(
    "question",
    [
        "bí mật chưa công bố",
        "bí mật OR permission_labels",
        "{!term f=name}rieng",
        "x" * 5000,
        "?!*~^",
    ],
)
@pytest.mark.usefixtures("context", "written")
def test_no_question_finds_what_is_private_or_breaks_the_search(question: str) -> None:
    import ckan.plugins.toolkit as tk
    from ckan.lib.search.common import SearchError

    try:
        names = found(question)
    except (SearchError, tk.ValidationError):
        names = []
    assert "rieng" not in names


@pytest.mark.usefixtures("context", "written")
def test_what_the_caller_says_of_the_search_holds() -> None:
    assert found("học phòng", defType="dismax", qf="title", mm="100%") == []
    assert found("học phòng") != []
    assert len(found("", rows=100)) == len(TITLES)


@pytest.mark.usefixtures("context", "written")
def test_entries_of_an_older_form_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    import ckan.plugins.toolkit as tk

    from ckanext.hcmedu.reconcile import index

    assert index.refresh() == 0
    monkeypatch.setitem(tk.config, "hcmedu.search_recipe", "another")
    assert index.refresh() == len(TITLES) + 1
    assert index.refresh() == 0


@pytest.mark.usefixtures("context", "empty_site")
def test_people_find_what_they_look_for() -> None:
    asked = judged.judged()
    untoned = [query.without_tones() for query in asked]
    with judged.index() as core, judged.index(is_stock=True) as other:
        scores = [judged.score(each, judged.ours(core)) for each in (asked, untoned)]
        stock = judged.score(asked, judged.stock(other))
    assert len(asked) >= 150
    assert min(scores) > FLOOR > stock + 0.2


FLOOR = 0.95
"""What the judged queries reach at least; `python -m tests.bench.relevance` prints what it is."""
