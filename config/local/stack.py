"""The local portal's services: `python config/local/stack.py --help`.

Everything can be repeated: what is there and unchanged is left alone.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import maven
import portal
import stores
from checks import run_checks
from layout import ROOT, Layout, StackError, digest, ensure_secrets
from supervision import Supervisor

STORES = ("postgres", "redis", "solr")
PORTAL_PROCESSES = ("city", "web", "harvest-gather", "harvest-fetch", "jobs", "scheduler")


def services_up(layout: Layout) -> None:
    """Start what does not run yet: the stores, then (unless for tests) CKAN's processes."""
    began = time.monotonic()
    stores.fetch_solr(layout)
    if layout.testing:
        maven.fetch_jena(layout)
    layout.make_folders()
    secrets = ensure_secrets(layout)
    portal.write_configuration(layout, secrets)
    supervisor = Supervisor(layout)
    supervisor.ensure_running(process_environment(layout))
    started = start_stores(layout, supervisor, secrets)
    if portal.prepare(layout, secrets):
        started.append("databases")
    if not layout.testing:
        started += start(layout, supervisor, PORTAL_PROCESSES)
    what = ", ".join(started) if started else "everything ran already"
    print(f"Services: {what} ({time.monotonic() - began:.0f} s)", flush=True)


def process_environment(layout: Layout) -> dict[str, str]:
    """What config/supervisord.conf refers to. No secrets."""
    return {
        "HCMEDU_STATE": str(layout.state),
        "HCMEDU_RUN": str(layout.run),
        "HCMEDU_LOG": str(layout.log),
        "HCMEDU_PORTAL_PORT": str(layout.port),
        "HCMEDU_SOLR_PORT": str(layout.solr_port),
        "HCMEDU_SERVICES_PORT": str(layout.services_port),
        "HCMEDU_SECOND_PORT": str(layout.second_port),
        "HCMEDU_POSTGRES_BIN": str(stores.postgres_binaries()),
        "HCMEDU_POSTGRES_DATA": str(stores.postgres_data(layout)),
        "HCMEDU_POSTGRES_USER": stores.postgres_user(),
        "HCMEDU_JAVA": stores.java(),
        "HCMEDU_SOLR_LIBRARIES": str(stores.solr_libraries(layout)),
    }


def start_stores(layout: Layout, supervisor: Supervisor, secrets: dict[str, str]) -> list[str]:
    """Start the stores that do not run or have other settings now. Returns their names."""
    stores.prepare_postgres(layout, secrets)
    stores.prepare_redis(layout, secrets)
    stores.prepare_solr(layout)
    settings = stores.postgres_data(layout) / "hcmedu.conf"
    fingerprints = {
        # Only root and its owner read it; its content counts, not its place.
        "postgres": digest(settings.read_text(encoding="utf-8")),
        "redis": digest(layout.run / "redis.conf"),
        "solr": digest(
            str(stores.solr_libraries(layout)),
            layout.state / "solr" / "solr.xml",
            layout.state / "solr" / "configsets",
            ROOT / "config" / "solr" / "log4j2.xml",
        ),
    }
    answers = {
        "postgres": lambda: stores.postgres_answers(layout, secrets),
        "redis": lambda: stores.redis_answers(layout, secrets),
        "solr": lambda: stores.solr_answers(layout),
    }
    started = _start(supervisor, fingerprints, answers)
    stores.prepare_databases(layout, secrets)
    return started


def start(layout: Layout, supervisor: Supervisor, names: Sequence[str]) -> list[str]:
    """Start processes unless they run on the present code and configuration.

    Returns the names of those that were started. With one store come the others.
    """
    code = [ROOT / "requirements.txt", ROOT / "setup.py", layout.secrets_file, ROOT / "schemas"]
    portal_code = [
        *code,
        ROOT / "harvesters",
        ROOT / "ckanext-hcmedu" / "ckanext",
        *(ROOT / "config").glob("*.*"),
        ROOT / "config" / "sources",
    ]
    fingerprints = {
        name: digest(*portal_code, layout.second_ini if name == "second" else layout.ini)
        for name in names
        if name not in (*STORES, "city")
    }
    if "city" in names:
        fingerprints["city"] = digest(*code, ROOT / "demo")
    answers = {
        "city": lambda: _listens(layout.services_port),
        "web": lambda: portal.web_answers(layout),
        "second": lambda: _listens(layout.second_port),
    }
    started = []
    if set(names) & set(STORES):
        started += start_stores(layout, supervisor, ensure_secrets(layout))
    return started + _start(supervisor, fingerprints, answers)


def _start(
    supervisor: Supervisor,
    fingerprints: Mapping[str, str],
    answers: Mapping[str, Callable[[], str | None]],
) -> list[str]:
    # All at once, then wait for each: most of a start is spent waiting.
    positions = {name: supervisor.begin(name, wanted) for name, wanted in fingerprints.items()}
    for name, position in positions.items():
        supervisor.wait(name, answers.get(name), position)
    return [name for name, position in positions.items() if position is not None]


def _listens(port: int) -> str | None:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=3).close()
    except OSError as error:
        return f"port {port}: {error}"
    return None


def up(layout: Layout) -> None:
    """Services, then the simulated city's data all the way to published datasets."""
    services_up(layout)
    environment = portal.environment(layout)
    command = str(ROOT / "config" / "local" / "ckan")
    for step in (
        [sys.executable, "-m", "demo", "seed"],
        [command, "hcmedu", "run"],
    ):
        if subprocess.run(step, cwd=ROOT, env=environment, check=False).returncode != 0:
            shown = " ".join(step[1:])
            raise StackError(
                f"`{shown}` failed; what it says stands above. The services still run."
            )
    print(
        f"""
The portal:          {layout.site_url}/
Its API:             {layout.site_url}/api/3/action/package_search
Its DCAT feed:       {layout.site_url}/catalog.ttl
Its sysadmin:        admin, password in {_short(layout.admin_password)}
Logs, state, end:    make logs, make status, make down"""
    )


def down(layout: Layout) -> None:
    """Stop everything; data stays."""
    ran = Supervisor(layout).shut_down()
    print(f"{_short(layout.state)}: {'stopped' if ran else 'nothing ran'}")


def status(layout: Layout) -> int:
    """Print each process' state. Returns 0 if all that should run does, else 3."""
    supervisor = Supervisor(layout)
    processes = supervisor.processes()
    if not processes:
        print(f"{_short(layout.state)}: nothing runs (make up starts it)")
        return 3
    wanted = set(() if layout.testing else PORTAL_PROCESSES) | set(STORES)
    for one in processes:
        print(f"{one['name']:<16}{one['statename']:<10}{one['description']}")
    lame = [one for one in processes if one["name"] in wanted and one["statename"] != "RUNNING"]
    if not layout.testing:
        print(f"\n{layout.site_url}/   logs: {_short(layout.log)}")
    return 3 if lame else 0


def logs(layout: Layout, names: list[str]) -> None:
    """Print the end of the logs and follow them."""
    files = [layout.log / f"{name}.log" for name in names] or sorted(layout.log.glob("*.log"))
    existing = [str(file) for file in files if file.exists()]
    if not existing:
        raise StackError(f"There are no such logs in {layout.log}.")
    os.execvp("tail", ["tail", "--lines=20", "--follow=name", *existing])


def test(layout: Layout, arguments: list[str]) -> int:
    """Check the code, then run the tests on services that are made for them and stopped after them.

    `arguments` are pytest's. Returns an exit code.
    """
    failed = run_checks([])
    forget(layout)
    try:
        services_up(layout)
        code = _run_tests(layout, arguments)
    finally:
        down(layout)
    if failed:
        print(f"Checks failed: {', '.join(failed)} (what they say stands at the top)")
    return code or bool(failed)


def _run_tests(layout: Layout, arguments: list[str]) -> int:
    """Run pytest once with `arguments`. Without any, run what needs no services beside the rest,
    in the time that this leaves over, and show its output after it."""
    pytest = [sys.executable, "-m", "pytest"]
    on_services = [*pytest, "-p", "ckan.tests.pytest_ckan", f"--ckan-ini={layout.ini}"]
    environment = portal.environment(layout)

    def run_on_services(*more: str) -> int:
        command = [*on_services, *more]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode

    if arguments:
        return run_on_services(*arguments)
    alone = ["nice", *pytest, "-p", "no:ckan", "-p", "no:ckan_fixtures", "-m", "unit"]
    log = layout.log / "unit-tests.log"
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen(
            alone, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        ) as beside,
    ):
        try:
            print(f"The unit tests run beside the others: {_short(log)}", flush=True)
            code = run_on_services("-m", "not unit")
            beside.wait()
        finally:
            beside.terminate()
    print(log.read_text("utf-8"))
    return code or beside.returncode


def forget(layout: Layout) -> None:
    """Stop the tests' services and delete what they know. Refuses to do so to a portal."""
    if not layout.testing:
        raise StackError(f"{layout.state} is a portal's; only the tests' state is deleted.")
    Supervisor(layout).shut_down()
    shutil.rmtree(stores.postgres_data(layout), ignore_errors=True)
    shutil.rmtree(layout.state, ignore_errors=True)


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def main() -> int:
    """Read the command line and carry it out; returns an exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--testing", action="store_true", help="the services of the tests instead of the portal's"
    )
    parser.add_argument(
        "command",
        choices=["up", "services-up", "down", "status", "logs", "start", "stop", "restart", "kill",
                 "test-services-up", "test-services-down", "test"],
    )  # fmt: skip
    parser.add_argument(
        "names",
        nargs="*",
        help="processes (start, stop, restart, kill, logs), or arguments of pytest (test)",
    )
    arguments = parser.parse_args()
    command = arguments.command.removeprefix("test-")
    testing = arguments.testing or arguments.command.startswith("test")
    # What the services write is nobody else's to read.
    os.umask(0o077)
    try:
        layout = Layout.from_environment(os.environ, testing)
        if testing:
            # A city small enough to be harvested in a test, large enough to have small schools.
            os.environ.setdefault("HCMEDU_CITY_SCALE", "0.01")
        return run(layout, command.replace("services-down", "down"), arguments.names) or 0
    except StackError as error:
        print(f"\nError: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def run(layout: Layout, command: str, names: list[str]) -> int | None:
    """Carry out a command of the command line; returns its exit code, None for 0."""
    supervisor = Supervisor(layout)
    match command:
        case "up":
            up(layout)
        case "services-up":
            services_up(layout)
        case "down":
            down(layout)
        case "status":
            return status(layout)
        case "logs":
            logs(layout, names)
        case "test":
            return test(layout, names)
        case _:
            control(layout, supervisor, command, names)
    return None


def control(layout: Layout, supervisor: Supervisor, command: str, names: list[str]) -> None:
    """Start, stop, restart or kill single processes of services that run."""
    known = [one["name"] for one in supervisor.processes()]
    if not known:
        raise StackError(f"Nothing runs in {_short(layout.state)}. `make up` starts it.")
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise StackError(f"No process {' '.join(unknown)}. There are: {', '.join(known)}.")
    match command:
        case "start":
            start(layout, supervisor, names)
        case "stop":
            for name in names:
                supervisor.stop(name)
        case "restart":
            for name in names:
                supervisor.stop(name)
            start(layout, supervisor, names)
        case "kill":
            for name in names:
                supervisor.kill(name)


if __name__ == "__main__":
    sys.exit(main())
