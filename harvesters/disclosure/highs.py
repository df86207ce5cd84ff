"""The solver of linear programmes, HiGHS, as both the protection and the audit use it."""

from __future__ import annotations

from collections.abc import Collection

from highspy import HighsModelStatus, _core

Highs = _core._Highs


def solver() -> Highs:
    """A solver without a model: quiet, one thread, and the same answer for the same question.

    `highspy.Highs` prints a line on standard output when it is made, whatever is set later; what
    it is derived from does not (highspy 1.16), and lacks only the modelling language.
    """
    options: dict[str, bool | int | float | str] = {
        "output_flag": False,
        "threads": 1,
        "presolve": "off",
        "random_seed": 0,
        "primal_feasibility_tolerance": 1e-9,
        "dual_feasibility_tolerance": 1e-9,
    }
    highs = Highs()
    for name, value in options.items():
        highs.setOptionValue(name, value)
    return highs


def run(highs: Highs, settled: Collection[HighsModelStatus] = ()) -> HighsModelStatus:
    """Solve the model; how that ended.

    Where it ended neither optimal nor as one of `settled`, it is tried once more: where a start
    from the last solution went astray, a start from nothing may not. Read what is needed before
    any change to the model: afterwards it is gone.
    """
    highs.run()
    status = highs.getModelStatus()
    if status != HighsModelStatus.kOptimal and status not in settled:
        highs.clearSolver()
        highs.run()
        status = highs.getModelStatus()
    return status


def version() -> str:
    """The version of HiGHS."""
    return str(Highs().version())
