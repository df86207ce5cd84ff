"""The feed follows what CKAN has, in the transaction that changes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF
from requests.utils import parse_header_links

from tests.ckanext.site.by_hand import RDFLIB, SIZE, act, crawl, make, titles
from tests.ckanext.site.conftest import Site

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("context", "pages_of_three")]


def position() -> int:
    from ckan.model import ensure_engine

    from ckanext.hcmedu.dcat import entries

    with ensure_engine().connect() as connection:
        newest = entries.newest(connection)
        return newest.position if newest else 0


def test_what_is_done_by_hand_is_in_the_feed_at_once(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    one, other = datasets[0], datasets[1]
    path = f"/dataset/{one['name']}.ttl"
    assert titles(empty_site)[one["id"]] == f"Bộ {one['name']}"

    act("package_patch", id=one["id"], title_translated={"vi": "Tiếng Việt ổn", "en": "Fine"})
    assert titles(empty_site)[one["id"]] == "Tiếng Việt ổn"

    act("package_patch", id=one["id"], private=True)
    assert one["id"] not in titles(empty_site)
    gone = empty_site.get(path)
    assert (gone.status_code, gone.content_type) == (410, "application/problem+json")
    assert "không còn công khai" in gone.json["detail"]
    for path in ("/data.json", "/dcat-us.json"):
        assert one["id"] not in empty_site.get(path).text
    assert empty_site.get(f"/dataset/{one['name']}/croissant.jsonld").status_code == 410

    act("package_patch", id=one["id"], private=False)
    assert titles(empty_site)[one["id"]] == "Tiếng Việt ổn"
    assert empty_site.get(path).status_code == 200

    act("package_delete", id=one["id"])
    act("dataset_purge", id=other["id"])
    assert set(titles(empty_site)) == {each["id"] for each in datasets[2:]}
    assert empty_site.get(f"/dataset/{other['id']}.rdf").json["status"] == 410


def test_what_was_described_before_there_was_a_dialect_is_not_said_in_it(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    import ckan.model as model

    from ckanext.hcmedu import helpers
    from ckanext.hcmedu.model import FeedEntry

    old, path = datasets[0]["id"], f"/dataset/{datasets[0]['name']}/croissant.jsonld"
    entries = model.Session.query(FeedEntry).filter_by(dataset_id=old)
    entries.update({FeedEntry.dcat_us: None, FeedEntry.croissant: None})
    model.Session.commit()
    act("package_patch", id=datasets[1]["id"], title_translated={"vi": "Mới", "en": "New"})
    said = {one["identifier"] for one in empty_site.get("/dcat-us.json").json["dataset"]}
    assert said == {each["id"] for each in datasets[1:]}
    assert empty_site.get(path).status_code == 404
    assert helpers.structured_data({"id": old}) == ""
    assert old in empty_site.get("/data.json").text

    act("package_patch", id=old, title_translated={"vi": "Nay có", "en": "Now there"})
    assert old in empty_site.get("/dcat-us.json").text
    assert empty_site.get(path).json["name"] == "Nay có"


def test_every_moment_names_its_time_zone(empty_site: Site, datasets: list[dict[str, Any]]) -> None:
    one = datasets[0]
    page = Graph().parse(data=empty_site.get(f"/dataset/{one['id']}.ttl").data)
    [subject] = page.subjects(RDF.type, DCAT.Dataset)
    [file] = page.objects(subject, DCAT.distribution)
    resource = one["resources"][0]
    for node, predicate, stamp in (
        (subject, DCTERMS.issued, one["metadata_created"]),
        (subject, DCTERMS.modified, one["metadata_modified"]),
        (file, DCTERMS.issued, resource["created"]),
        (file, DCTERMS.modified, resource["metadata_modified"]),
    ):
        # CKAN's own are in UTC and do not say so.
        assert str(page.value(node, predicate)) == f"{stamp}+00:00"

    for written, said in (
        ("2024-05-06", "2024-05-06"),
        ("2024-05-07T08:09", "2024-05-07T08:09:00+07:00"),
        ("1874-11-14T00:00", "1874-11-14T00:00:00+07:00"),
        ("2024-05-07T08:09:10-05:00", "2024-05-07T08:09:10-05:00"),
    ):
        act("package_patch", id=one["id"], issued=written)
        page = Graph().parse(data=empty_site.get(f"/dataset/{one['id']}.ttl").data)
        assert str(page.value(subject, DCTERMS.issued)) == said
        for path in ("/data.json", "/dcat-us.json"):
            listed = {each["identifier"]: each for each in empty_site.get(path).json["dataset"]}
            assert listed[one["id"]]["issued"] == said


def test_the_resources_of_a_dataset_are_followed(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    act("resource_create", package_id=datasets[0]["id"], url="https://example.org/thêm một.csv")
    page = Graph().parse(data=empty_site.get(f"/dataset/{datasets[0]['id']}.ttl").data)
    assert URIRef("https://example.org/thêm%20một.csv") in set(page.objects(None, DCAT.accessURL))


def test_an_organisation_that_is_edited_is_so_in_every_dataset(
    empty_site: Site, datasets: list[dict[str, Any]], address: str
) -> None:
    name = {"vi": "Sở Giáo dục mới", "en": "New department"}
    before = act("organization_show", id="so-gddt")["title_translated"]
    act("organization_patch", id="so-gddt", title="Sở Giáo dục mới", title_translated=name)
    try:
        for graph in crawl(empty_site):
            publisher = URIRef(f"{address}/organization/so-gddt")
            assert set(graph.objects(publisher, FOAF.name)) == {
                Literal(text, lang=language) for language, text in name.items()
            }
        assert "Sở Giáo dục mới" in empty_site.get("/data.json").text
    finally:
        act("organization_patch", id="so-gddt", title=before["vi"], title_translated=before)


def test_a_transaction_that_is_taken_back_says_nothing(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    import ckan.model as model

    before = position()
    package = model.Session.get(model.Package, datasets[0]["id"])
    package.private = True
    model.Session.flush()
    model.Session.rollback()
    assert position() == before
    assert datasets[0]["id"] in titles(empty_site)


def test_a_change_that_says_nothing_new_is_no_change(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    before, etag = position(), empty_site.get("/catalog.ttl").headers["ETag"]
    act("package_patch", id=datasets[0]["id"], hcmedu_release=None)
    assert position() == before
    assert empty_site.get("/catalog.ttl").headers["ETag"] == etag


def test_a_dataset_that_cannot_be_described_is_not_published(
    empty_site: Site, datasets: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ckan.model as model
    import ckan.plugins.toolkit as tk

    from ckanext.hcmedu.dcat import publishing

    def fail(*_: object) -> None:
        raise ValueError("không mô tả được")

    monkeypatch.setattr(publishing, "describe", fail)
    with pytest.raises(tk.ValidationError) as refused:
        act("package_patch", id=datasets[0]["id"], title_translated={"vi": "Mới", "en": "New"})
    model.Session.rollback()
    assert "không mô tả được" in str(refused.value.error_dict)
    assert act("package_show", id=datasets[0]["id"])["title"] == f"Bộ {datasets[0]['name']}"
    # Taking it away needs no description.
    act("package_patch", id=datasets[0]["id"], private=True)
    assert datasets[0]["id"] not in titles(empty_site)


def test_entries_are_numbered_in_the_order_of_commits(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    from ckan.model import ensure_engine

    from ckanext.hcmedu.dcat import entries

    def description(name: str) -> entries.Description:
        return entries.Description(
            name, f"urn:{name}", name, None, "", {"nt": f"<urn:{name}> <urn:p> <urn:o> .\n"}
        )

    before = position()
    done = []
    with ensure_engine().connect() as first:
        entries.put(first, description("first"))

        def write() -> None:
            with ensure_engine().begin() as second:
                entries.put(second, description("second"))
                done.append("second")

        writer = threading.Thread(target=write)
        writer.start()
        writer.join(0.3)
        # The second waits: it must not be seen before the first, whose number is lower.
        assert done == [] and position() == before
        first.commit()
        writer.join(10)
    assert done == ["second"] and position() == before + 2
    with ensure_engine().begin() as connection:
        for name in ("first", "second"):
            entries.remove(connection, name, "purged", "")


def test_an_edit_beside_that_of_its_organisation_is_not_unsaid(
    empty_site: Site, datasets: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ckanext.hcmedu.dcat import publishing

    one = datasets[0]["id"]
    before = act("organization_show", id="so-gddt")["title_translated"]
    name = {"vi": "Sở mới", "en": "New department"}
    describe, met = publishing.describe, threading.Event()

    def edit_organization() -> None:
        with empty_site.app.flask_app.test_request_context():
            act("organization_patch", id="so-gddt", title="Sở mới", title_translated=name)

    other = threading.Thread(target=edit_organization)

    def describe_slowly(identifier: str, *rest: Any) -> Any:
        if threading.current_thread() is not other and not met.is_set():
            met.set()
            described = describe(identifier, *rest)
            # The other describes the datasets, this one among them, as they were before.
            other.start()
            other.join(1)
            return described
        return describe(identifier, *rest)

    monkeypatch.setattr(publishing, "describe", describe_slowly)
    act("package_patch", id=one, title_translated={"vi": "Tên mới", "en": "New name"})
    other.join(20)
    try:
        assert titles(empty_site)[one] == "Tên mới"
        assert "Sở mới" in empty_site.get(f"/dataset/{one}.ttl").text
    finally:
        act("organization_patch", id="so-gddt", title=before["vi"], title_translated=before)


def rename(package: Any) -> None:
    """Edit a dataset as CKAN does."""
    act("package_patch", id=package.id, title_translated={"vi": "Tên mới", "en": "New name"})


def note(package: Any) -> None:
    """Edit a dataset as code of another extension may."""
    import ckan.model as model

    package.notes = "Ghi chú"
    model.Session.commit()


@pytest.mark.parametrize(("edit", "statement"), [(rename, "FOR UPDATE"), (note, "UPDATE package")])
@pytest.mark.parametrize("hide", [{"private": True}, {"state": "deleted"}])
def test_an_edit_beside_one_that_hides_the_dataset_does_not_show_it(
    empty_site: Site,
    datasets: list[dict[str, Any]],
    hide: dict[str, Any],
    edit: Callable[[Any], None],
    statement: str,
) -> None:
    import ckan.model as model
    import sqlalchemy as sa

    one = datasets[0]["id"]

    def hide_it() -> None:
        with empty_site.app.flask_app.test_request_context():
            act("package_patch", id=one, **hide)

    editor, other = threading.current_thread(), threading.Thread(target=hide_it)

    def meet(connection: Any, cursor: Any, sql: str, *_: Any) -> None:
        is_due = statement in sql and threading.current_thread() is editor
        if is_due and other.ident is None:
            other.start()
            other.join(20)

    # CKAN has it in its session from asking whether the editor may.
    known = model.Session.get(model.Package, one)
    assert not known.private
    sa.event.listen(model.ensure_engine(), "before_cursor_execute", meet)
    try:
        edit(known)
    finally:
        sa.event.remove(model.ensure_engine(), "before_cursor_execute", meet)
    assert other.ident is not None and not other.is_alive()
    assert one not in titles(empty_site)
    assert empty_site.get(f"/dataset/{one}.nt").status_code == 410
    # Nor in the search index.
    assert act("package_search", fq=f"id:{one}")["count"] == 0


def test_refresh_mends_what_changed_behind_ckan_and_then_has_nothing_to_do(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    import ckan.model as model
    import sqlalchemy as sa

    from ckanext.hcmedu.dcat import publishing

    hidden, edited = datasets[0]["id"], datasets[1]["id"]
    model.Session.execute(
        sa.text("update package set private = true where id = :id"), {"id": hidden}
    )
    model.Session.execute(
        sa.text("update package set url = 'https://example.org/x', metadata_modified = now() "
                "where id = :id"), {"id": edited},
    )  # fmt: skip
    model.Session.commit()
    assert dict(publishing.differences()) == {hidden: "still there", edited: "outdated"}
    assert publishing.refresh() == publishing.Refreshed(1, 1, ())
    assert list(publishing.differences()) == []
    assert hidden not in titles(empty_site)
    assert publishing.refresh() == publishing.Refreshed(0, 0, ())


def test_a_feed_that_is_only_begun_is_not_shown_for_the_whole(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    import ckan.model as model
    import sqlalchemy as sa

    from ckanext.hcmedu.dcat import publishing

    # As after an update from before there was a log.
    model.Session.execute(sa.text("delete from hcmedu_feed"))
    model.Session.commit()
    act("package_patch", id=datasets[0]["id"], title_translated={"vi": "Mới", "en": "New"})
    title = act("organization_show", id="so-gddt")["title_translated"]
    act("organization_patch", id="so-gddt", title=title["vi"], title_translated=title)
    stock = Graph().parse(data=empty_site.get("/catalog.ttl").data)
    assert len(set(stock.subjects(RDF.type, DCAT.Dataset))) == len(datasets)
    assert empty_site.get("/data.json").status_code == 404
    assert empty_site.get("/dcat-us.json").status_code == 404
    publishing.refresh()
    assert len(titles(empty_site)) == len(datasets)


def test_another_configuration_is_taken_up_by_refresh(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    import ckan.plugins.toolkit as tk

    from ckanext.hcmedu.dcat import publishing

    tk.config["hcmedu.contact_email"] = "khac@example.org"
    assert publishing.refresh().written == len(datasets)
    assert "mailto:khac@example.org" in empty_site.get("/catalog.nt").text


def test_edits_during_a_crawl_neither_lose_nor_repeat_a_dataset(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    first, edited, deleted, hidden = (datasets[number]["id"] for number in (0, 5, 3, 4))

    def disturb(page: int) -> None:
        if page == 1:
            act("package_patch", id=first, title_translated={"vi": "Sửa sau", "en": "Later"})
            act("package_patch", id=edited, title_translated={"vi": "Sửa trước", "en": "Ahead"})
            act("package_delete", id=deleted)
            act("package_patch", id=hidden, private=True)
            make("du-lieu-moi")

    seen: list[str] = []
    words: dict[str, str] = {}
    for graph in crawl(empty_site, disturb):
        own = [str(one).rsplit("/", 1)[-1] for one in graph.subjects(RDF.type, DCAT.Dataset)]
        seen += own
        for one in graph.subjects(RDF.type, DCAT.Dataset):
            words[str(one).rsplit("/", 1)[-1]] = str(sorted(graph.objects(one, DCTERMS.title)))
    assert len(seen) == len(set(seen))
    # What is gone is not shown any more, not even in the snapshot from before.
    assert set(seen) == {each["id"] for each in datasets} - {deleted, hidden}
    assert "Sửa trước" not in words[edited]
    # The next crawl has the new state, all of it.
    assert titles(empty_site)[edited] == "Sửa trước"
    assert len(titles(empty_site)) == len(datasets) - 2 + 1


def test_a_crawl_ends_where_the_datasets_of_its_last_pages_are_gone(
    empty_site: Site, datasets: list[dict[str, Any]], address: str
) -> None:
    pages, path = [], "/catalog.ttl"
    while path:
        answer = empty_site.get(path)
        links = parse_header_links(answer.headers["Link"])
        path = next((link["url"] for link in links if link["rel"] == "next"), "")
        path = path.removeprefix(address)
        pages.append(path)
    following = pages[-2]
    by_id = sorted(one["id"] for one in datasets)
    # Those of the last page; then the one as well that the page before it ended with.
    for gone in (by_id[2 * SIZE :], [by_id[2 * SIZE - 1]]):
        for one in gone:
            act("package_patch", id=one, private=True)
        answer = empty_site.get(following)
        assert answer.status_code == 200
        assert b"a dcat:Dataset" not in answer.data and 'rel="next"' not in answer.headers["Link"]


def test_a_snapshot_that_is_older_than_is_kept_is_gone_and_pruned(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    import ckan.model as model
    import sqlalchemy as sa

    from ckanext.hcmedu.dcat import entries, publishing

    path = (
        "/catalog.ttl?at="
        + (empty_site.get("/catalog.ttl").headers["Content-Location"].partition("at=")[2])
    )
    act("package_patch", id=datasets[0]["id"], title_translated={"vi": "Sau", "en": "After"})
    assert empty_site.get(path).status_code == 200
    first = sa.text("select dataset_id, until, nt from hcmedu_feed order by position limit 1")
    oldest = model.Session.execute(first).one()
    if oldest.until is None:
        act("package_patch", id=oldest.dataset_id, version="2")
    kept = position()
    model.Session.execute(
        sa.text("update hcmedu_feed set at = at - cast(:age as interval)"),
        {"age": f"{entries.KEPT.total_seconds() + 60} seconds"},
    )
    model.Session.commit()
    publishing.refresh()
    assert empty_site.get(path).status_code == 410
    # What holds is not touched.
    assert position() == kept
    assert titles(empty_site)[datasets[0]["id"]] == "Sau"
    # The first entry tells this log from another, and nothing else.
    assert model.Session.execute(first).one().nt is None
    superseded = (
        "select count(*) from hcmedu_feed where until is not null and kind <> 'delete' "
        "and position > (select min(position) from hcmedu_feed)"
    )
    assert model.Session.execute(sa.text(superseded)).scalar_one() == 0


def test_a_date_alone_hides_no_change(empty_site: Site, datasets: list[dict[str, Any]]) -> None:
    """Neither one in the same second, nor that something was erased since."""
    first = empty_site.get("/catalog.nt")
    act("package_patch", id=datasets[0]["id"], title_translated={"vi": "Mới", "en": "New"})
    since = first.headers["Last-Modified"]
    assert empty_site.get("/catalog.nt", If_Modified_Since=since).status_code == 200

    path = first.headers["Content-Location"].partition("/catalog")[2]
    time.sleep(2)
    since = empty_site.get(f"/catalog{path}").headers["Last-Modified"]
    assert empty_site.get(f"/catalog{path}", If_Modified_Since=since).status_code == 304
    act("package_patch", id=datasets[1]["id"], private=True)
    later = empty_site.get(f"/catalog{path}", If_Modified_Since=since)
    assert later.status_code == 200 and datasets[1]["id"] not in later.text


def test_old_snapshots_are_not_put_on_disk_by_whoever_asks(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    from ckanext.hcmedu import settings

    act("package_patch", id=datasets[0]["id"], title_translated={"vi": "Một", "en": "One"})
    old = empty_site.get("/catalog.nt").headers["Content-Location"].partition("/catalog.nt")[2]
    act("package_patch", id=datasets[0]["id"], title_translated={"vi": "Hai", "en": "Two"})
    kept = {path.name for path in settings.feed_path().rglob("*")}
    for ending in RDFLIB:
        for path in (f"/catalog.{ending}{old}", f"/catalog.{ending}.manifest{old}"):
            assert empty_site.get(path).status_code == 200
    assert {path.name for path in settings.feed_path().rglob("*")} == kept


def test_the_page_of_a_dataset_that_was_taken_away_says_so(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    one, other = datasets[0], datasets[1]
    act("package_patch", id=one["id"], private=True)
    act("dataset_purge", id=other["id"])
    for dataset in (one, other):
        for path in (f"/dataset/{dataset['id']}", f"/en/dataset/{dataset['name']}"):
            assert empty_site.get(path).status_code == 410
    # Whoever may have an account is answered by CKAN, to whom it may still be there.
    assert empty_site.get(f"/dataset/{one['name']}", Cookie="a=b").status_code == 404
    assert empty_site.get("/dataset/khong-co").status_code == 404
    assert empty_site.get(f"/dataset/{datasets[2]['name']}").status_code == 200


def test_an_iri_is_that_of_one_thing(
    empty_site: Site, datasets: list[dict[str, Any]], address: str
) -> None:
    import ckan.model as model
    import ckan.plugins.toolkit as tk

    one, other = datasets[0]["id"], datasets[1]["id"]
    before = empty_site.get("/catalog.nt").data
    for iri in (f"{address}/dataset/{other}", address, f"{address}/", f"{address}/organization/x"):
        for fields in ({"uri": iri}, {"contact": [{"uri": iri, "name": "Ai đó"}]}):
            with pytest.raises(tk.ValidationError) as refused:
                act("package_patch", id=one, **fields)
            assert iri in str(refused.value.error_dict)
    act("package_patch", id=other, uri="https://example.org/one")
    with pytest.raises(tk.ValidationError) as refused:
        act("package_patch", id=one, uri="https://example.org/one")
    assert "https://example.org/one" in str(refused.value.error_dict)
    model.Session.rollback()
    # One that is private may have been called so before; then it cannot be public.
    hidden = make("du-lieu-rieng", private=True, uri="https://example.org/two")
    act("package_patch", id=other, uri="https://example.org/two")
    with pytest.raises(tk.ValidationError):
        act("package_patch", id=hidden["id"], private=False)
    model.Session.rollback()
    assert act("package_search", fq=f"id:{hidden['id']}")["count"] == 0
    act("dataset_purge", id=hidden["id"])
    act("package_patch", id=other, uri="")
    assert len(Graph().parse(data=empty_site.get("/catalog.nt").data, format="nt")) == len(
        Graph().parse(data=before, format="nt")
    )
    ours = f"{address}/organization/so-gddt#contact"
    act("package_patch", id=one, uri=f"{address}/dataset/{one}", contact=[{"uri": ours}])


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", " java\nscript:alert(1)", "data:text/html,x", "VBScript:x"]
)
def test_an_address_that_would_run_is_refused(
    empty_site: Site, datasets: list[dict[str, Any]], link: str
) -> None:
    import ckan.plugins.toolkit as tk

    one = datasets[0]["id"]
    resource = {"url": "https://example.org/a.csv", "name": "a"}
    for fields in (
        {"url": link}, {"documentation": [link]}, {"contact": [{"url": link}]}, {"uri": link},
        {"resources": [{**resource, "url": link}]},
        {"resources": [{**resource, "access_url": link}]},
    ):  # fmt: skip
        with pytest.raises(tk.ValidationError):
            act("package_patch", id=one, **fields)
    with pytest.raises(tk.ValidationError):
        act("organization_patch", id="so-gddt", url=link)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59", "0001-01-01"])
def test_no_date_takes_the_pages_down(
    empty_site: Site, datasets: list[dict[str, Any]], moment: str
) -> None:
    one = datasets[0]
    act(
        "package_patch", id=one["id"], modified=moment, issued=moment,
        temporal_coverage=[{"start": moment, "end": moment}],
    )  # fmt: skip
    for path in ("/", "/dataset/", "/organization/so-gddt", f"/dataset/{one['name']}"):
        assert empty_site.get(path).status_code == 200, path
    for path in ("/catalog.ttl", "/data.json", f"/dataset/{one['name']}/croissant.jsonld"):
        assert empty_site.get(path).status_code == 200, path
