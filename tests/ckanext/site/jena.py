"""Apache Jena's `riot` and `shacl`: a reader and a validator that are none of ours."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from rdflib import Dataset, Graph
from rdflib.namespace import SH
from rdflib.term import Node

import maven
import stores
from layout import Layout

_LANGUAGES = {
    "ttl": "turtle", "rdf": "rdfxml", "jsonld": "jsonld", "nt": "ntriples",
    "trig": "trig", "nq": "nquads",
}  # fmt: skip


_JAVA = ("-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


def read(content: bytes, ending: str) -> Dataset:
    """What `riot` reads in a document of a format of the feed; a warning is a mistake."""
    syntax = f"--syntax={_LANGUAGES[ending]}"
    written = _run("riotcmd.riot", "--strict", "--check", syntax, "--output=nq", content=content)
    return Dataset().parse(data=written, format="nquads")


def violations(data: Path, shapes: Path) -> set[tuple[Node | None, ...]]:
    """What `shacl` says that `data` says otherwise than the shapes ask: node, path and
    constraint; both are files."""
    report = Graph().parse(
        data=_run("shacl.shacl", "validate", f"--shapes={shapes}", f"--data={data}"),
        format="turtle",
    )
    return outcome(report)


def outcome(report: Graph) -> set[tuple[Node | None, ...]]:
    """The violations in a report of SHACL, as above."""
    asked = (SH.focusNode, SH.resultPath, SH.sourceConstraintComponent)
    return {
        tuple(report.value(result, each) for each in asked)
        for result in report.objects(None, SH.result)
        if report.value(result, SH.resultSeverity) == SH.Violation
    }


def _run(program: str, *arguments: str, content: bytes | None = None) -> str:
    libraries = maven.jena_libraries(Layout.from_environment(os.environ, testing=True))
    assert libraries.is_dir(), "Jena is not there: make test-services-up"
    command = [stores.java(), *_JAVA, "-cp", f"{libraries}/*", program]
    done = subprocess.run([*command, *arguments], input=content, capture_output=True, timeout=120)
    said = done.stderr.decode()
    assert done.returncode == 0 and not said, said
    return done.stdout.decode()
