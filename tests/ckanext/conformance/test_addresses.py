"""Which addresses are asked, and what is said of those that are not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ckan.tests.helpers import changed_config

from ckanext.hcmedu.conformance import addresses
from ckanext.hcmedu.conformance.addresses import Addresses
from tests.harvesters.connectors.service import Reply, Service, serving

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _nowhere_else() -> Iterator[None]:
    with changed_config("hcmedu.reachable", []):
        yield


@pytest.fixture
def portal() -> Iterator[Service]:
    with serving() as running:
        running.routes["/data.json"] = lambda request: Reply(b"{}")
        running.routes["/file.csv"] = lambda request: Reply(b"a;b")
        running.routes["/closed"] = lambda request: Reply(status=403)
        running.routes["/moved"] = lambda request: Reply(
            status=301, headers={"Location": "/file.csv"}
        )
        yield running


def test_each_address_is_asked_once_without_its_content(portal: Service) -> None:
    asking = Addresses(portal.address)
    for path in ("/file.csv", "/moved", "/file.csv"):
        assert asking.answers(portal.address + path)
    for path in ("/gone", "/closed"):
        assert not asking.answers(portal.address + path)
    asking.close()
    assert [one.method for one in portal.asked("/file.csv")] == ["HEAD", "HEAD"]
    assert len(asking.answered) == 2 and asking.not_asked == []
    assert asking.silent == [f"{portal.address}/closed", f"{portal.address}/gone"]


def test_what_may_not_be_asked_is_not_said_to_be_silent(portal: Service) -> None:
    with serving() as internal:
        elsewhere = [
            f"{internal.address}/secret",
            "http://169.254.169.254/latest/meta-data",
            "https://example.org/file.csv",
            "ftp://example.org/file.csv",
            "http://127.0.0.1:99999/",
        ]
        asking = Addresses(portal.address)
        assert not any(asking.answers(address) for address in elsewhere)
        asking.close()
        assert internal.requests == []
    assert asking.not_asked == sorted(elsewhere[:4])
    # An address that can be none is nobody's.
    assert asking.silent == elsewhere[4:]


def test_a_portal_that_is_not_reached_by_its_own_name_is_not_asked() -> None:
    with serving() as gone:
        address = gone.address
    asking = Addresses(address)
    assert not asking.answers(f"{address}/file.csv")
    asking.close()
    assert asking.silent == [] and asking.not_asked == [f"{address}/file.csv"]


def test_there_is_an_end_to_asking(portal: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "MOST_SECONDS", 0.0)
    asking = Addresses(portal.address)
    assert not asking.answers(f"{portal.address}/file.csv")
    asking.close()
    assert portal.asked("/file.csv") == [] and len(asking.not_asked) == 1
