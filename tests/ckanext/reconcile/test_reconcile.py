"""What readers find after a reconcile, and after the next."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.identity import dataset_id, resource_id, view_id
from tests.ckanext.reconcile.portal import Portal, call, dump, empty_datastore, figures

TABLE = "enrolment"
ROWS = 4 * 3  # wards and their total, sexes and their total
NOBODY = "http://127.0.0.1:9/solr/ckan"
"""An address at which nothing answers."""

pytestmark = pytest.mark.integration


def datastore_tables() -> set[str]:
    """The tables and aliases that readers could find in the DataStore."""
    from ckanext.datastore.backend.postgres import get_write_engine

    with get_write_engine().connect() as connection:
        return set(connection.scalars(sa.text("SELECT name FROM _table_metadata")))


def tidy(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Reconcile as if the releases before had been superseded long ago."""
    from datetime import timedelta

    import ckanext.hcmedu.reconcile as module

    with monkeypatch.context() as patch:
        patch.setattr(module, "LINGER", timedelta(0))
        return portal.reconcile()


class TestFirstRelease:
    def test_dataset_has_its_metadata(self, portal: Portal) -> None:
        release = portal.release(TABLE, 100, ["2022-2023", "2023-2024", "2024-2025"])
        assert portal.reconcile() == {TABLE: "published"}
        dataset = call("package_show", id=TABLE)
        assert dataset["id"] == dataset_id(TABLE)
        assert dataset["title_translated"]["en"] == "Pupils by ward and sex"
        assert dataset["title"] == "Số học sinh theo phường và giới tính"
        assert [tag["name"] for tag in dataset["tags"]] == ["học sinh", "phường"]
        assert dataset["organization"]["name"] == "so-gddt"
        assert [group["name"] for group in dataset["groups"]] == ["pupils"]
        assert dataset["temporal_coverage"] == [{"start": "2022-09-01", "end": "2025-08-31"}]
        assert dataset["frequency"].endswith("/frequency/ANNUAL")
        assert dataset["issued"] == dataset["modified"] == release.manifest["issued"]
        assert dataset["hcmedu_release"] == 1
        assert dataset["simulated"] is True
        assert "mô phỏng" in dataset["provenance_translated"]["vi"]
        assert "imulated" in dataset["provenance_translated"]["en"]
        assert dataset["publisher"][0]["name_translated"]["en"].endswith("Education and Training")

    def test_resources_are_the_files_of_the_release(self, portal: Portal) -> None:
        release = portal.release(TABLE, 100)
        portal.reconcile()
        resources = {entry["id"]: entry for entry in call("package_show", id=TABLE)["resources"]}
        for file in release.manifest["files"]:
            resource = resources[resource_id(TABLE, file["key"])]
            assert resource["url"].endswith(f"/dataset/{TABLE}/release/1/{file['name']}")
            assert resource["size"] == file["bytes"]
            assert resource["hash"] == file["sha256"]
            assert resource["mimetype"] == file["media_type"]
            assert resource["name_translated"]["vi"]
        assert len(resources) == len(release.manifest["files"]) + 1

    def test_datastore_is_typed_and_keeps_zeros(self, portal: Portal) -> None:
        portal.release(TABLE, 100)
        portal.reconcile()
        answer = call("datastore_search", resource_id=TABLE, filters={"area": "00001"})
        assert answer["total"] == 3
        row = next(entry for entry in answer["records"] if entry["sex"] == "female")
        assert row["area"] == "00001"
        assert row["pupils"] == 104
        assert row["minutes"] == 100.4
        assert row["pupils_status"] == row["pupils_flag"] == ""
        assert {field["id"]: field["type"] for field in answer["fields"]} == {
            "_id": "int",
            "school_year": "text",
            "area": "text",
            "area_name": "text",
            "sex": "text",
            "pupils": "int8",
            "pupils_status": "text",
            "pupils_flag": "text",
            "minutes": "numeric",
            "minutes_status": "text",
            "minutes_flag": "text",
        }
        [hidden] = call("datastore_search", resource_id=TABLE, filters={"pupils_status": "c"})[
            "records"
        ]
        assert hidden["pupils"] is None
        assert hidden["area"] == "_T"

    def test_data_dictionary_is_in_both_languages(self, portal: Portal) -> None:
        portal.release(TABLE, 100)
        portal.reconcile()
        information = call("datastore_info", resource_id=TABLE)
        assert information["meta"]["count"] == ROWS
        info = {field["id"]: field["info"] for field in information["fields"]}
        assert info["minutes"]["label"] == "Thời gian đến trường (trung bình)"
        assert info["minutes"]["label_en"] == "Way to school (mean)"
        assert info["minutes"]["notes"] == "Đơn vị: phút."
        assert info["minutes"]["unit_en"] == "minutes"
        assert info["area"]["codelist"] == "area"
        assert "c = " in info["pupils_status"]["notes_en"]
        schema = {field["id"]: field["schema"] for field in information["fields"]}
        assert schema["area"]["is_index"]
        assert not schema["pupils"]["is_index"]

    def test_words_are_found(self, portal: Portal) -> None:
        portal.release(TABLE, 100)
        portal.reconcile()
        answer = call("datastore_search", resource_id=TABLE, q="Đặc khu")
        assert {record["area"] for record in answer["records"]} == {"10003"}

    def test_preview_and_search(self, portal: Portal) -> None:
        portal.release(TABLE, 100)
        portal.reconcile()
        table = resource_id(TABLE, "datastore/1")
        [view] = call("resource_view_list", id=table)
        assert view["id"] == view_id(TABLE, "datastore")
        assert view["view_type"] == "datatables_view"
        found = call("package_search", q="học sinh")
        assert [entry["id"] for entry in found["results"]] == [dataset_id(TABLE)]

    def test_pages_answer(self, portal: Portal, app: Any) -> None:
        portal.release(TABLE, 100)
        portal.reconcile()
        table = resource_id(TABLE, "datastore/1")
        assert "Số học sinh theo phường" in app.get(f"/dataset/{TABLE}").body
        assert app.get(f"/dataset/{TABLE}/resource/{table}").status_code == 200
        lines = app.get(f"/datastore/dump/{TABLE}").body.splitlines()
        assert lines[0].startswith("_id,school_year,area,")
        assert len(lines) == ROWS + 1

    def test_editors_cannot_write_into_the_table(self, portal: Portal) -> None:
        import ckan.plugins.toolkit as tk

        portal.release(TABLE, 100)
        portal.reconcile()
        with pytest.raises(tk.ValidationError, match="read-only"):
            tk.get_action("datastore_upsert")(
                {"ignore_auth": True},
                {"resource_id": resource_id(TABLE, "datastore/1"), "records": []},
            )

    def test_nothing_differs_from_the_release(self, portal: Portal) -> None:
        portal.release(TABLE, 100)
        portal.release("ward-pupils", 7)
        portal.reconcile()
        assert portal.differences() == []


class TestNextRun:
    def test_changes_nothing_when_nothing_changed(self, portal: Portal) -> None:
        portal.release(TABLE, 100)
        portal.reconcile()
        before = call("package_show", id=TABLE)
        assert portal.reconcile() == {TABLE: "unchanged"}
        assert call("package_show", id=TABLE) == before

    def test_shows_a_new_release(self, portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
        portal.release(TABLE, 100)
        portal.reconcile()
        old = call("package_show", id=TABLE)
        portal.release(TABLE, 200, ["2024-2025", "2025-2026"])
        assert portal.reconcile() == {TABLE: "published"}
        new = call("package_show", id=TABLE)
        assert new["version"] == "2"
        assert new["issued"] == old["issued"]
        assert new["metadata_modified"] > old["metadata_modified"]
        assert "2025-2026" in new["version_notes_translated"]["vi"]
        kept = {entry["id"] for entry in old["resources"]} & {e["id"] for e in new["resources"]}
        assert len(kept) == len(new["resources"]) - 1
        assert call("datastore_search", resource_id=TABLE)["total"] == 2 * ROWS
        found = call("package_search", q=f"name:{TABLE}")["results"][0]
        assert found["version"] == "2"
        [view] = call("resource_view_list", id=resource_id(TABLE, "datastore/2"))
        assert view["id"] == view_id(TABLE, "datastore")
        assert portal.differences() == []
        # The table of the first release stays for those who are reading it, and then goes.
        first, second = (resource_id(TABLE, f"datastore/{number}") for number in (1, 2))
        assert datastore_tables() == {first, second, TABLE}
        assert portal.reconcile() == {TABLE: "unchanged"}
        assert tidy(portal, monkeypatch) == {TABLE: "repaired"}
        assert datastore_tables() == {second, TABLE}
        assert portal.reconcile() == {TABLE: "unchanged"}

    def test_leaves_the_activity_stream_quiet(self, portal: Portal) -> None:
        from ckan import model
        from ckanext.activity.model import Activity

        for base in (100, 200, 300):
            portal.release(TABLE, base)
            portal.reconcile()
        query = model.Session.query(Activity).filter_by(object_id=dataset_id(TABLE))
        assert [activity.activity_type for activity in query] == ["new package"]

    def test_takes_up_a_changed_declaration(self, portal: Portal) -> None:
        portal.release(TABLE, 100)
        portal.reconcile()
        table = portal.declarations.tables[TABLE]
        changed = replace(table, title={"vi": "Học sinh", "en": "Pupils"})
        tables = {**portal.declarations.tables, TABLE: changed}
        portal.declarations = replace(portal.declarations, tables=tables)
        assert portal.reconcile() == {TABLE: "updated"}
        assert call("package_show", id=TABLE)["title"] == "Học sinh"
        assert portal.differences() == []

    def test_undoes_what_someone_changed(self, portal: Portal) -> None:
        import ckan.plugins.toolkit as tk

        portal.release(TABLE, 100)
        portal.reconcile()
        user = tk.get_action("get_site_user")({"ignore_auth": True}, {})["name"]
        context = {"ignore_auth": True, "user": user}
        texts = {"vi": "Khác", "en": "Other"}
        tk.get_action("package_patch")(context, {"id": TABLE, "title_translated": texts})
        assert any("title" in line for line in portal.differences())
        assert portal.reconcile() == {TABLE: "updated"}
        assert portal.differences() == []
        tk.get_action("package_delete")(context, {"id": TABLE})
        assert portal.reconcile() == {TABLE: "updated"}
        assert portal.differences() == []

    def test_mends_a_lost_index_entry(self, portal: Portal) -> None:
        from ckanext.hcmedu.reconcile import index

        portal.release(TABLE, 100)
        portal.reconcile()
        index.remove(dataset_id(TABLE))
        assert [line for line in portal.differences() if "search index" in line]
        assert portal.reconcile() == {TABLE: "repaired"}
        assert call("package_search", q=f"name:{TABLE}")["count"] == 1

    def test_mends_a_lost_datastore(self, portal: Portal) -> None:
        portal.release(TABLE, 100)
        portal.reconcile()
        empty_datastore()
        assert [line for line in portal.differences() if "DataStore" in line]
        assert portal.reconcile() == {TABLE: "repaired"}
        assert portal.differences() == []
        assert len(figures(TABLE)) == ROWS

    def test_looks_only_at_the_tables_it_is_told(self, portal: Portal) -> None:
        portal.release(TABLE, 100)
        portal.release("ward-pupils", 7)
        assert portal.reconcile(tables=["ward-pupils"]) == {"ward-pupils": "published"}
        assert portal.reconcile() == {TABLE: "published", "ward-pupils": "unchanged"}

    def test_waits_for_approval(self, portal: Portal) -> None:
        table = replace(portal.declarations.tables[TABLE], approval=True)
        tables = {**portal.declarations.tables, TABLE: table}
        portal.declarations = replace(portal.declarations, tables=tables)
        portal.release(TABLE, 100)
        assert portal.reconcile() == {TABLE: "none"}
        portal.store.approve(TABLE, 1, "publisher", "checked")
        assert portal.reconcile() == {TABLE: "published"}


class TestWithdrawal:
    def test_of_the_latest_brings_the_one_before_back(self, portal: Portal) -> None:
        portal.release(TABLE, 100)
        portal.reconcile()
        first, first_rows = dump(TABLE), figures(TABLE)
        portal.release(TABLE, 200)
        portal.reconcile()
        portal.store.withdraw(TABLE, 2, "wrong figures")
        assert portal.reconcile() == {TABLE: "published"}
        assert dump(TABLE) == first
        assert figures(TABLE) == first_rows
        assert datastore_tables() == {resource_id(TABLE, "datastore/1"), TABLE}
        assert call("package_search", q=f"name:{TABLE}")["results"][0]["version"] == "1"
        assert portal.differences() == []

    def test_of_all_leaves_nothing_for_readers(self, portal: Portal, app: Any) -> None:
        import ckan.plugins.toolkit as tk

        portal.release(TABLE, 100)
        portal.release("ward-pupils", 7)
        portal.reconcile()
        portal.store.withdraw(TABLE, None, "wrong figures")
        assert portal.reconcile() == {TABLE: "removed", "ward-pupils": "unchanged"}
        with pytest.raises((tk.NotAuthorized, tk.ObjectNotFound)):
            call("package_show", id=TABLE)
        with pytest.raises(tk.ObjectNotFound):
            call("datastore_search", resource_id=TABLE)
        assert call("package_search", q=f"name:{TABLE}")["count"] == 0
        assert app.get(f"/dataset/{TABLE}", expect_errors=True).status_code == 410
        assert datastore_tables() == {resource_id("ward-pupils", "datastore/1"), "ward-pupils"}
        assert portal.reconcile() == {TABLE: "none", "ward-pupils": "unchanged"}
        assert portal.differences() == []

    def test_can_be_followed_by_a_release(self, portal: Portal) -> None:
        portal.release(TABLE, 100)
        portal.reconcile()
        portal.store.withdraw(TABLE, None, "wrong figures")
        portal.reconcile()
        portal.release(TABLE, 300)
        assert portal.reconcile() == {TABLE: "published"}
        assert call("package_show", id=TABLE)["version"] == "2"
        assert portal.differences() == []

    def test_hides_the_dataset_if_the_one_before_cannot_be_shown(self, portal: Portal) -> None:
        import ckan.plugins.toolkit as tk

        first = portal.release(TABLE, 100)
        portal.reconcile()
        portal.release(TABLE, 200)
        portal.reconcile()
        file = first.path / f"{TABLE}.csv"
        file.write_text(file.read_text().replace("104", "999"))
        empty_datastore()
        portal.store.withdraw(TABLE, 2, "wrong figures")
        assert portal.reconcile() == {TABLE: "failed"}
        with pytest.raises((tk.NotAuthorized, tk.ObjectNotFound)):
            call("package_show", id=TABLE)
        assert datastore_tables() == set()

    def test_does_not_wait_for_the_search_index(
        self, portal: Portal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import ckan.plugins.toolkit as tk

        portal.release(TABLE, 100)
        portal.reconcile()
        portal.store.withdraw(TABLE, None, "wrong figures")
        with monkeypatch.context() as patch:
            patch.setitem(tk.config, "solr_url", NOBODY)
            assert portal.reconcile() == {TABLE: "failed"}
            with pytest.raises((tk.NotAuthorized, tk.ObjectNotFound)):
                call("package_show", id=TABLE)
            with pytest.raises(tk.ObjectNotFound):
                call("datastore_search", resource_id=TABLE)
        assert portal.reconcile() == {TABLE: "removed"}
        assert call("package_search", q=f"name:{TABLE}")["count"] == 0


class TestTrouble:
    def test_search_engine_down_while_publishing(
        self, portal: Portal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import ckan.plugins.toolkit as tk

        portal.release(TABLE, 100)
        portal.reconcile()
        portal.release(TABLE, 200)
        with monkeypatch.context() as patch:
            patch.setitem(tk.config, "solr_url", NOBODY)
            assert portal.reconcile() == {TABLE: "failed"}
        # The index names the old table: it must still be there.
        old = call("package_search", q=f"name:{TABLE}")["results"][0]
        assert old["version"] == "1"
        assert len(figures(old["resources"][0]["id"])) == ROWS
        assert portal.reconcile() == {TABLE: "repaired"}
        assert portal.differences() == []

    def test_a_file_that_is_not_what_its_manifest_says(self, portal: Portal) -> None:
        from ckanext.hcmedu.reconcile import reconcile

        portal.release(TABLE, 100)
        portal.reconcile()
        second = portal.release(TABLE, 200)
        portal.release("ward-pupils", 7)
        file = second.path / f"{TABLE}.csv"
        file.write_text(file.read_text().replace("204", "999"))
        outcomes = {o.table: o for o in reconcile(portal.store, portal.declarations)}
        assert outcomes["ward-pupils"].action == "published"
        assert outcomes[TABLE].action == "failed"
        assert outcomes[TABLE].is_problem
        assert outcomes[TABLE].release == 1
        assert str(file) in outcomes[TABLE].message
        assert call("package_show", id=TABLE)["version"] == "1"
        assert datastore_tables() >= {resource_id(TABLE, "datastore/1"), TABLE}
        assert resource_id(TABLE, "datastore/2") not in datastore_tables()

    def test_an_organisation_that_is_not_there(self, portal: Portal) -> None:
        from ckanext.hcmedu.reconcile import reconcile

        release = portal.release(TABLE, 100)
        text = (release.path / "manifest.json").read_text().replace("so-gddt", "nowhere")
        (release.path / "manifest.json").write_text(text)
        [outcome] = reconcile(portal.store, portal.declarations)
        assert outcome.action == "failed"
        assert "organisation" in outcome.message
        assert any("organisation" in line for line in portal.differences())

    def test_a_declaration_that_went(self, portal: Portal) -> None:
        portal.release(TABLE, 100)
        portal.reconcile()
        portal.declarations = replace(portal.declarations, tables={})
        assert portal.reconcile() == {TABLE: "undeclared"}
        assert call("package_show", id=TABLE)["version"] == "1"

    def test_release_folders_that_went(self, portal: Portal) -> None:
        portal.release(TABLE, 100)
        portal.reconcile()
        shutil.rmtree(portal.store.root)
        assert portal.reconcile() == {TABLE: "missing"}
        assert call("package_show", id=TABLE)["version"] == "1"
        assert portal.differences()

    def test_two_at_a_time(self, portal: Portal) -> None:
        from ckanext.hcmedu.reconcile import AlreadyRunning
        from ckanext.hcmedu.reconcile.lock import exclusive

        with exclusive(1), pytest.raises(AlreadyRunning, match="Another reconcile"):
            portal.reconcile(wait_seconds=0.2)
        assert portal.reconcile(wait_seconds=1) == {}


def test_rebuilds_the_same_portal(portal: Portal, empty_portal: Callable[[], None]) -> None:
    for base in (100, 200):
        portal.release(TABLE, base)
        portal.release("ward-pupils", base)
        portal.reconcile()
    tables = (TABLE, "ward-pupils")

    def seen() -> list[Any]:
        views = [call("resource_view_list", id=resource_id(t, "datastore/2")) for t in tables]
        datasets = [dump(table) for table in tables]
        for dataset in datasets:
            for tag in dataset["tags"]:
                del tag["id"]
        return [datasets, views, [figures(table) for table in tables]]

    before = seen()
    empty_portal()
    assert call("package_search")["count"] == 0
    assert portal.reconcile() == dict.fromkeys(tables, "published")
    assert seen() == before
    assert portal.differences() == []


def test_migration_makes_the_model(portal: Portal) -> None:
    from ckan import model

    from ckanext.hcmedu.model import Projection

    engine = model.ensure_engine()
    found = sa.inspect(engine).get_columns(Projection.__tablename__)
    written = {column["name"]: column["type"].compile(engine.dialect) for column in found}
    declared = Projection.__table__.columns
    assert written == {column.name: column.type.compile(engine.dialect) for column in declared}
