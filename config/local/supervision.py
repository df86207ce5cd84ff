"""Starts, watches and ends the processes of a local portal, with supervisor."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Mapping
from pathlib import Path

from supervisor.xmlrpc import SupervisorTransport

from layout import ROOT, Layout, StackError, digest, write_private

# Marks every process that descends from our supervisor, so that none is left behind.
_MARK = "HCMEDU_SUPERVISED"

# What a caller's environment must not pass on: make's and pytest's own, and other portals'.
_FOREIGN = ("MAKE", "MFLAGS", "PYTEST", "COV_", "COVERAGE", "CKAN", "HCMEDU", "VIRTUAL_ENV", "PG")

_LISTING_ORDER = (
    "postgres", "redis", "solr", "web", "city",
    "harvest-gather", "harvest-fetch", "jobs", "scheduler", "second",
)  # fmt: skip


class Supervisor:
    """The supervisor of one layout's processes."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._configuration = layout.run / "supervisord.conf"

    def running(self) -> bool:
        """Whether supervisord answers on its socket."""
        try:
            return bool(self._call.getSupervisorVersion())
        except (OSError, xmlrpc.client.Error):
            return False

    @property
    def _call(self):
        transport = SupervisorTransport(None, None, f"unix://{self.layout.socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def ensure_running(self, environment: Mapping[str, str]) -> None:
        """Start supervisord, anew if the process list or `environment` is another than before.

        `environment` is what the process list refers to; no secret belongs in it.
        """
        lists = [ROOT / "config" / "supervisord.conf"]
        if self.layout.testing:
            lists.append(ROOT / "config" / "local" / "second.conf")
        fingerprint = digest(*lists, repr(sorted(environment.items())), Path(__file__))
        if self.running():
            if self._noted("supervisord") == fingerprint:
                return
            self.shut_down()
        self.end_orphans()
        run = self.layout.run
        write_private(
            self._configuration,
            f"""[unix_http_server]
file={self.layout.socket}
chmod=0700

[supervisord]
logfile={self.layout.log}/supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
pidfile={run}/supervisord.pid
childlogdir={self.layout.log}
umask=077
; Root is the caller's choice; PostgreSQL has a user of its own.
{"user=root" if os.geteuid() == 0 else ""}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[include]
files={" ".join(str(file) for file in lists)}
""",
        )
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)
        }
        marked = {_MARK: str(self.layout.state)}
        done = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._configuration)],
            env=inherited | dict(environment) | marked,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        self._wait_for(self.running, 15)
        if done.returncode != 0 or not self.running():
            raise StackError(f"supervisord did not start:\n{done.stdout}{done.stderr}")
        self._note("supervisord", fingerprint)

    def processes(self) -> list[dict]:
        """State of every process, as supervisor describes it; stores first."""
        if not self.running():
            return []
        return sorted(
            self._call.getAllProcessInfo(), key=lambda one: _LISTING_ORDER.index(one["name"])
        )

    def begin(self, name: str, fingerprint: str) -> int | None:
        """Have a process run what `fingerprint` stands for, without waiting for it.

        It is left alone if it already does, and restarted if it runs something older. Returns the
        length of its log before the start in bytes, None if it was not started.
        """
        state = self._call.getProcessInfo(name)["statename"]
        if self._noted(name) == fingerprint and state in ("RUNNING", "STARTING"):
            return None
        self.stop(name)
        self._note(name, fingerprint)
        log = self.layout.log / f"{name}.log"
        position = log.stat().st_size if log.exists() else 0
        self._call.startProcess(name, False)
        return position

    def wait(
        self,
        name: str,
        problem: Callable[[], str | None] | None = None,
        position: int | None = None,
        timeout: float = 300,
    ) -> None:
        """Wait until a process works; `problem` says what is wrong with it, None if nothing.

        Raises StackError with the end of its log (from byte `position` on) when it does not come
        up within `timeout` seconds or ends twice.
        """
        deadline = time.monotonic() + timeout
        complaint: str | None = "no answer yet"
        ends = set()
        while time.monotonic() < deadline:
            info = self._call.getProcessInfo(name)
            if info["statename"] == "RUNNING":
                complaint = problem() if problem else None
                if complaint is None:
                    return
            elif info["statename"] in ("BACKOFF", "EXITED", "FATAL", "STOPPED"):
                complaint = info["spawnerr"] or info["description"]
                ends.add(info["stop"] or info["start"])
                if info["statename"] == "FATAL" or len(ends) > 1:
                    break
            time.sleep(0.25)
        raise StackError(
            f"{name} did not come up: {complaint}\n"
            f"The end of {self.layout.log / name}.log:\n{self._log_tail(name, position)}"
        )

    def _log_tail(self, name: str, position: int | None = None, lines: int = 30) -> str:
        """Last lines of a process' log, none older than byte `position`."""
        log = self.layout.log / f"{name}.log"
        if not log.exists():
            return "(empty)"
        with log.open("rb") as file:
            size = log.stat().st_size
            file.seek(max(size - 200 * lines, min(position or 0, size)))
            text = file.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:]) or "(empty)"

    def stop(self, name: str) -> None:
        """Stop a process; nothing happens if it does not run."""
        with contextlib.suppress(xmlrpc.client.Fault):
            self._call.stopProcess(name, True)

    def kill(self, name: str) -> None:
        """End a process without notice (SIGKILL); supervisor starts it again."""
        self._call.signalProcess(name, "KILL")

    def shut_down(self) -> bool:
        """Stop everything and wait for its end. Returns whether anything ran."""
        ran = self.running()
        if ran:
            pid = self._call.getPID()
            self._stop_in_order()
            self._call.shutdown()
            self._wait_for(lambda: not Path(f"/proc/{pid}").exists(), 60)
        return self.end_orphans() or ran

    def _stop_in_order(self) -> None:
        # The stores last: what uses them can still put its things away.
        for one in reversed(self.processes()):
            if one["name"] in ("postgres", "redis", "solr"):
                continue
            with contextlib.suppress(xmlrpc.client.Fault):
                self._call.stopProcess(one["name"], False)
        self._wait_for(
            lambda: not any(one["statename"] == "STOPPING" for one in self.processes()),
            40,
        )

    def end_orphans(self) -> bool:
        """End what a supervisor left behind that was itself killed; whether there was any."""
        orphans = self._orphans()
        for pid in orphans:
            # For PostgreSQL's server SIGINT is the fast shutdown; the others know SIGTERM.
            quick = signal.SIGINT if _executable(pid) == "postgres" else signal.SIGTERM
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, quick)
        if not self._wait_for(lambda: not self._orphans(), 20):
            for pid in self._orphans():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._wait_for(lambda: not self._orphans(), 10)
        return bool(orphans)

    def _orphans(self) -> list[int]:
        mark = f"{_MARK}={self.layout.state}".encode()
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        # PostgreSQL writes over its environment; its own file has its process id.
        from stores import postgres_data

        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int((postgres_data(self.layout) / "postmaster.pid").read_text().split()[0])
            if _executable(pid) == "postgres":
                found.append(pid)
        return sorted(set(found))

    def _noted(self, name: str) -> str | None:
        file = self.layout.run / f"{name}.digest"
        return file.read_text(encoding="utf-8") if file.exists() else None

    def _note(self, name: str, fingerprint: str) -> None:
        write_private(self.layout.run / f"{name}.digest", fingerprint)

    @staticmethod
    def _wait_for(true: Callable[[], bool], timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while not true():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True


def _executable(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe").rsplit("/", 1)[-1]
    except OSError:
        return ""
