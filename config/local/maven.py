"""Java libraries from Maven Central, or from the mirror that Maven's settings name, kept in the
checkout's cache: Solr, and Apache Jena for the tests."""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from layout import ROOT, Layout, StackError, digest


def jena_libraries(layout: Layout) -> Path:
    """Folder with Apache Jena's libraries."""
    return layout.cache / f"jena-{digest(ROOT / 'config/jena')[:16]}"


def fetch_jena(layout: Layout) -> None:
    """Bring Apache Jena's libraries, unless they are there.

    :raises StackError: what came is not what `SHA256SUMS` names.
    """
    project = ROOT / "config" / "jena"
    fetch(
        "Jena",
        project / "pom.xml",
        jena_libraries(layout),
        lambda folder: check_digests(folder, project / "SHA256SUMS"),
    )


def fetch(name: str, project: Path, libraries: Path, finish: Callable[[Path], None]) -> None:
    """Bring the dependencies of the Maven project `project` into the folder `libraries`, unless it
    is there.

    The folder has its name only when it is whole and `finish` was done with it.
    """
    if libraries.is_dir():
        return
    print(f"Fetching {name} …", flush=True)
    new = libraries.with_name(libraries.name + f".{os.getpid()}")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        # What could not be fetched once is asked for again, instead of being taken for missing.
        run_again("mvn", "--batch-mode", "--quiet", "--update-snapshots", "--file", str(project),
                  "dependency:copy-dependencies", f"-DoutputDirectory={new}")  # fmt: skip
        finish(new)
        if not libraries.is_dir():
            new.rename(libraries)
        # Else another start was faster.
    finally:
        shutil.rmtree(new, ignore_errors=True)


PAUSES = (5, 20, 60)
"""Seconds between tries of what a registry may not answer just now."""


def run_again(*command: str) -> None:
    """Run a command, and again after a while if it fails.

    :raises StackError: the last try failed as well.
    """
    for pause in PAUSES:
        try:
            return run(*command)
        except StackError as error:
            print(f"{error}\nOnce more in {pause} s …", flush=True)
            time.sleep(pause)
    return run(*command)


def run(*command: str) -> None:
    """Run a command; :raises StackError: it failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")


def check_digests(folder: Path, sums: Path) -> None:
    """Hold the files of a folder against a list as `sha256sum` writes it.

    :raises StackError: a file is another one, is missing, or is not in the list.
    """
    expected = set(sums.read_text("utf-8").splitlines())
    found = {
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in folder.iterdir()
    }
    if found != expected:
        wrong = ", ".join(sorted({line.split()[1] for line in found ^ expected}))
        raise StackError(f"What Maven brought is not what {sums.name} names: {wrong}")
