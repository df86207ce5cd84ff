"""The service platform, run for real on a port of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import requests

from demo.city import City
from demo.public_services import RESOURCES
from demo.services import RateLimit, ServiceSettings, create_app

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
CLIENT = ("portal", "not a secret")
SCALE = 0.01


@pytest.fixture(scope="module")
def city() -> City:
    return City(scale=SCALE)


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """Address of a running service platform that allows 4 requests a second after 60."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "HCMEDU_SERVICES_CLIENT_ID": CLIENT[0],
        "HCMEDU_SERVICES_CLIENT_SECRET": CLIENT[1],
        "HCMEDU_CITY_SEED": "20250701",
    }
    command = [sys.executable, "-m", "demo", "services", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                if requests.get(f"{address}/health", timeout=2).ok:
                    break
            except requests.ConnectionError:
                assert process.poll() is None, "The service platform did not start."
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def token(address: str) -> str:
    answer = requests.post(
        f"{address}/oauth/token", data={"grant_type": "client_credentials"}, auth=CLIENT, timeout=5
    )
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["token_type"] == "Bearer" and body["expires_in"] > 0
    return body["access_token"]


@pytest.fixture(scope="module")
def session(service) -> requests.Session:
    with requests.Session() as made:
        made.headers["Authorization"] = f"Bearer {token(service)}"
        yield made


@pytest.fixture
def client(city):
    """A test client of the same application, without a rate limit that matters."""
    app = create_app(city, ServiceSettings(*CLIENT, rate=1e6, burst=10**6))
    with app.test_client() as made:
        got = made.post(
            "/oauth/token",
            data={
                "grant_type": "client_credentials",
                "client_id": CLIENT[0],
                "client_secret": CLIENT[1],
            },
        )
        made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {got.json['access_token']}"
        yield made


def fetch(client, name: str, period: str, limit: int) -> list[dict]:
    """Every row of a period, by the paging of the resource."""
    resource = RESOURCES[name]
    rows: list[dict] = []
    query: dict[str, str] = {resource.parameter: period, "limit": str(limit)}
    path = f"/v1/{name}"
    for _ in range(1000):
        answer = client.get(path, query_string=query or None)
        assert answer.status_code == 200
        rows += answer.json["data"]
        if resource.paging == "cursor":
            if answer.json["next_cursor"] is None:
                return rows
            query["cursor"] = answer.json["next_cursor"]
        elif resource.paging == "offset":
            if len(rows) >= answer.json["total"]:
                return rows
            query["offset"] = str(len(rows))
        elif resource.paging == "page":
            if answer.json["page"] >= answer.json["pages"]:
                return rows
            query["page"] = str(answer.json["page"] + 1)
        else:
            link = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
            if link is None:
                return rows
            path, query = link[1], {}
    raise AssertionError("The pages do not end.")


class TestRunning:
    def test_every_answer_is_labelled(self, service, session):
        for path in ("/", "/health", "/v1/payments", "/v1/nothing", "/v1/payments/periods"):
            answer = session.get(service + path, timeout=5)
            assert answer.headers["X-Simulated-Data"] == "true"
            assert answer.json()["mo_phong"] is True

    def test_nothing_without_a_token(self, service):
        answer = requests.get(f"{service}/v1/payments/periods", timeout=5)
        assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
        forged = {"Authorization": "Bearer x.y.z"}
        answer = requests.get(f"{service}/v1/payments/periods", headers=forged, timeout=5)
        assert answer.status_code == 401 and "invalid_token" in answer.headers["WWW-Authenticate"]

    def test_a_wrong_secret_gets_no_token(self, service):
        form = {"grant_type": "client_credentials"}
        for client in ((CLIENT[0], "wrong"), ("wrong", CLIENT[1])):
            answer = requests.post(f"{service}/oauth/token", data=form, auth=client, timeout=5)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        answer = requests.post(f"{service}/oauth/token", data={}, auth=CLIENT, timeout=5)
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")

    def test_unchanged_data_is_not_sent_again(self, service, session):
        url = f"{service}/v1/payments?thang=2026-08"
        first = session.get(url, timeout=5)
        etag = first.headers["ETag"]
        again = session.get(url, headers={"If-None-Match": etag}, timeout=5)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == etag
        assert session.head(url, timeout=5).headers["ETag"] == etag
        assert session.get(f"{url}&limit=3&fields=ma_truong", timeout=5).headers["ETag"] == etag
        assert (
            session.get(f"{service}/v1/payments?thang=2026-07", timeout=5).headers["ETag"] != etag
        )

    def test_link_paging_leads_to_the_next_page(self, service, session):
        url = f"{service}/v1/dossiers?thang=2026-08&limit=10&fields=so_ho_so"
        first = session.get(url, timeout=5)
        second = session.get(first.links["next"]["url"], timeout=5)
        assert len(first.json()["data"]) == len(second.json()["data"]) == 10
        assert not ({str(row) for row in first.json()["data"]}
                    & {str(row) for row in second.json()["data"]})  # fmt: skip
        assert set(second.json()["data"][0]) == {"so_ho_so"}

    def test_too_many_requests_are_told_to_wait(self, service, session):
        url = f"{service}/v1/procedures/periods"
        answer = session.get(url, timeout=5)
        for _ in range(100):
            answer = session.get(url, timeout=5)
            if answer.status_code == 429:
                break
        assert answer.status_code == 429
        time.sleep(int(answer.headers["Retry-After"]))
        assert session.get(url, timeout=5).status_code == 200


class TestAnswers:
    @pytest.mark.parametrize("name", RESOURCES)
    def test_pages_together_are_the_whole(self, client, city, name):
        period = RESOURCES[name].periods[-1]
        expected = RESOURCES[name].rows(city, period).to_pylist()
        for limit in (7, 1000):
            assert fetch(client, name, period, limit) == expected

    @pytest.mark.parametrize("name", RESOURCES)
    def test_periods_are_listed(self, client, name):
        answer = client.get(f"/v1/{name}/periods")
        assert answer.json["data"] == list(RESOURCES[name].periods)

    def test_only_the_fields_that_are_asked_for(self, client):
        path = "/v1/dossiers?thang=2026-01&limit=2"
        everything = client.get(path).json["data"][0]
        assert {"ho_ten_nguoi_nop", "dien_thoai_nguoi_nop"} <= set(everything)
        asked = client.get(f"{path}&fields=ma_thu_tuc,tinh_trang").json["data"]
        assert asked == [
            {"ma_thu_tuc": row["ma_thu_tuc"], "tinh_trang": row["tinh_trang"]}
            for row in client.get(path).json["data"]
        ]

    @pytest.mark.parametrize(
        ("query", "status", "code"),
        [
            ("", 400, "unknown_period"),
            ("thang=2019-01", 404, "unknown_period"),
            ("thang=2026-01&fields=ho_ten", 400, "unknown_field"),
            ("thang=2026-01&fields=", 400, "unknown_field"),
            ("thang=2026-01&limit=0", 400, "invalid_parameter"),
            ("thang=2026-01&limit=-3", 400, "invalid_parameter"),
            ("thang=2026-01&cursor=abc", 400, "invalid_cursor"),
        ],
    )
    def test_wrong_questions_are_explained(self, client, query, status, code):
        answer = client.get(f"/v1/payments?{query}")
        assert (answer.status_code, answer.json["error"]) == (status, code)
        assert len(answer.json["error_description"]) > 20

    def test_a_cursor_of_another_period_is_refused(self, client):
        cursor = client.get("/v1/payments?thang=2026-01&limit=1").json["next_cursor"]
        assert client.get(f"/v1/payments?thang=2026-02&cursor={cursor}").status_code == 400

    def test_more_than_a_thousand_rows_are_not_sent_at_once(self, client):
        answer = client.get("/v1/office-documents?thang=2026-01&limit=999999")
        assert answer.json["limit"] == 1000


class TestFigures:
    def test_schools_and_areas_are_those_of_the_city(self, city):
        schools = set(city.schools.code.tolist())
        areas = {area.code for area in city.areas}
        for resource in RESOURCES.values():
            for period in resource.periods:
                rows = resource.rows(city, period)
                if "ma_truong" in rows.column_names:
                    assert set(rows["ma_truong"].to_pylist()) <= schools
                if "ma_phuong_xa" in rows.column_names:
                    assert set(rows["ma_phuong_xa"].to_pylist()) <= areas

    @pytest.mark.parametrize(
        ("name", "key"),
        [
            ("payments", ["ma_truong", "kenh_thanh_toan"]),
            ("office-documents", ["ma_phuong_xa", "kenh_gui_nhan", "ky_so"]),
            ("procedures", ["ma_thu_tuc"]),
            ("dossiers", ["so_ho_so"]),
            ("digital-identity", ["ma_phuong_xa", "nhom_nguoi_dung"]),
            ("online-lessons", ["ma_truong", "mon"]),
            ("digital-signatures", ["ma_truong", "loai_ho_so"]),
        ],
    )
    def test_a_key_has_one_row(self, city, name, key):
        for period in RESOURCES[name].periods:
            rows = RESOURCES[name].rows(city, period)
            assert rows.select(key).group_by(key).aggregate([]).num_rows == rows.num_rows > 0

    def test_a_part_is_never_more_than_the_whole(self, city):
        def columns(name: str, *names: str) -> list[np.ndarray]:
            resource = RESOURCES[name]
            rows = pa.concat_tables([resource.rows(city, period) for period in resource.periods])
            return [rows[column].to_numpy() for column in names]

        issued, active = columns("digital-identity", "da_cap", "hoat_dong")
        assert np.all(active <= issued) and np.all(active >= 0)
        documents, signed = columns("digital-signatures", "so_luong", "da_ky_so")
        assert np.all(signed <= documents) and np.all(signed >= 0)
        lessons, classes = columns("online-lessons", "so_tiet", "so_lop")
        assert np.all(classes <= lessons) and np.all(classes > 0)
        number, paid = columns("payments", "so_giao_dich", "so_tien")
        assert np.all(number > 0) and np.all(paid > 0)


def test_rate_limit_lets_a_burst_pass_and_then_its_rate():
    now = [0.0]
    limit = RateLimit(rate=2, burst=3, clock=lambda: now[0])
    assert [limit.wait("a") for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]
    assert limit.wait("b") == 0
    now[0] = 0.5
    assert limit.wait("a") == 0 and limit.wait("a") > 0
    now[0] = 100
    assert [limit.wait("a") for _ in range(4)][:3] == [0, 0, 0]


def test_without_credentials_it_says_what_is_missing():
    environment = {name: value for name, value in os.environ.items() if "SERVICES" not in name}
    command = [sys.executable, "-m", "demo", "services", "--port", "1"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "HCMEDU_SERVICES_CLIENT_ID is not set" in done.stderr
