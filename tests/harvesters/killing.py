"""Running a step in a process of its own that is killed at some moment, as with ``kill -9``.

The moments are those just before a change to the folder under test: a file made, renamed or
deleted, a folder made or deleted. Python tells of them (PEP 578), so that nothing in the code under
test knows of it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.harvesters.steps"])


def _is_change(event: str, arguments: tuple[Any, ...], folder: str) -> bool:
    if event == "open":
        path, mode, flags = arguments
        writes = isinstance(mode, str) and mode[:1] in ("w", "x", "a")
        writes = writes or (mode is None and bool(flags & (os.O_WRONLY | os.O_RDWR)))
        return writes and str(path).startswith(folder)
    return event in CHANGES and str(arguments[0]).startswith(folder)


def _run(folder: Path, moment: int, step: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    seen, inside = 0, False

    def watch(event: str, details: tuple[Any, ...]) -> None:
        nonlocal seen, inside
        if inside or (event != "open" and event not in CHANGES):
            return
        inside = True
        if _is_change(event, details, str(folder)):
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)
        inside = False

    sys.addaudithook(watch)
    step(folder, *arguments)
    os._exit(min(seen, 250))


def killed(folder: Path, moment: int, step: Callable[..., None], *arguments: Any) -> int | None:
    """Run `step(folder, *arguments)` and kill it before change number `moment` to `folder`.

    Returns None where it was killed, else the number of changes it made in all: it came to its end.
    """
    process = _processes.Process(target=_run, args=(folder, moment, step, arguments))
    process.start()
    process.join()
    if process.exitcode == -signal.SIGKILL:
        return None
    assert process.exitcode is not None and process.exitcode > 1, "The step itself failed."
    return process.exitcode


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under `folder` but locks, by its path in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("lock")
    }
