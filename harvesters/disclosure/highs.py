"""The solver of linear programmes, HiGHS, as both the protection and the audit use it."""

from __future__ import annotations

from collections.abc import Collection

from highspy import HighsModelStatus, _core, kHighsIInf

Highs = _core._Highs

_PERTURBATION = "dual_simplex_cost_perturbation_multiplier"
_LIMIT = "simplex_iteration_limit"

_PATIENCE = 1_000_000
"""Iterations; the largest programmes of the full city take 40,000."""


def solver(perturb: bool = True) -> Highs:
    """A solver without a model: quiet, one thread, and the same answer for the same question.

    Prices that are all 1 or -1 need not be perturbed, and are dealt with in a third of the time
    where they are not; should the simplex method go round in circles then, `run` perturbs them.

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
    if not perturb:
        options |= {_PERTURBATION: 0.0, _LIMIT: _PATIENCE}
    for name, value in options.items():
        highs.setOptionValue(name, value)
    return highs


class SolverError(Exception):
    """HiGHS cannot solve at all, which says nothing about the question."""


def run(highs: Highs, settled: Collection[HighsModelStatus] = ()) -> HighsModelStatus:
    """Solve the model; how that ended.

    Where it ended neither optimal nor as one of `settled`, it is tried once more: where a start
    from the last solution went astray, a start from nothing may not. Read what is needed before
    any change to the model: afterwards it is gone.

    :raises SolverError: HiGHS does not begin to solve.
    """
    status = _run(highs)
    if status != HighsModelStatus.kOptimal and status not in settled:
        highs.clearSolver()
        for name, value in ((_PERTURBATION, 1.0), (_LIMIT, kHighsIInf)):
            highs.setOptionValue(name, value)
        status = _run(highs)
    return status


def _run(highs: Highs) -> HighsModelStatus:
    highs.run()
    if highs.getModelStatus() == HighsModelStatus.kNotset:
        # Somebody else's HiGHS came first in this thread, with another number of threads: that is
        # kept for all that follow, until it is forgotten.
        Highs.resetGlobalScheduler(True)
        highs.run()
    status = highs.getModelStatus()
    if status == HighsModelStatus.kNotset:
        raise SolverError("HiGHS did not begin to solve; its options and its model do not go.")
    return status


def version() -> str:
    """The version of HiGHS."""
    return str(Highs().version())
