"""What the public may know of a release's certificates, and what it comes to in short.

A certificate is private as a whole: it tells how many records each source delivered. Which figures
are too small stands in no certificate, nor may it be guessed from one: how many linear programmes
an audit took depends on it, so that number stays inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harvesters.files import read_json
from harvesters.releases import Release
from schemas import Table

_OF_A_PERIOD = (
    "period", "file_sha256", "cells", "suppressed", "thresholds", "given_up", "method", "checks",
    "software",
)  # fmt: skip
_OF_THE_SYSTEM = (
    "tables", "files_sha256", "earlier_versions", "figures", "suppressed", "components",
    "largest_component", "solver",
)  # fmt: skip


@dataclass(frozen=True)
class Protection:
    """How much of a release is suppressed: `figures` is the number of its values about persons and
    of amounts (of all values, where it has neither), `suppressed` how many are not shown. `solved`
    says that they are counts or sums, of which the audit works out what can be known."""

    about_persons: bool
    about_amounts: bool
    figures: int
    suppressed: int
    solved: bool

    @property
    def share(self) -> float:
        """The share of the figures that is not shown, from 0 to 1."""
        return self.suppressed / self.figures if self.figures else 0.0


def protection(table: Table, manifest: Mapping[str, Any]) -> Protection:
    """How much is suppressed in the release of `table` with this manifest."""
    names = [one.name for one in table.protected_measures or table.measures]
    suppressed = sum(
        part["suppressed"].get(name, 0) for part in manifest["parts"] for name in names
    )
    solved = any(
        measure.name in names and measure.kind in ("count", "sum", "rate")
        for measure in table.measures
    )
    return Protection(
        table.about_persons,
        table.about_amounts,
        manifest["rows"] * len(names),
        suppressed,
        table.is_protected and solved,
    )


def public_certificate(release: Release) -> dict[str, Any]:
    """The certificates of a release's parts, as anyone may have them: what was checked, of which
    files (SHA-256), with which outcome and by which software."""
    return {
        "table": release.table,
        "release": release.number,
        "issued": release.manifest["issued"],
        "files": [
            {"name": file["name"], "sha256": file["sha256"]} for file in release.manifest["files"]
        ],
        "periods": [
            _of_a_period(read_json(release.path / part["certificate"]))
            for part in release.manifest["parts"]
        ],
    }


def _of_a_period(certificate: Mapping[str, Any]) -> dict[str, Any]:
    system = certificate.get("system", {})
    return {
        **{name: certificate[name] for name in _OF_A_PERIOD if name in certificate},
        "system": {name: system[name] for name in _OF_THE_SYSTEM if name in system},
    }
