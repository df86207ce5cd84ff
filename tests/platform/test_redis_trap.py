"""An idle harvest worker stays alive (redis-py 8 ends a silent wait after a few seconds)."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from ckan.common import config

pytestmark = pytest.mark.integration


def default_timeout(url: str) -> float:
    """Seconds that redis-py waits on a silent socket when the address does not say."""
    client = redis.Redis.from_url(url.partition("?")[0])
    connection = client.connection_pool.make_connection()
    return connection.socket_timeout or 0


def test_the_trap_is_there() -> None:
    # Should redis-py lose its default, the setting and this file can go.
    assert 0 < default_timeout(config["ckan.redis.url"]) < 60


@pytest.mark.parametrize("queue", ["gather", "fetch"])
def test_a_worker_outlives_redis_pys_default_timeout(
    queue: str, ckan_ini: Path, tmp_path: Path
) -> None:
    # A queue of its own: the worker must not take what other tests put in theirs.
    ini = tmp_path / "ckan.ini"
    ini.write_text(f"[app:main]\nuse = config:{ckan_ini}\nckan.site_id = idle-{queue}\n")
    key = {"gather": "harvest_job_id", "fetch": "harvest_object_id"}[queue]
    log = tmp_path / "log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [Path(sys.executable).with_name("ckan"), "-c", ini, "harvester", f"{queue}-consumer"],
            stdout=output,
            stderr=output,
            env=os.environ | {"CKAN_INI": str(ini)},
        )
    try:
        client = redis.Redis.from_url(config["ckan.redis.url"])
        waiting = wait_until_blocked(client, worker, log)
        time.sleep(default_timeout(config["ckan.redis.url"]) + 3)
        assert worker.poll() is None, log.read_text()
        assert waiting in blocked_clients(client), "it no longer waits on the connection it had"
        # Alive and at work: it takes what comes, an unknown job, and waits on.
        client.rpush(f"ckanext-harvest:idle-{queue}:{key}", f'{{"{key}": "none-such"}}')
        deadline = time.monotonic() + 20
        while "does not exist: none-such" not in log.read_text():
            assert worker.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
    finally:
        worker.kill()
        worker.wait()


def blocked_clients(client: redis.Redis) -> set[str]:
    """Ids of the connections that wait in a blocking pop."""
    return {one["id"] for one in client.client_list() if one["cmd"] == "blpop"}


def wait_until_blocked(client: redis.Redis, worker: subprocess.Popen[bytes], log: Path) -> str:
    """Wait for the worker to wait on Redis; returns its connection's id."""
    before = blocked_clients(client)
    deadline = time.monotonic() + 60
    while not (new := blocked_clients(client) - before):
        assert worker.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    return new.pop()
