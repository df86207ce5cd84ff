"""Source declarations: what they may say, and how mistakes in them are told."""

from __future__ import annotations

import textwrap
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from harvesters.connectors import CONNECTORS, open_connector
from harvesters.errors import (
    RecordProblem,
    RefusedFile,
    RefusedRecords,
    SourceConfigurationError,
    SourceError,
    SourceTimeoutError,
    text,
)
from harvesters.sources import Limits, Source, load_source, load_sources, without_credentials
from schemas import Declarations, Field, RecordType
from schemas.declaration import DeclarationErrors, read_document

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]

GOOD = textwrap.dedent(
    """
    source: nguon
    title: {vi: Nguồn, en: Source}
    organization: so-gddt
    simulated: true
    connector: rest
    address: ${TEST_ADDRESS}
    allow: [api.example.vn]
    auth: {kind: bearer, token: "${TEST_TOKEN}"}
    schedule: {cron: "30 2 * * *"}
    limits: {tolerance: 0.01, max_rows: 10}
    records:
      payment:
        path: /v1/payments
        period: {parameter: thang}
        periods: {path: /v1/periods, items: data}
        paging: cursor
        fields:
          school: {from: ma_truong, width: 8}
          amount: so_tien
    """
).lstrip()


def load(folder: Path, content: str, name: str = "nguon", **more: Any) -> Source:
    path = folder / f"{name}.yaml"
    path.write_text(content, "utf-8")
    return load_source(path, **more)


def mistakes(folder: Path, content: str, **more: Any) -> list[tuple[int, str]]:
    with pytest.raises(DeclarationErrors) as error:
        load(folder, content, **more)
    return [(mistake.line, str(mistake)) for mistake in error.value.errors]


@pytest.fixture
def records(tmp_path: Path) -> dict[str, RecordType]:
    path = tmp_path / "record.txt"
    path.write_text("record: payment\n", "utf-8")
    title = {"vi": "x", "en": "x"}

    def made(name: str, kind: str, required: bool = True) -> Field:
        return Field(name, kind, title, None, None, required, False, None, None, None)

    declared = {
        "school": made("school", "institution"),
        "amount": made("amount", "decimal"),
        "note": made("note", "code", False),
    }
    record = RecordType("payment", title, "persons", "month", declared, read_document(path))
    return {"payment": record}


def test_a_source(tmp_path: Path, records: dict[str, RecordType]):
    source = load(tmp_path, GOOD, records=records)
    assert source.name == "nguon"
    assert source.simulated
    assert source.limits == Limits(tolerance=0.01, max_rows=10)
    assert source.records["payment"].fields["school"].width == 8
    assert source.records["payment"].options["paging"] == "cursor"
    assert source.schedule is not None
    assert source.schedule.timezone == "Asia/Ho_Chi_Minh"
    trigger = source.schedule.trigger()
    run = trigger.get_next_fire_time(None, datetime(2025, 11, 23, 20, tzinfo=UTC))
    assert run.utcoffset() == timedelta(hours=7)
    # Three in the morning here, when it is eight in the evening in UTC: today's run is over.
    assert (run.day, run.hour, run.minute) == (25, 2, 30)


def test_the_sources_of_the_portal_are_good():
    declarations = Declarations.load()
    sources = load_sources(ROOT / "config" / "sources", declarations.records)
    assert {source.connector for source in sources.values()} == set(CONNECTORS)
    assert all(source.simulated for source in sources.values() if source.name != "nso-areas")


def test_secrets_are_looked_up_late_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    source = load(tmp_path, GOOD)
    assert source.safe_address == "${TEST_ADDRESS}"
    with pytest.raises(SourceConfigurationError) as error:
        open_connector(source)
    assert "TEST_ADDRESS" in error.value.vi
    monkeypatch.setenv("TEST_ADDRESS", "https://user:mat-khau@api.example.vn/v1?key=mat-khau#x")
    assert source.safe_address == "https://api.example.vn/v1"
    assert "mat-khau" not in repr(source)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://u:p@h:5432/db?sslkey=s", "postgresql://h:5432/db"),
        ("postgresql+psycopg2://u:p%40x@h/db", "postgresql+psycopg2://h/db"),
        ("sftp://u@h/tep", "sftp://h/tep"),
        ("/srv/drop", "/srv/drop"),
        ("package://schemas/data", "package://schemas/data"),
        ("http://[bad", "?"),
    ],
)
def test_addresses_without_credentials(address: str, shown: str):
    assert without_credentials(address) == shown


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("connector: rest", "connector: soap", 5, "soap"),
        ("source: nguon", "source: Nguồn Một", 1, "form"),
        ("source: nguon", "source: khac", 1, "nguon.yaml"),
        ("organization: so-gddt\n", "", 1, "organization"),
        ("simulated: true", "simulation: true", 1, "simulation"),
        ('"30 2 * * *"', '"30 25 * * *"', 9, "cron"),
        ('"30 2 * * *"', '"sớm mai"', 9, "cron"),
        ('{cron: "30 2 * * *"}', '{cron: "30 2 * * *", timezone: Asia/Saigon_}', 9, "time zone"),
        ("tolerance: 0.01", "tolerance: 1", 10, ""),
        ("tolerance: 0.01", "patience: 1", 10, "patience"),
        ("path: /v1/payments", "path: https://other.vn/", 13, "path"),
        ("period: {parameter: thang}", "period: {map: {a: b}}", 14, "Add `parameter:`"),
        ("    periods: {path: /v1/periods, items: data}\n", "", 12, "which periods"),
        ("paging: cursor", "paging: scroll", 16, "scroll"),
        ("paging: cursor", "paging: {parameter: x}", 16, "kind"),
        ("paging: cursor", "table: hoc_sinh", 12, "table"),
        ("{from: ma_truong, width: 8}", "{from: ma_truong, witdh: 8}", 18, "witdh"),
        ("{from: ma_truong, width: 8}", "{from: [], width: 8}", 18, ""),
        ("{from: ma_truong, width: 8}", "{width: 8}", 18, "`from:`"),
        ("{from: ma_truong, width: 8}", "{from: a, value: b}", 18, "`from:`"),
        ("{from: ma_truong, width: 8}", "{from: a, map: {Nam: x, NAM: y}}", 18, "stands twice"),
        ("{from: ma_truong, width: 8}", "{from: a, number: fr}", 18, "fr"),
        ("amount: so_tien", "amount: so_tien\n      amount: hai", 20, "twice"),
        ("so_tien", "${TEST_NAME}", 19, "not looked up"),
        ("records:", "records: {}\nother:", 11, ""),
    ],
)
def test_mistakes_are_told_with_their_line(
    tmp_path: Path, old: str, new: str, line: int, told: str
):
    assert old in GOOD
    found = mistakes(tmp_path, GOOD.replace(old, new, 1))
    assert any(at == line and told in words for at, words in found), found
    assert all("nguon.yaml:" in words for _, words in found)


def test_a_source_that_does_not_fit_its_record(tmp_path: Path, records: dict[str, RecordType]):
    partial = GOOD.replace("      amount: so_tien\n", "")
    assert "`amount`" in mistakes(tmp_path, partial, records=records)[0][1]
    line, words = mistakes(tmp_path, GOOD + "      phone: sdt\n", records=records)[0]
    assert line == 20 and "no field `phone`" in words
    renamed = GOOD.replace("  payment:", "  pay:")
    assert "no record type `pay`" in mistakes(tmp_path, renamed, records=records)[0][1]
    fixed = GOOD.replace("{parameter: thang}", "{fixed: 2025-2026}")
    assert "not a period" in mistakes(tmp_path, fixed, records=records)[0][1]


def change(path: tuple[str, ...], value: Any) -> str:
    data = yaml.safe_load(GOOD)
    target = data
    for step in path[:-1]:
        target = target.setdefault(step, {})
    target[path[-1]] = value
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("address",), "postgresql://user:MAT-KHAU@127.0.0.1/x"),
        (("address",), "https://api.example.vn/v1?api_key=MAT-KHAU"),
        (("auth",), {"kind": "bearer", "token": "MAT-KHAU"}),
        (("auth",), {"kind": "bearer", "token": "Bearer ${TEST} MAT-KHAU"}),
        (("auth",), {"kind": "header", "header": "X-Key", "value": "MAT-KHAU"}),
        (("auth",), {"kind": "basic", "username": "u", "password": "MAT-KHAU"}),
        (("auth",), {"kind": "oauth2", "token": "/t", "client_id": "a",
                     "client_secret": "MAT-KHAU"}),
        (("auth",), {"kind": "bearer", "token": "${T}", "password": "MAT-KHAU"}),
        (("records", "payment", "parameters"), {"api_key": "MAT-KHAU"}),
        (("description",), {"vi": "-----BEGIN RSA PRIVATE KEY----- MAT-KHAU", "en": "x"}),
    ],
)  # fmt: skip
def test_secrets_in_plain_text_are_refused_and_not_repeated(
    tmp_path: Path, path: tuple[str, ...], value: Any
):
    found = mistakes(tmp_path, change(path, value))
    assert any("plain text" in words and "${NAME}" in words for _, words in found)
    assert not any("MAT-KHAU" in words for _, words in found)


def test_names_that_look_like_secrets_may_be_mapped(tmp_path: Path):
    content = GOOD.replace("amount: so_tien", "amount: {from: so_tien, map: {password: x}}")
    assert load(tmp_path, content).records["payment"].fields["amount"].values


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"period": {"column": "a"}, "fields": {"a": "b"}}, "`table:` or `query:`"),
        ({"table": "t", "query": "q", "period": {"column": "a"}, "fields": {"a": "b"}},
         "`table:` or `query:`"),
        ({"query": "select 1", "period": {"parameter": "period"},
          "periods": ["2025-2026"], "fields": {"a": "b"}}, ":period"),
        ({"table": "t", "period": {"map": {"a": "b"}}, "fields": {"a": "b"}}, "`column:`"),
        ({"query": "select :period", "period": {"parameter": "period"}, "fields": {"a": "b"}},
         "which periods"),
        ({"table": "t", "period": {"column": "a"}, "fields": {"a": {"from": ["b", "c"]}}},
         "one name"),
        ({"table": "t", "period": {"column": "a"}, "change": {"column": "a", "query": "q"},
          "fields": {"a": "b"}}, ""),
    ],
)  # fmt: skip
def test_mistakes_about_databases(tmp_path: Path, record: dict[str, Any], told: str):
    data = yaml.safe_load(GOOD)
    data |= {"connector": "sql", "records": {"payment": record}}
    found = mistakes(tmp_path, yaml.safe_dump(data, allow_unicode=True))
    assert any(told in words for _, words in found), found


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"pattern": "a/*.csv", "fields": {"a": "b"}}, "{period}"),
        ({"pattern": "/a/{period}.csv", "fields": {"a": "b"}}, "out of"),
        ({"pattern": "a/../{period}.csv", "fields": {"a": "b"}}, "out of"),
        ({"pattern": "{period}.csv", "distinct": ["c"], "fields": {"a": "b"}}, "`c`"),
        ({"pattern": "{period}.csv", "encoding": "latin1", "fields": {"a": "b"}}, "latin1"),
        ({"pattern": "{period}.csv", "delimiter": "x", "fields": {"a": "b"}}, "x"),
    ],
)
def test_mistakes_about_files(tmp_path: Path, record: dict[str, Any], told: str):
    data = yaml.safe_load(GOOD)
    data |= {"connector": "files", "records": {"payment": record}}
    found = mistakes(tmp_path, yaml.safe_dump(data, allow_unicode=True))
    assert any(told in words for _, words in found), found


def test_all_mistakes_of_all_files_at_once(tmp_path: Path):
    (tmp_path / "a.yaml").write_text(GOOD.replace("nguon", "b"), "utf-8")
    (tmp_path / "b.yaml").write_text("source: [", "utf-8")
    (tmp_path / "c.yaml").write_text(GOOD.replace("source: nguon", "source: c"), "utf-8")
    with pytest.raises(DeclarationErrors) as error:
        load_sources(tmp_path)
    assert {mistake.file.name for mistake in error.value.errors} == {"a.yaml", "b.yaml"}
    (tmp_path / "a.yaml").unlink()
    (tmp_path / "b.yaml").unlink()
    assert list(load_sources(tmp_path)) == ["c"]
    with pytest.raises(DeclarationErrors):
        load_sources(tmp_path / "nowhere")


def test_the_digest_of_a_record_follows_its_declaration(tmp_path: Path):
    first = load(tmp_path, GOOD)
    again = load(tmp_path, GOOD.replace("tolerance: 0.01", "tolerance: 0.02"))
    other = load(tmp_path, GOOD.replace("so_tien", "so_tien_moi"))
    assert first.records["payment"].digest == again.records["payment"].digest
    assert first.records["payment"].digest != other.records["payment"].digest
    assert first.digest != again.digest


def test_every_limit_may_be_declared():
    schema = yaml.safe_load((ROOT / "schemas" / "meta" / "source.yaml").read_text("utf-8"))
    assert set(schema["properties"]["limits"]["properties"]) == {
        entry.name for entry in fields(Limits)
    }


# Errors


def test_errors_say_what_where_and_how_to_mend_it():
    error = SourceTimeoutError(
        vi="Nguồn im lặng.",
        en="The source is silent.",
        where="nguon",
        expected=text("trả lời.", "an answer."),
        remedy=text("Chờ.", "Wait."),
    )
    assert error.vi == "Nguồn im lặng. Nơi: nguon. Cần: trả lời. Cách xử lý: Chờ."
    assert error.en == "The source is silent. Where: nguon. Expected: an answer. Remedy: Wait."
    assert error.as_dict()["code"] == "timed_out"
    assert error.as_dict()["transient"] is True
    assert SourceError("register", vi="a", en="b").code == "register"


def test_refusals_list_their_problems():
    problem = RecordProblem(
        "nguon", "fee", "2025-2026", "a.xlsx", 7, "amount", "number",
        text("Ô là một số.", "A number."), text("Sửa lại.", "Mend it."), "1", "D",
    )  # fmt: skip
    assert problem.vi == (
        "a.xlsx, trang tính 1, dòng 7, cột D, trường dữ liệu amount: Ô là một số. Sửa lại."
    )
    assert problem.en == "a.xlsx, sheet 1, row 7, column D, field amount: A number. Mend it."
    refused = RefusedFile([problem], total=12)
    assert refused.total == 12
    assert "12 lỗi" in refused.vi
    assert refused.as_dict()["problems"][0]["column"] == "D"
    records = RefusedRecords("nguon", "fee", "2025-2026", [problem], bad=3, seen=10)
    assert "3 trong 10" in records.vi
