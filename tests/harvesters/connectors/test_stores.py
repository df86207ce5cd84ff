"""Files that lie elsewhere: on a web server, on an SFTP server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from harvesters.connectors import Connector
from harvesters.connectors.stores import Pattern
from harvesters.errors import (
    SourceAnswerError,
    SourceConfigurationError,
    SourceConnectionError,
    SourceRefusedError,
    SourceTooLargeError,
)
from tests.harvesters.connectors.helpers import connector, record_type, table
from tests.harvesters.connectors.service import Reply, Request, Service
from tests.harvesters.connectors.sftp import PASSWORD, USER, Sftp, serving

pytestmark = pytest.mark.unit

YEAR = "2025-2026"
FEE = record_type("fee", {"school": "institution", "amount": "integer"})
FIELDS = {"school": {"from": "Mã trường", "width": 8}, "amount": {"from": "Mức", "number": "vi"}}
CONTENT = "Mã trường;Mức\n7904012;350.000\n".encode()
RECORDS = [{"school": "07904012", "amount": "350000"}]

Open = Callable[..., Connector]


def read(opened: Connector, period: str = YEAR) -> list[dict[str, Any]]:
    return table(opened.read(FEE, period)).drop_columns(["_origin", "_row"]).to_pylist()


# Patterns


@pytest.mark.parametrize(
    ("pattern", "name", "fits", "period"),
    [
        ("a/{period}/*.csv", f"a/{YEAR}/x.csv", True, YEAR),
        ("a/{period}/*.csv", "a/2025-10/x.csv", True, "2025-10"),
        ("a/{period}/*.csv", "a/2025/x.csv", False, None),
        ("a/{period}/*.csv", f"a/{YEAR}/b/x.csv", False, None),
        ("**/{period}.csv", f"a/b/{YEAR}.csv", True, YEAR),
        ("**/{period}.csv", f"{YEAR}.csv", True, YEAR),
        ("{period}/{period}-?.csv", f"{YEAR}/{YEAR}-1.csv", True, YEAR),
        ("{period}/{period}-?.csv", f"{YEAR}/2024-2025-1.csv", False, None),
        ("*.csv", ".x.csv", False, None),
        ("*", "~$x.xlsx", False, None),
        ("*", "x.csv.PART", False, None),
        ("a.csv", "abcsv", False, None),
    ],
)
def test_patterns(pattern: str, name: str, fits: bool, period: str | None):
    assert Pattern(pattern).match(name) == (fits, period)


def test_periods_called_otherwise():
    pattern = Pattern("nam-hoc-{period}.csv", ["25-26", "24-25"])
    assert pattern.match("nam-hoc-25-26.csv") == (True, "25-26")
    assert pattern.match(f"nam-hoc-{YEAR}.csv") == (False, None)


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_pattern_can_be_asked(pattern: str, name: str):
    fits, period = Pattern(pattern).match(name)
    assert period is None or fits


# A web server


@pytest.fixture
def web(tmp_path: Path, service: Service) -> Open:
    def made(limits: dict[str, Any] | None = None, **options: Any) -> Connector:
        declared = {"pattern": "tep/{period}.csv", "periods": [YEAR, "2024-2025"],
                    "fields": FIELDS} | options  # fmt: skip
        return connector(
            tmp_path,
            connector="files",
            address=service.address,
            allow=["127.0.0.1"],
            limits={"attempts": 2, "max_wait_seconds": 0.05} | (limits or {}),
            records={"fee": declared},
        )

    service.routes[f"/tep/{YEAR}.csv"] = lambda _: Reply(CONTENT, headers={"ETag": '"1"'})
    return made


def test_a_file_on_a_web_server(web: Open, service: Service):
    assert web().periods("fee") == [YEAR]
    assert read(web()) == RECORDS
    token = web().change_token("fee", YEAR)
    assert web().change_token("fee", YEAR) == token
    service.routes[f"/tep/{YEAR}.csv"] = lambda _: Reply(CONTENT, headers={"ETag": '"2"'})
    assert web().change_token("fee", YEAR) != token


def test_a_web_server_that_cannot_tell(web: Open, service: Service):
    service.routes[f"/tep/{YEAR}.csv"] = lambda request: (
        Reply(status=405) if request.method == "HEAD" else Reply(CONTENT)
    )
    assert web().change_token("fee", YEAR) != web().change_token("fee", YEAR)
    assert read(web()) == RECORDS


def test_a_large_file_is_left_at_the_limit(web: Open, service: Service):
    with pytest.raises(SourceTooLargeError, match="max_file_bytes"):
        read(web(limits={"max_file_bytes": 10}))


def test_a_download_that_breaks_is_started_again(web: Open, service: Service):
    cuts = iter([10])

    def route(request: Request) -> Reply:
        if request.method == "HEAD":
            return Reply()
        return Reply(CONTENT, cut=next(cuts, None))

    service.routes[f"/tep/{YEAR}.csv"] = route
    assert read(web()) == RECORDS


def test_a_web_server_lists_nothing(web: Open):
    with pytest.raises(SourceConfigurationError):
        web(pattern="tep/{period}/*.csv").periods("fee")


def test_one_file_of_a_fixed_period(web: Open, service: Service):
    service.routes["/danh-muc.csv"] = lambda _: Reply(CONTENT)
    fixed = web(pattern="danh-muc.csv", period={"fixed": "2025-07-01"}, periods=["2025-07-01"])
    assert fixed.periods("fee") == ["2025-07-01"]
    assert read(fixed, "2025-07-01") == RECORDS
    with pytest.raises(SourceAnswerError):
        read(fixed, YEAR)


# An SFTP server


@pytest.fixture(scope="module")
def host_key() -> paramiko.PKey:
    return paramiko.ECDSAKey.generate()


@pytest.fixture
def client_key(tmp_path: Path) -> Path:
    """A private key with a passphrase, in a file."""
    path = tmp_path / "id_ed25519"
    path.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.BestAvailableEncryption(b"cum-mat-khau"),
        )
    )
    return path


@pytest.fixture
def server(tmp_path: Path, host_key: paramiko.PKey, client_key: Path) -> Iterator[Sftp]:
    root = tmp_path / "sftp"
    (root / "hoc-phi" / YEAR).mkdir(parents=True)
    (root / "hoc-phi" / YEAR / "phuong-1.csv").write_bytes(CONTENT)
    (root / "hoc-phi" / YEAR / "doc-toi.txt").write_bytes(b"x")
    (root / "hoc-phi" / YEAR / "lien-ket.csv").symlink_to("/etc/passwd")
    known = paramiko.PKey.from_path(client_key, b"cum-mat-khau").get_base64()
    with serving(root, host_key, [known]) as running:
        yield running


@pytest.fixture
def sftp(tmp_path: Path, server: Sftp, monkeypatch: pytest.MonkeyPatch) -> Open:
    monkeypatch.setenv("TEST_PASSWORD", PASSWORD)
    monkeypatch.setenv("TEST_PHRASE", "cum-mat-khau")

    def made(
        auth: dict[str, Any] | None = None, limits: dict[str, Any] | None = None, **source: Any
    ) -> Connector:
        credentials = {
            "kind": "ssh",
            "username": USER,
            "host_key": server.host_key,
            "password": "${TEST_PASSWORD}",
        } | (auth or {})
        return connector(
            tmp_path,
            **{
                "connector": "files",
                "address": f"sftp://127.0.0.1:{server.port}/hoc-phi",
                "allow": ["127.0.0.1"],
                "auth": credentials,
                "limits": {"timeout_seconds": 5, "connect_seconds": 5} | (limits or {}),
                "records": {"fee": {"pattern": "{period}/*.csv", "fields": FIELDS}},
                **source,
            },
        )

    return made


def test_files_on_an_sftp_server(sftp: Open, server: Sftp):
    client = sftp()
    assert client.periods("fee") == [YEAR]
    assert read(client) == RECORDS
    assert client.change_token("fee", YEAR) == sftp().change_token("fee", YEAR)
    assert server.accepted == 2
    client.close()
    assert client.periods("fee") == [YEAR]
    client.close()


def test_a_change_on_an_sftp_server(sftp: Open, tmp_path: Path):
    client = sftp()
    token = client.change_token("fee", YEAR)
    (tmp_path / "sftp" / "hoc-phi" / YEAR / "phuong-2.csv").write_bytes(CONTENT)
    assert client.change_token("fee", YEAR) != token
    assert len(read(client)) == 2
    client.close()


def test_a_private_key(sftp: Open, client_key: Path):
    auth = {"key_file": str(client_key), "passphrase": "${TEST_PHRASE}"}
    client = sftp(auth)
    assert read(client) == RECORDS
    client.close()


def test_a_private_key_that_cannot_be_read(
    sftp: Open, client_key: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TEST_PHRASE", "sai")
    auth = {"key_file": str(client_key), "passphrase": "${TEST_PHRASE}"}
    with pytest.raises(SourceConfigurationError) as error:
        read(sftp(auth))
    assert "sai" not in str(error.value.en)


def test_another_host_key_is_refused_before_the_password_is_sent(sftp: Open):
    other = paramiko.ECDSAKey.generate()
    wrong = {"host_key": f"{other.get_name()} {other.get_base64()}"}
    with pytest.raises(SourceRefusedError, match="host_key"):
        read(sftp(wrong))
    of_another_kind = {"host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP"}
    with pytest.raises(SourceConnectionError):
        read(sftp(of_another_kind))


def test_a_wrong_password(sftp: Open, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TEST_PASSWORD", "mat-khau-sai")
    with pytest.raises(SourceRefusedError) as error:
        read(sftp())
    assert "mat-khau-sai" not in f"{error.value} {error.value.__cause__}"


def test_a_host_key_must_be_declared(server: Sftp, tmp_path: Path):
    with pytest.raises(SourceConfigurationError, match="host_key"):
        connector(
            tmp_path,
            connector="files",
            address=f"sftp://127.0.0.1:{server.port}/hoc-phi",
            allow=["127.0.0.1"],
            records={"fee": {"pattern": "{period}/*.csv", "fields": FIELDS}},
        )


def test_hosts_that_are_not_allowed(sftp: Open, server: Sftp):
    with pytest.raises(SourceRefusedError):
        read(sftp(allow=["10.0.0.0/8"]))
    assert server.accepted == 0


def test_limits(sftp: Open):
    with pytest.raises(SourceTooLargeError):
        read(sftp(limits={"max_file_bytes": 10}))
    with pytest.raises(SourceTooLargeError):
        read(sftp(limits={"max_files": 1}, records={
            "fee": {"pattern": "{period}/*", "fields": FIELDS}}))  # fmt: skip


def test_a_folder_that_is_not_there(sftp: Open, server: Sftp):
    with pytest.raises(SourceAnswerError):
        sftp(address=f"sftp://127.0.0.1:{server.port}/khong-co").periods("fee")


def test_nobody_listens(sftp: Open):
    with pytest.raises(SourceConnectionError):
        sftp(address="sftp://127.0.0.1:1/x").periods("fee")
