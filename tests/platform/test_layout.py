"""Folders, ports and secrets of a local portal."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from layout import (
    ROOT,
    Layout,
    StackError,
    digest,
    ensure_secrets,
    read_secrets,
    write_private,
)

pytestmark = pytest.mark.unit


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout.from_environment({"HCMEDU_STATE": str(tmp_path / "s")})
    made.make_folders()
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_default_is_port_5000_and_var() -> None:
    layout = Layout.from_environment({})
    assert (layout.port, layout.state) == (5000, ROOT / "var")


def test_all_ports_follow_the_first() -> None:
    layout = Layout.from_environment({"HCMEDU_PORT": "7000"})
    ports = [layout.port, layout.postgres_port, layout.redis_port, layout.solr_port]
    ports += [layout.services_port, layout.second_port]
    assert ports == [7000, 7001, 7002, 7003, 7004, 7005]


def test_the_tests_have_ports_and_state_of_their_own() -> None:
    portal = Layout.from_environment({"HCMEDU_PORT": "7000", "HCMEDU_STATE": "elsewhere"})
    tests = Layout.from_environment({"HCMEDU_PORT": "7000", "HCMEDU_STATE": "elsewhere"}, True)
    assert tests.port == portal.port + 20
    assert tests.state == portal.state / "test"


@pytest.mark.parametrize("port", ["80", "65530", "five thousand", "-1", "5000.5"])
def test_a_port_that_cannot_be_is_refused_by_name(port: str) -> None:
    with pytest.raises(StackError, match="HCMEDU_PORT"):
        Layout.from_environment({"HCMEDU_PORT": port})


def test_a_state_folder_too_deep_for_a_socket_is_refused() -> None:
    with pytest.raises(StackError, match="HCMEDU_STATE"):
        Layout.from_environment({"HCMEDU_STATE": "/" + "deep/" * 20})


def test_secrets_stay_and_are_the_owners_alone(layout: Layout) -> None:
    first = ensure_secrets(layout)
    assert ensure_secrets(layout) == first == read_secrets(layout)
    assert mode(layout.secrets_file) == 0o600


def test_every_secret_is_another_one(layout: Layout) -> None:
    values = [value for name, value in ensure_secrets(layout).items() if "PASSWORD" in name]
    assert len(set(values)) == len(values) >= 6
    assert all(len(value) >= 32 for value in values)


def test_addresses_follow_another_port_and_secrets_stay(layout: Layout) -> None:
    first = ensure_secrets(layout)
    moved = ensure_secrets(Layout(layout.state, layout.port + 100))
    assert moved["HCMEDU_REDIS_PASSWORD"] == first["HCMEDU_REDIS_PASSWORD"]
    assert moved["HCMEDU_SERVICES_URL"] == f"http://127.0.0.1:{layout.port + 104}"


def test_a_command_gets_the_secrets_by_its_environment(layout: Layout) -> None:
    secrets = ensure_secrets(layout)
    printed = subprocess.run(
        [ROOT / "config/local/env", "env"],
        env=os.environ | {"HCMEDU_STATE": str(layout.state)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert {f"{name}={value}" for name, value in secrets.items()} <= set(printed)


def test_without_a_portal_a_command_says_how_to_start_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [ROOT / "config/local/env", "true"],
        env=os.environ | {"HCMEDU_STATE": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "make up" in done.stderr


def test_a_private_file_is_private_from_the_start_and_after(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("old")
    file.chmod(0o644)
    assert write_private(file, "new")
    assert (file.read_text(), mode(file)) == ("new", 0o600)
    assert not write_private(file, "new")


def test_a_digest_sees_contents_and_names(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = digest(tmp_path)
    (tmp_path / "a").write_text("2")
    second = digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert len({first, second, digest(tmp_path)}) == 3
