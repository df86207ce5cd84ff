"""REST services: paging, credentials, faults, limits, addresses."""

from __future__ import annotations

import datetime
import email.utils
import gzip
import ipaddress
import itertools
import json
import socket
import ssl
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harvesters.connectors import Connector
from harvesters.connectors.documents import depth
from harvesters.connectors.network import AllowList
from harvesters.connectors.rest import _next_link
from harvesters.errors import (
    SourceAnswerError,
    SourceChangedError,
    SourceConfigurationError,
    SourceConnectionError,
    SourceError,
    SourceRefusedError,
    SourceTimeoutError,
    SourceTooLargeError,
)
from tests.harvesters.connectors.helpers import connector, record_type, table
from tests.harvesters.connectors.service import Reply, Request, Service, serving

pytestmark = pytest.mark.unit

MONTH = "2025-10"
PAYMENT = record_type(
    "payment",
    {"school": "institution", "payment_channel": "code", "transactions": "integer",
     "amount": "decimal"},
)  # fmt: skip
FIELDS = {
    "school": "ma_truong",
    "payment_channel": {"from": "kenh", "map": {"The": "card", True: "yes"}},
    "transactions": "so_giao_dich",
    "amount": "so_tien",
}

Open = Callable[..., Connector]


def payments(first: int, last: int) -> list[dict[str, Any]]:
    return [
        {"ma_truong": f"{number:08d}", "kenh": "The", "so_giao_dich": number,
         "so_tien": number * 1000.5, "ho_ten": "Nguyễn Văn A"}
        for number in range(first, last)
    ]  # fmt: skip


@pytest.fixture
def opened(tmp_path: Path, service: Service) -> Open:
    """A connector for the payments of the service."""

    def made(
        source: dict[str, Any] | None = None, limits: dict[str, Any] | None = None, **options: Any
    ) -> Connector:
        declared = {
            "path": "/v1/payments",
            "period": {"parameter": "thang"},
            "periods": {"path": "/v1/payments/periods", "items": "data"},
            "items": "data",
            "fields": FIELDS,
            **options,
        }
        return connector(
            tmp_path,
            **{
                "connector": "rest",
                "address": service.address,
                "allow": ["127.0.0.1"],
                "limits": {"max_wait_seconds": 0.05, "attempts": 3, "timeout_seconds": 5}
                | (limits or {}),
                "records": {"payment": declared},
                **(source or {}),
            },
        )

    return made


def schools(opened: Connector) -> list[str]:
    return table(opened.read(PAYMENT, MONTH))["school"].to_pylist()


ALL = [f"{number:08d}" for number in range(25)]


def by_cursor(request: Request) -> Reply:
    start = int(request.query.get("cursor", "0"))
    stop = min(start + int(request.query.get("limit", "10")), 25)
    following = str(stop) if stop < 25 else None
    return Reply({"data": payments(start, stop), "next_cursor": following})


def by_offset(request: Request) -> Reply:
    start = int(request.query["offset"])
    # Never more than seven, whatever is asked for.
    return Reply({"data": payments(start, min(start + 7, 25)), "total": 25})


def by_offset_without_total(request: Request) -> Reply:
    start = int(request.query["offset"])
    return Reply({"data": payments(start, min(start + 7, 25))})


def by_page(request: Request) -> Reply:
    start = (int(request.query["page"]) - 1) * 10
    return Reply({"data": payments(start, min(start + 10, 25)), "pages": 3})


def by_page_without_end(request: Request) -> Reply:
    start = (int(request.query["page"]) - 1) * 10
    return Reply({"data": payments(start, min(start + 10, 25))})


def by_link(request: Request) -> Reply:
    start = int(request.query.get("from", "0"))
    stop = min(start + 10, 25)
    link = f'</v1/payments?thang={MONTH}&from={stop}>; rel="next", </v1/payments>; rel="first"'
    return Reply({"data": payments(start, stop)}, headers={"Link": link} if stop < 25 else {})


@pytest.mark.parametrize(
    ("paging", "route", "asked"),
    [
        ("cursor", by_cursor, 3),
        ("offset", by_offset, 4),
        ("offset", by_offset_without_total, 5),
        ("page", by_page, 3),
        ("page", by_page_without_end, 4),
        ("link", by_link, 3),
    ],
)
def test_paging(opened: Open, service: Service, paging: str, route: Any, asked: int):
    service.routes["/v1/payments"] = route
    assert schools(opened(paging=paging, page_size=10)) == ALL
    requests = service.asked("/v1/payments")
    assert len(requests) == asked
    assert {request.query.get("thang") for request in requests} == {MONTH}


def test_records_are_mapped_and_numbered(opened: Open, service: Service):
    service.routes["/v1/payments"] = by_cursor
    found = table(opened(paging="cursor").read(PAYMENT, MONTH))
    assert found["_row"].to_pylist() == list(range(1, 26))
    assert found["payment_channel"].unique().to_pylist() == ["card"]
    assert found["transactions"].to_pylist() == list(range(25))
    assert found["amount"].to_pylist()[2] == 2001.0
    assert "Nguyễn" not in str(found.to_pydict())


def test_only_declared_fields_are_asked_for(opened: Open, service: Service):
    service.routes["/v1/payments"] = by_cursor
    schools(opened(paging="cursor", fields_parameter="fields", parameters={"phien_ban": 2}))
    first = service.asked("/v1/payments")[0]
    assert first.query["fields"] == "ma_truong,kenh,so_giao_dich,so_tien"
    assert first.query["phien_ban"] == "2"


def test_other_names_for_paging(opened: Open, service: Service):
    def route(request: Request) -> Reply:
        start = int(request.query.get("sau", "0"))
        assert request.query["so_luong"] == "10"
        stop = min(start + 10, 25)
        following = {"meta": {"sau": stop if stop < 25 else None}}
        return Reply({"ket_qua": {"ds": payments(start, stop)}, **following})

    service.routes["/v1/payments"] = route
    paging = {"kind": "cursor", "parameter": "sau", "size_parameter": "so_luong",
              "next": "meta.sau"}  # fmt: skip
    assert schools(opened(paging=paging, page_size=10, items="ket_qua.ds")) == ALL


def test_nested_fields(opened: Open, service: Service):
    service.routes["/v1/payments"] = lambda _: Reply(
        {"data": [{"truong": {"ma": "01"}, "kenh": True, "so_giao_dich": 1, "so_tien": {"x": 1}}]}
    )
    fields = FIELDS | {"school": "truong.ma"}
    reading = opened(fields=fields, fields_parameter="fields").read(PAYMENT, MONTH)
    assert table(reading).drop_columns(["_origin", "_row"]).to_pylist() == [
        {"school": "01", "payment_channel": "yes", "transactions": 1, "amount": "\ufffd"}
    ]
    assert service.requests[0].query["fields"] == "truong,kenh,so_giao_dich,so_tien"


def test_periods(opened: Open, service: Service):
    service.routes["/v1/payments/periods"] = lambda _: Reply({"data": ["2025-10", "2025-09"]})
    assert opened().periods("payment") == ["2025-09", "2025-10"]
    service.routes["/v1/payments/periods"] = lambda _: Reply({"data": [{"thang": "10/2025"}]})
    period = {"parameter": "thang", "map": {"10/2025": "2025-10"}}
    periods = {"path": "/v1/payments/periods", "items": "data", "field": "thang"}
    mapped = opened(periods=periods, period=period)
    assert mapped.periods("payment") == ["2025-10"]
    service.routes["/v1/payments"] = by_cursor
    schools(mapped)
    assert service.asked("/v1/payments")[0].query["thang"] == "10/2025"
    assert opened(periods=["2025-10"]).periods("payment") == ["2025-10"]


# What cannot be trusted


def test_a_service_that_goes_round_in_circles(opened: Open, service: Service):
    service.routes["/v1/payments"] = lambda _: Reply({"data": payments(0, 10), "next_cursor": "1"})
    with pytest.raises(SourceAnswerError):
        schools(opened(paging="cursor"))
    assert len(service.requests) == 2
    with pytest.raises(SourceAnswerError):
        schools(opened(paging="page"))


def test_a_service_that_ends_short(opened: Open, service: Service):
    service.routes["/v1/payments"] = lambda request: Reply(
        {"data": payments(0, 10) if request.query["offset"] == "0" else [], "total": 25}
    )
    with pytest.raises(SourceAnswerError, match="25"):
        schools(opened(paging="offset"))


def test_a_field_that_is_not_sent(opened: Open, service: Service):
    service.routes["/v1/payments"] = by_cursor
    with pytest.raises(SourceAnswerError, match="ma_don_vi"):
        schools(opened(paging="cursor", fields=FIELDS | {"school": "ma_don_vi"}))
    optional = FIELDS | {"school": {"from": "ma_don_vi", "optional": True}}
    assert schools(opened(paging="cursor", fields=optional)) == [None] * 25


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"data": NaN}',
        b'{"other": []}',
        b'{"data": {}}',
        b'{"data": ["x"]}',
        b"[" * 100_000,
        b'{"data": ' + b"[" * 40 + b"]" * 40 + b"}",
        b"\xff\xfe",
    ],
)
def test_wrong_answers(opened: Open, service: Service, body: bytes):
    service.routes["/v1/payments"] = lambda _: Reply(body)
    with pytest.raises(SourceAnswerError):
        schools(opened())
    assert len(service.requests) == 1  # to ask again would not help


def test_data_that_changes_meanwhile(opened: Open, service: Service):
    tags = itertools.chain(['"a"'], itertools.repeat('"b"'))

    def route(request: Request) -> Reply:
        if request.method == "HEAD":
            return Reply(headers={"ETag": next(tags)})
        return by_cursor(request)

    service.routes["/v1/payments"] = route
    with pytest.raises(SourceChangedError):
        schools(opened(paging="cursor", change="etag"))
    assert schools(opened(paging="cursor", change="etag")) == ALL


# Change


def test_the_etag_is_the_token(opened: Open, service: Service):
    tag = '"1"'
    service.routes["/v1/payments"] = lambda request: Reply(
        payments(0, 1) and {"data": payments(0, 1)}, headers={"ETag": tag}
    )
    first = opened(change="etag").change_token("payment", MONTH)
    assert opened(change="etag").change_token("payment", MONTH) == first
    assert opened(change="etag").change_token("payment", "2025-09") != first
    assert {request.method for request in service.requests} == {"HEAD"}
    tag = '"2"'
    assert opened(change="etag").change_token("payment", MONTH) != first


def test_a_service_without_head_is_asked_for_one_record(opened: Open, service: Service):
    def route(request: Request) -> Reply:
        if request.method == "HEAD":
            return Reply(status=405)
        assert request.query["limit"] == "1"
        return Reply({"data": payments(0, 1)}, headers={"Last-Modified": "x"})

    service.routes["/v1/payments"] = route
    client = opened(paging="cursor", change="etag")
    assert client.change_token("payment", MONTH) == client.change_token("payment", MONTH)


def test_a_service_that_cannot_tell_is_always_read(opened: Open, service: Service):
    service.routes["/v1/payments"] = by_cursor
    for options in ({}, {"change": "etag"}, {"change": {"header": "X-Version"}}):
        client = opened(paging="cursor", **options)
        assert client.change_token("payment", MONTH) != client.change_token("payment", MONTH)


def test_a_change_endpoint(opened: Open, service: Service):
    version = 1
    service.routes["/v1/version"] = lambda request: Reply(
        {"meta": {"version": version, "asked": request.query["thang"]}}
    )
    change = {"path": "/v1/version", "field": "meta.version"}
    client = opened(change=change)
    token = client.change_token("payment", MONTH)
    assert client.change_token("payment", MONTH) == token
    version = 2
    assert client.change_token("payment", MONTH) != token


# Faults


def faulty(*faults: Reply) -> Callable[[Request], Reply]:
    pending: Iterator[Reply] = iter(faults)
    return lambda request: next(pending, None) or by_cursor(request)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_service_is_asked_again(opened: Open, service: Service, status: int):
    service.routes["/v1/payments"] = faulty(Reply(status=status), Reply(status=status))
    assert schools(opened(paging="cursor", page_size=25)) == ALL
    assert len(service.requests) == 3


def test_patience_ends(opened: Open, service: Service):
    service.routes["/v1/payments"] = lambda _: Reply(status=503)
    with pytest.raises(SourceConnectionError) as error:
        schools(opened())
    assert error.value.transient
    assert len(service.requests) == 3


def test_retry_after_is_kept(opened: Open, service: Service):
    service.routes["/v1/payments"] = faulty(Reply(status=429, headers={"Retry-After": "1"}))
    began = time.monotonic()
    assert schools(opened(paging="cursor", limits={"max_wait_seconds": 5})) == ALL
    assert 1 <= time.monotonic() - began < 4


def test_retry_after_as_a_date(opened: Open, service: Service):
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    header = {"Retry-After": email.utils.format_datetime(later, usegmt=True)}
    service.routes["/v1/payments"] = faulty(Reply(status=503, headers=header))
    began = time.monotonic()
    assert schools(opened(paging="cursor", limits={"max_wait_seconds": 5})) == ALL
    assert 0.5 < time.monotonic() - began < 4


def test_a_wait_that_is_too_long_ends_the_run(opened: Open, service: Service):
    service.routes["/v1/payments"] = faulty(Reply(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(SourceConnectionError):
        schools(opened(paging="cursor"))
    assert len(service.requests) == 1


def test_an_answer_cut_short_is_fetched_again(opened: Open, service: Service):
    whole = {"data": payments(0, 10), "next_cursor": "10"}
    service.routes["/v1/payments"] = faulty(Reply(whole, cut=200), Reply(whole, cut=0))
    assert schools(opened(paging="cursor")) == ALL


def test_a_silent_service(opened: Open, service: Service):
    def route(_: Request) -> Reply:
        time.sleep(1.5)
        return Reply({"data": []})

    service.routes["/v1/payments"] = route
    with pytest.raises(SourceTimeoutError) as error:
        schools(opened(limits={"timeout_seconds": 0.3, "attempts": 2}))
    assert error.value.transient


def test_a_drip_that_never_ends(opened: Open, service: Service):
    def drip() -> Iterator[bytes]:
        while True:
            time.sleep(0.02)
            yield b" "

    service.routes["/v1/payments"] = lambda _: Reply(chunks=drip())
    limits = {"timeout_seconds": 0.2, "attempts": 1, "max_response_bytes": 100_000}
    with pytest.raises(SourceTimeoutError):
        schools(opened(limits=limits))


def test_packed_answers(opened: Open, service: Service):
    packed = gzip.compress(json.dumps({"data": payments(0, 25)}).encode())
    service.routes["/v1/payments"] = lambda _: Reply(packed, headers={"Content-Encoding": "gzip"})
    assert schools(opened()) == ALL
    bomb = gzip.compress(b" " * 50_000_000)
    service.routes["/v1/payments"] = lambda _: Reply(bomb, headers={"Content-Encoding": "gzip"})
    tracemalloc.start()
    with pytest.raises(SourceTooLargeError, match="max_response_bytes"):
        schools(opened(limits={"max_response_bytes": 1_000_000}))
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_a_huge_answer_is_left_at_the_limit(opened: Open, service: Service):
    sent = 0

    def flood() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(4000):
            sent += 65536
            yield b" " * 65536

    service.routes["/v1/payments"] = lambda _: Reply(chunks=flood())
    with pytest.raises(SourceTooLargeError, match="max_response_bytes"):
        schools(opened(limits={"max_response_bytes": 1_000_000}))
    time.sleep(0.1)
    assert sent < 100_000_000


def test_limits_of_a_whole_reading(opened: Open, service: Service):
    service.routes["/v1/payments"] = by_cursor
    with pytest.raises(SourceTooLargeError, match="max_rows"):
        schools(opened(paging="cursor", limits={"max_rows": 24}))
    with pytest.raises(SourceTooLargeError, match="max_bytes"):
        schools(opened(paging="cursor", limits={"max_bytes": 2000}))
    batches = list(opened(paging="cursor", limits={"batch_rows": 10}).read(PAYMENT, MONTH))
    assert [batch.batch.num_rows for batch in batches] == [10, 10, 5]


def test_nobody_listens(opened: Open, tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = opened({"address": f"http://127.0.0.1:{port}"})
    with pytest.raises(SourceConnectionError):
        schools(client)


def test_not_found_and_forbidden(opened: Open, service: Service):
    with pytest.raises(SourceAnswerError, match="404"):
        schools(opened())
    service.routes["/v1/payments"] = lambda _: Reply(status=403)
    with pytest.raises(SourceRefusedError):
        schools(opened())


# Credentials


OAUTH = {
    "kind": "oauth2",
    "token": "/oauth/token",
    "client_id": "${TEST_CLIENT}",
    "client_secret": "${TEST_SECRET}",
}


BASIC = "Basic cG9ydGFsOnMzY3IzdC1vZi10aGUtc2VydmljZQ=="


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_CLIENT", "portal")
    monkeypatch.setenv("TEST_SECRET", "s3cr3t-of-the-service")


def guarded(service: Service, lifetime: int = 600) -> set[str]:
    """Make the service ask for tokens; the set has those that are still good."""
    good: set[str] = set()
    numbers = itertools.count(1)

    def token(request: Request) -> Reply:
        basic = request.headers.get("authorization") == BASIC
        if not basic and request.form.get("client_secret") != "s3cr3t-of-the-service":
            return Reply({"error": "invalid_client"}, status=401)
        assert request.form["grant_type"] == "client_credentials"
        made = f"token-{next(numbers)}"
        good.add(made)
        return Reply({"access_token": made, "token_type": "Bearer", "expires_in": lifetime})

    def data(request: Request) -> Reply:
        sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        return by_cursor(request) if sent in good else Reply(status=401)

    service.routes |= {"/oauth/token": token, "/v1/payments": data}
    return good


@pytest.mark.parametrize("style", ["basic", "form"])
def test_oauth2_client_credentials(opened: Open, service: Service, secrets: None, style: str):
    guarded(service)
    assert schools(opened({"auth": OAUTH | {"style": style}}, paging="cursor")) == ALL
    assert len(service.asked("/oauth/token")) == 1


def test_a_token_that_runs_out_is_renewed(opened: Open, service: Service, secrets: None):
    guarded(service, lifetime=0)
    assert schools(opened({"auth": OAUTH}, paging="cursor")) == ALL
    assert len(service.asked("/oauth/token")) == 3


def test_a_revoked_token_is_renewed_once(opened: Open, service: Service, secrets: None):
    good = guarded(service)
    reading = opened({"auth": OAUTH}, paging="cursor", limits={"batch_rows": 10}).read(
        PAYMENT, MONTH
    )
    next(reading)
    good.clear()
    assert sum(batch.batch.num_rows for batch in reading) == 15
    assert len(service.asked("/oauth/token")) == 2


def test_a_service_that_takes_no_token(opened: Open, service: Service, secrets: None):
    guarded(service)
    service.routes["/v1/payments"] = lambda _: Reply(status=401)
    with pytest.raises(SourceRefusedError):
        schools(opened({"auth": OAUTH}))
    assert len(service.asked("/oauth/token")) == 2


def test_wrong_secrets_are_told_without_being_shown(
    opened: Open, service: Service, secrets: None, monkeypatch: pytest.MonkeyPatch
):
    guarded(service)
    monkeypatch.setenv("TEST_SECRET", "wrong-s3cr3t")
    client = opened({"auth": OAUTH})
    with pytest.raises(SourceRefusedError) as error:
        schools(client)
    shown = f"{error.value} {error.value!r} {vars(client)} {client!r}"
    assert "wrong-s3cr3t" not in shown
    assert error.value.__cause__ is None


@pytest.mark.parametrize("answer", [b"x", b"{}", b'{"access_token": 1}', b'["a"]'])
def test_a_token_service_that_answers_nonsense(
    opened: Open, service: Service, secrets: None, answer: bytes
):
    service.routes["/oauth/token"] = lambda _: Reply(answer)
    with pytest.raises(SourceAnswerError):
        schools(opened({"auth": OAUTH}))


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"kind": "bearer", "token": "${TEST_SECRET}"}, "authorization",
         "Bearer s3cr3t-of-the-service"),
        ({"kind": "header", "header": "X-API-Key", "value": "${TEST_SECRET}"}, "x-api-key",
         "s3cr3t-of-the-service"),
        ({"kind": "basic", "username": "${TEST_CLIENT}", "password": "${TEST_SECRET}"},
         "authorization", BASIC),
    ],
)  # fmt: skip
def test_other_credentials(
    opened: Open, service: Service, secrets: None, auth: dict, header: str, value: str
):
    service.routes["/v1/payments"] = by_cursor
    assert schools(opened({"auth": auth}, paging="cursor")) == ALL
    assert {request.headers[header] for request in service.requests} == {value}


def test_a_missing_secret(opened: Open, service: Service):
    with pytest.raises(SourceConfigurationError, match="TEST_MISSING"):
        schools(opened({"auth": {"kind": "bearer", "token": "${TEST_MISSING}"}}))


# Where it may go


def test_hosts_that_are_not_allowed(opened: Open, service: Service):
    for allow in (["api.example.vn"], ["10.0.0.0/8"], [f"127.0.0.1:{service.port + 1}"], ["::1"]):
        with pytest.raises(SourceRefusedError):
            schools(opened({"allow": allow}))
    assert service.requests == []
    service.routes["/v1/payments"] = by_cursor
    for allow in (["127.0.0.0/8"], [f"127.0.0.1:{service.port}"]):
        assert schools(opened({"allow": allow}, paging="cursor")) == ALL


def test_a_redirect_within_the_service(opened: Open, service: Service):
    service.routes["/v1/payments"] = lambda _: Reply(status=302, headers={"Location": "/v2?x=1"})
    service.routes["/v2"] = by_cursor
    assert schools(opened()) == ALL[:10]


def test_a_redirect_elsewhere_is_refused_unless_allowed(
    opened: Open, service: Service, secrets: None
):
    auth = {"kind": "bearer", "token": "${TEST_SECRET}"}
    with serving("127.0.0.2") as other:
        other.routes["/p"] = by_cursor
        service.routes["/v1/payments"] = lambda _: Reply(
            status=307, headers={"Location": f"{other.address}/p"}
        )
        with pytest.raises(SourceRefusedError, match=r"127\.0\.0\.2"):
            schools(opened({"auth": auth}))
        assert other.requests == []
        schools(opened({"auth": auth, "allow": ["127.0.0.1", "127.0.0.2"]}))
        # The other host is let in, not trusted with the credentials.
        assert "authorization" not in other.requests[0].headers


def test_a_next_link_elsewhere_is_refused(opened: Open, service: Service):
    service.routes["/v1/payments"] = lambda _: Reply(
        {"data": payments(0, 10)}, headers={"Link": '<http://169.254.169.254/latest>; rel="next"'}
    )
    with pytest.raises(SourceRefusedError):
        schools(opened(paging="link"))


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://127.0.0.1/", "http://user:pw@127.0.0.1/", "//[::1]/"]
)
def test_redirects_to_what_is_not_http(opened: Open, service: Service, location: str):
    service.routes["/v1/payments"] = lambda _: Reply(status=302, headers={"Location": location})
    with pytest.raises(SourceRefusedError):
        schools(opened())


def test_redirects_without_end(opened: Open, service: Service):
    service.routes["/v1/payments"] = lambda _: Reply(
        status=302, headers={"Location": "/v1/payments"}
    )
    with pytest.raises(SourceAnswerError):
        schools(opened())
    assert len(service.requests) == 6


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """A DNS of the test's own: addresses by name."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def lookup(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in known:
            return real(host, port, *args, **kwargs)
        if not known[host]:
            raise socket.gaierror(-2, "Name or service not known")
        return [(2, 1, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return known


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["192.168.1.1"], ["100.64.0.1"],
     ["8.8.8.8", "127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["fd00::1"], ["64:ff9b::7f00:1"],
     ["2002:7f00:1::"], ["0.0.0.0"], ["224.0.0.1"], ["64:ff9b:1::7f00:1"], ["::ffff:0:127.0.0.1"],
     ["::127.0.0.1"], ["fec0::1"], ["192.0.0.192"], ["192.88.99.1"], ["5f00::1"]],
)  # fmt: skip
def test_a_name_that_leads_inside_is_refused(names: dict[str, list[str]], addresses: list[str]):
    names["api.example.vn"] = addresses
    allow = AllowList("nguon", ["api.example.vn"])
    with pytest.raises(SourceRefusedError):
        allow.addresses("api.example.vn", 443)


def test_a_name_that_leads_outside_or_to_a_declared_network(names: dict[str, list[str]]):
    names["api.example.vn"] = ["2001:4860:4860::8888"]
    assert AllowList("nguon", ["api.example.vn"]).addresses("api.example.vn", 443)
    names["api.example.vn"] = ["8.8.8.8"]
    names["noi-bo.example.vn"] = ["10.2.3.4"]
    allow = AllowList("nguon", ["api.example.vn", "noi-bo.example.vn", "10.2.0.0/16"])
    assert allow.addresses("API.example.vn.", 443) == ["8.8.8.8"]
    assert allow.addresses("noi-bo.example.vn", 443) == ["10.2.3.4"]
    with pytest.raises(SourceRefusedError):
        allow.addresses("other.example.vn", 443)
    names["api.example.vn"] = []
    with pytest.raises(SourceConnectionError):
        allow.addresses("api.example.vn", 443)


def test_a_name_is_looked_up_for_each_connection(
    opened: Open, service: Service, names: dict[str, list[str]]
):
    names["api.example.vn"] = ["127.0.0.1"]
    service.routes["/v1/payments"] = by_cursor
    source = {
        "address": f"http://api.example.vn:{service.port}",
        "allow": ["api.example.vn", "127.0.0.0/8"],
    }
    assert schools(opened(source, paging="cursor")) == ALL
    names["api.example.vn"] = ["10.0.0.1"]
    with pytest.raises(SourceRefusedError):
        schools(opened(source, paging="cursor"))


def test_credentials_do_not_go_over_plain_http_outside(
    opened: Open, names: dict[str, list[str]], secrets: None
):
    names["api.example.vn"] = ["8.8.8.8"]
    auth = {"kind": "bearer", "token": "${TEST_SECRET}"}
    client = opened({"address": "http://api.example.vn", "allow": ["api.example.vn"], "auth": auth})
    with pytest.raises(SourceConfigurationError, match="HTTP"):
        schools(client)


@pytest.mark.parametrize("entry", ["http://host/", "user@host", "*.example.vn", "", "a b:x"])
def test_entries_of_an_allow_list_that_are_none(entry: str):
    with pytest.raises(SourceConfigurationError):
        AllowList("nguon", [entry])


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/", "127.0.0.1", "http://a:b@127.0.0.1/"])
def test_addresses_that_are_no_http(opened: Open, monkeypatch: pytest.MonkeyPatch, address: str):
    monkeypatch.setenv("TEST_ADDRESS", address)
    with pytest.raises(SourceConfigurationError):
        opened({"address": "${TEST_ADDRESS}"})


def test_proxies_of_the_machine_are_not_used(
    opened: Open, service: Service, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.9:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.9:9")
    service.routes["/v1/payments"] = by_cursor
    assert schools(opened(paging="cursor")) == ALL


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file; its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "test.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_tls_is_verified(opened: Open, certificate: Path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(tls=context) as secure:
        secure.routes["/v1/payments"] = by_cursor
        source = {"address": secure.address}
        with pytest.raises(SourceRefusedError, match="TLS"):
            schools(opened(source))
        trusted = source | {"tls": {"ca": str(certificate)}}
        assert schools(opened(trusted, paging="cursor")) == ALL
        # From here there is no way back to plain HTTP.
        secure.routes["/v1/payments"] = lambda _: Reply(
            status=302, headers={"Location": "http://127.0.0.1/"}
        )
        with pytest.raises(SourceRefusedError, match="HTTP"):
            schools(opened(trusted))


def test_a_certificate_for_another_name(opened: Open, certificate: Path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving("127.0.0.2", tls=context) as secure:
        source = {"address": secure.address, "allow": ["127.0.0.2"],
                  "tls": {"ca": str(certificate)}}  # fmt: skip
        with pytest.raises(SourceRefusedError, match="TLS"):
            schools(opened(source))


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('<https://a/?p=2>; rel="next"', "https://a/?p=2"),
        ("<a>; rel=prev, <b>; rel=next", "b"),
        ('<a,b;c>; title="x, y"; rel="last next"', "a,b;c"),
        ('<a>; rel="prev"', None),
        ("", None),
        ('<a>; title="rel=next"', None),
    ],
)
def test_links(header: str, target: str | None):
    assert _next_link(header) == target


def test_unknown_records_and_errors_in_both_languages(opened: Open):
    with pytest.raises(SourceError) as error:
        opened().periods("pupil")
    assert "Nguồn không cung cấp" in error.value.vi
    assert "does not deliver" in error.value.en


def test_json_that_does_not_end_is_measured_in_one_go() -> None:
    unfinished = b"[" * 40 + b'"' + b'\\"' * 4_000_000
    assert depth(unfinished) == 40
    assert depth(b'{"a[[": "\\"]]{", "b": [1, {}]}') == 3
