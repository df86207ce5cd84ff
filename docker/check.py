"""Runs the two images against a real PostgreSQL and Redis; `docker/check.sh` calls it.

Everything is the deployment's own: its secrets, its script for the databases, its entry point, its
commands and health checks. Only PostgreSQL and Redis are Debian's and not the official images'
(the packages postgresql-15 and redis-server have to be there). They and the images listen on
127.0.0.1 from port HCMEDU_PORT + 40 on (default 5040) and leave nothing behind.
"""

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
TAG = os.environ.get("HCMEDU_TAG", "latest")
BASE = int(os.environ.get("HCMEDU_PORT", "5000")) + 40
SITE = f"http://127.0.0.1:{BASE}"
POSTGRES_PORT, REDIS_PORT, SOLR_PORT = BASE + 1, BASE + 2, BASE + 3

# Commands that only those need who build software.
BUILD_TOOLS = (
    "gcc",
    "cc",
    "ld",
    "make",
    "pip",
    "pip3",
    "uv",
    "npm",
    "node",
    "mvn",
    "javac",
    "git",
    "curl",
    "wget",
)

# The portal's processes besides the website, as compose.yaml starts them.
WORKERS = {
    "harvest-gather": ["ckan", "harvester", "gather-consumer"],
    "harvest-fetch": ["ckan", "harvester", "fetch-consumer"],
    "jobs": ["ckan", "jobs", "worker"],
    "scheduler": ["ckan", "hcmedu", "scheduler"],
}


class CheckError(Exception):
    """An image does not do what it should."""


def step(text: str) -> None:
    """Tell how far the check has come."""
    print(f"{time.monotonic() - _BEGAN:4.0f} s  {text}", flush=True)


_BEGAN = time.monotonic()


class Engine:
    """An image and the processes that run from it, on the machine's own network.

    They share the image's volume, as the portal's containers share it in compose.yaml.
    """

    config: dict

    def __init__(self, image: str, environment: Mapping[str, str], work: Path) -> None:
        self.image = image
        self.environment = environment
        self.work = work
        self.processes: dict[str, subprocess.Popen] = {}

    def size(self) -> int:
        """Bytes that the image takes."""
        raise NotImplementedError

    def command_line(self, name: str, arguments: Sequence[str]) -> list[str]:
        """Command line that runs `arguments` from the image, without its entry point."""
        raise NotImplementedError

    def interrupt(self, name: str) -> None:
        """Ask a process to end, as an engine does that stops a container."""
        raise NotImplementedError

    def close(self) -> None:
        """End what runs, and remove what the check made."""
        for name in list(self.processes):
            with contextlib.suppress(CheckError):
                self.stop(name, 20)

    def log(self, name: str) -> Path:
        return self.work / f"{name}.log"

    def start(self, name: str, arguments: Sequence[str] | None = None) -> None:
        """Start what the image runs by itself, or `arguments`; its output goes to a log."""
        inside = [*(self.config.get("Entrypoint") or []), *(arguments or self.config["Cmd"])]
        with self.log(name).open("wb") as log:
            self.processes[name] = subprocess.Popen(
                self.command_line(name, inside), stdout=log, stderr=log, start_new_session=True
            )

    def run(self, name: str, arguments: Sequence[str], patience: float = 300) -> str:
        """Run a command by the entry point; returns its output. Raises CheckError if it fails."""
        self.start(name, arguments)
        code = self.processes[name].wait(patience)
        del self.processes[name]
        if code != 0:
            raise CheckError(f"`{' '.join(arguments)}` ended with {code}.")
        return self.log(name).read_text(encoding="utf-8", errors="replace")

    def inside(self, *arguments: str) -> str:
        """Run a command beside the entry point; returns its output, empty if it fails."""
        command = self.command_line("inside", arguments)
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def runs(self, name: str) -> bool:
        return self.processes[name].poll() is None

    def healthy(self, name: str) -> bool:
        """Whether the image's own health check is content with a process."""
        kind, *arguments = self.config["Healthcheck"]["Test"]
        if kind != "CMD":
            raise CheckError(f"{self.image} has no health check that could be run: {kind}")
        return self.probe(name, arguments)

    def probe(self, name: str, arguments: Sequence[str]) -> bool:
        """Run a command where process `name` runs; whether it succeeds."""
        raise NotImplementedError

    def wait_until_healthy(self, name: str, patience: float = 180) -> None:
        """Raises CheckError if the process ends, or is not healthy in time."""
        deadline = time.monotonic() + patience
        while not self.healthy(name):
            if not self.runs(name):
                raise CheckError(f"{name} ended with {self.processes[name].returncode}.")
            if time.monotonic() > deadline:
                raise CheckError(f"{name} is not healthy after {patience:.0f} s.")
            time.sleep(2)

    def stop(self, name: str, patience: float = 40) -> float:
        """End a process in good order; returns the seconds that took.

        Raises CheckError if it has to be killed.
        """
        process = self.processes[name]
        began = time.monotonic()
        if process.poll() is None:
            self.interrupt(name)
        del self.processes[name]
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise CheckError(f"{name} did not end within {patience:.0f} s of SIGTERM.") from None
        return time.monotonic() - began


class Buildah(Engine):
    """Runs an image with buildah, which has no daemon: all its processes share one container."""

    def __init__(self, image: str, environment: Mapping[str, str], work: Path) -> None:
        super().__init__(image, environment, work)
        self.container = _output("buildah", "from", "--pull-never", image)
        described = json.loads(_output("buildah", "inspect", "--type", "image", image))
        self.config = described["Docker"]["config"]

    def size(self) -> int:
        folder = _output("buildah", "mount", self.container)
        return int(_output("du", "--summarize", "--bytes", folder).split()[0])

    def command_line(self, name: str, arguments: Sequence[str]) -> list[str]:
        settings = [f"--env={name}={value}" for name, value in self.environment.items()]
        secrets = f"--volume={self.work / 'secrets'}:/run/secrets:ro"
        return ["buildah", "run", secrets, *settings, self.container, "--", *arguments]

    def probe(self, name: str, arguments: Sequence[str]) -> bool:
        command = self.command_line(name, arguments)
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def interrupt(self, name: str) -> None:
        # buildah's own processes only wait for the container's first one.
        pid = self.processes[name].pid
        while children := [child for child, parent in _processes() if parent == pid]:
            pid = children[0]
            if b"buildah" not in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]:
                break
        os.kill(pid, signal.SIGTERM)

    def close(self) -> None:
        super().close()
        subprocess.run(["buildah", "rm", self.container], stdout=subprocess.DEVNULL, check=False)


class Daemon(Engine):
    """Runs an image with docker or podman, hardened as in compose.yaml."""

    def __init__(self, image: str, environment: Mapping[str, str], work: Path, client: str) -> None:
        super().__init__(image, environment, work)
        self._client = client
        self._mark = f"{image.split(':')[0]}-check-{os.getpid()}"
        (described,) = json.loads(_output(client, "image", "inspect", image))
        self.config = described["Config"]
        self._bytes = described["Size"]
        if "Healthcheck" not in self.config:
            self.config["Healthcheck"] = described["Healthcheck"]

    def size(self) -> int:
        return self._bytes

    def command_line(self, name: str, arguments: Sequence[str]) -> list[str]:
        (volume,) = self.config["Volumes"]
        settings = [f"--env={name}={value}" for name, value in self.environment.items()]
        return [
            *(
                self._client,
                "run",
                "--rm",
                "--init",
                "--network=host",
                f"--name={self._name(name)}",
            ),
            *("--network=host", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL"),
            *("--security-opt=no-new-privileges", f"--volume={self._mark}:{volume}"),
            *(f"--volume={self.work / 'secrets'}:/run/secrets:ro", *settings),
            *(f"--entrypoint={arguments[0]}", self.image, *arguments[1:]),
        ]

    def _name(self, name: str) -> str:
        return f"{self._mark}-{name}"

    def probe(self, name: str, arguments: Sequence[str]) -> bool:
        command = [self._client, "exec", self._name(name), *arguments]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def interrupt(self, name: str) -> None:
        _output(self._client, "kill", "--signal=TERM", self._name(name))

    def close(self) -> None:
        super().close()
        command = [self._client, "volume", "rm", "--force", self._mark]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)


def open_engine(image: str, environment: Mapping[str, str], work: Path) -> Engine:
    """The image `image`, with the engine that HCMEDU_ENGINE names."""
    client = os.environ["HCMEDU_ENGINE"]
    if client == "buildah":
        return Buildah(image, environment, work)
    return Daemon(image, environment, work, client)


def _processes() -> list[tuple[int, int]]:
    """Every process' id and its parent's."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                # The name before it, in parentheses, may hold anything.
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                found.append((int(folder.name), int(fields[1])))
    return found


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CheckError(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stderr}")
    return done.stdout.strip()


# The stores -----------------------------------------------------------------------------------


@contextlib.contextmanager
def postgres(work: Path, secrets: Path):
    """A PostgreSQL on POSTGRES_PORT with the deployment's databases and roles."""
    binaries = max(Path("/usr/lib/postgresql").glob("1[5-9]/bin"), default=None)
    if binaries is None:
        raise CheckError("There is no PostgreSQL 15 or later: apt-get install postgresql-15")
    # PostgreSQL refuses to run as root.
    account = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    owner = {"user": account.pw_uid, "group": account.pw_gid} if os.geteuid() == 0 else {}
    data, log = work / "database", work / "postgres.log"
    data.mkdir(mode=0o700)
    log.touch()
    for path in (data, log):
        os.chown(path, account.pw_uid, account.pw_gid)

    def call(*command: str) -> None:
        done = subprocess.run(
            command, **owner, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        if done.returncode != 0:
            raise CheckError(f"`{Path(command[0]).name}` failed:\n{done.stderr}")

    call(
        *(str(binaries / "initdb"), f"--pgdata={data}", "--username=postgres", "--no-sync"),
        *("--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"),
    )
    options = f"-p {POSTGRES_PORT} -c listen_addresses=127.0.0.1 -c fsync=off -k {data}"
    control = (str(binaries / "pg_ctl"), f"--pgdata={data}", "--wait")
    call(*control, f"--log={log}", f"--options={options}", "start")
    try:
        environment = os.environ | {
            "PGHOST": str(data),
            "PGPORT": str(POSTGRES_PORT),
            "HCMEDU_SECRETS": str(secrets),
        }
        script = [str(FOLDER / "postgres" / "databases.sh")]
        subprocess.run(script, env=environment, check=True)
        yield
    finally:
        call(*control, "--mode=fast", "stop")


@contextlib.contextmanager
def redis(work: Path, secrets: Path):
    """A Redis on REDIS_PORT with the deployment's password."""
    password = (secrets / "HCMEDU_REDIS_PASSWORD").read_text(encoding="utf-8")
    settings = f'bind 127.0.0.1\nport {REDIS_PORT}\nrequirepass {password}\ndir {work}\nsave ""\n'
    with (work / "redis.log").open("wb") as log:
        server = subprocess.Popen(
            ["redis-server", "-"], stdin=subprocess.PIPE, stdout=log, stderr=log
        )
    server.stdin.write(settings.encode())
    server.stdin.close()
    try:
        yield
    finally:
        server.terminate()
        server.wait(20)


# The check ------------------------------------------------------------------------------------


def fetch(path: str) -> str:
    """A page of the portal. Raises CheckError if it does not answer 200."""
    try:
        with urllib.request.urlopen(SITE + path, timeout=60) as answer:  # noqa: S310
            return answer.read().decode()
    except OSError as error:
        raise CheckError(f"{path}: {error}") from error


def expect(true: bool, otherwise: str) -> None:
    """Raise CheckError with `otherwise` unless `true`."""
    if not true:
        raise CheckError(otherwise)


def check_contents(engine: Engine) -> None:
    """No root, no build tools, no secrets, nothing of the image writable for its user."""
    name = engine.image
    expect(engine.inside("id", "-u") not in ("", "0"), f"{name} runs as root.")
    found = engine.inside("sh", "-c", f"for t in {' '.join(BUILD_TOOLS)}; do command -v $t; done")
    expect(not found, f"{name} has build tools: {found}")
    (volume,) = engine.config["Volumes"]
    writable = engine.inside(
        *("sh", "-c", "find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /tmp "
          f"-o -path /var/tmp -o -path /run/lock -o -path {volume} \\) -prune "
          "-o -writable ! -type l -print 2>/dev/null | head"),
    )  # fmt: skip
    expect(not writable, f"{name}: its user may write to {writable}")
    exposed = [one for one in engine.config["Env"] if "PASSWORD" in one or "SECRET" in one]
    expect(not exposed, f"{name} has secrets in its environment: {exposed}")


def check(work: Path) -> None:
    """Run both images through what a deployment does with them."""
    secrets = work / "secrets"
    script = [str(FOLDER / "make-secrets.sh"), str(secrets)]
    subprocess.run(script, stdout=subprocess.DEVNULL, check=True)
    # Engines without namespaces let the container's users in by the folder's own mode.
    secrets.chmod(0o755)
    with contextlib.ExitStack() as running:
        solr = running.enter_context(contextlib.closing(
            open_engine(f"hcmedu-solr:{TAG}", {"PORT": str(SOLR_PORT)}, work)
        ))  # fmt: skip
        settings = {
            "PORT": str(BASE),
            "HCMEDU_SITE_URL": SITE,
            "HCMEDU_SIMULATED": "true",
            "HCMEDU_DATABASE_SERVER": f"127.0.0.1:{POSTGRES_PORT}",
            "HCMEDU_REDIS_SERVER": f"127.0.0.1:{REDIS_PORT}",
            "HCMEDU_SOLR_URL": f"http://127.0.0.1:{SOLR_PORT}/solr/ckan",
        }
        portal = running.enter_context(contextlib.closing(
            open_engine(f"hcmedu-portal:{TAG}", settings, work)
        ))  # fmt: skip
        for engine in (solr, portal):
            check_contents(engine)
            step(f"{engine.image}: {engine.size() / 1e6:.0f} MB, no root, no build tools")

        running.enter_context(postgres(work, secrets))
        running.enter_context(redis(work, secrets))
        step("PostgreSQL and Redis run")
        solr.start("solr")
        solr.wait_until_healthy("solr")
        step("Solr is healthy")

        for time_of_it in ("first", "second"):
            portal.run(f"initialise-{time_of_it}", ["python", "docker/portal/initialise.py"])
            step(f"Initialised, for the {time_of_it} time")

        portal.start("web")
        portal.wait_until_healthy("web")
        step("The website is healthy")
        page = fetch("/")
        expect('lang="vi"' in page, "The front page is not in Vietnamese.")
        organizations = json.loads(fetch("/api/3/action/organization_list"))["result"]
        expect(bool(organizations), "Initialising has made no organisation.")
        fetch("/dataset/")
        fetch("/catalog.ttl")
        fetch("/hcmedu/vendor/source-sans-3/LICENSE")
        step(f"Front page ({len(page)} characters), search, API and feed answer")

        for name, arguments in WORKERS.items():
            portal.start(name, arguments)
        # Longer than CKAN takes to start: an error of a worker shows after that.
        time.sleep(40)
        ended = [name for name in WORKERS if not portal.runs(name)]
        expect(not ended, f"Ended by themselves: {', '.join(ended)}")
        step(f"{', '.join(WORKERS)} run")

        # The one source that comes with the portal goes all the way; the others are a city's.
        portal.run("harvest", ["ckan", "hcmedu", "harvest", "nso-areas"])
        portal.run("release", ["ckan", "hcmedu", "release"])
        portal.run("reconcile", ["ckan", "hcmedu", "reconcile"])
        dataset = json.loads(fetch("/api/3/action/package_show?id=areas"))["result"]
        (file,) = [one for one in dataset["resources"] if one["url"].endswith("/areas.csv")]
        lines = fetch(file["url"].removeprefix(SITE)).splitlines()
        expect(
            len(lines) == 169, f"areas.csv has {len(lines)} lines; a head and 168 areas expected."
        )
        fetch("/dataset/areas")
        step("Harvested, released and published the areas")
        expect(portal.healthy("web"), "The website is no longer healthy.")

        for name in (*WORKERS, "web"):
            step(f"{name} ended in {portal.stop(name):.1f} s")
        step(f"solr ended in {solr.stop('solr'):.1f} s")
        # The index is kept in the volume, the configset in the image.
        solr.start("solr")
        solr.wait_until_healthy("solr")
        step("Solr starts again on its index")


def main() -> int:
    work = Path(tempfile.mkdtemp(prefix="hcmedu-images-"))
    work.chmod(0o755)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    try:
        check(work)
    except (CheckError, subprocess.SubprocessError) as error:
        for log in sorted(work.glob("*.log")):
            tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:]
            if tail:
                print(f"\n--- {log.name}", *tail, sep="\n")
        print(f"\nError: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    step("The images are in order")
    return 0


if __name__ == "__main__":
    sys.exit(main())
