"""The solver, in a process that others solve in as well."""

import subprocess
import sys

import highspy
import numpy as np
import pytest

from harvesters.disclosure.highs import SolverError, run, solver

pytestmark = pytest.mark.unit

BESIDE_ANOTHER = """
import highspy
from harvesters.disclosure.highs import run, solver

# HiGHS keeps one scheduler a thread; whoever comes first says how many threads it has.
other = highspy.Highs()
other.silent()
other.setOptionValue("threads", 2)
other.addVar(0.0, 1.0)
other.run()

ours = solver()
ours.addVar(0.0, 3.0)
ours.changeColCost(0, -1.0)
assert run(ours) == highspy.HighsModelStatus.kOptimal
assert ours.getInfo().objective_function_value == -3.0

# Nor does ours keep the other from it.
other.changeColCost(0, 1.0)
assert run(other) == highspy.HighsModelStatus.kOptimal
"""


def test_another_solver_with_more_threads_does_not_keep_ours_from_solving() -> None:
    # In a process of its own: in this one the scheduler may be ours already.
    done = subprocess.run(
        [sys.executable, "-c", BESIDE_ANOTHER], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_a_solver_that_does_not_begin_is_no_answer() -> None:
    """Else what cannot be asked would be told as what cannot be hidden."""
    unable = solver()
    unable.addVar(0.0, 1.0)
    unable.changeColIntegrality(0, highspy.HighsVarType.kInteger)
    # HiGHS has no method for whole numbers at a quadratic price.
    price = highspy.HighsHessian()
    price.dim_, price.start_ = 1, np.array([0, 1])
    price.index_, price.value_ = np.array([0]), np.array([1.0])
    unable.passHessian(price)
    with pytest.raises(SolverError, match="did not begin"):
        run(unable)
