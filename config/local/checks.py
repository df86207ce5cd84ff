"""The checks that need no service: `python config/local/checks.py [CHECK ...]`."""

import subprocess
import sys
from pathlib import Path

from layout import ROOT

_BIN = Path(sys.executable).parent

CHECKS = {
    "lint": [str(_BIN / "ruff"), "check", "."],
    "format": [str(_BIN / "ruff"), "format", "--check", "."],
    "types": [str(_BIN / "mypy")],
    "imports": [str(_BIN / "lint-imports"), "--no-cache"],
    "declarations": [sys.executable, "-m", "schemas"],
}


def run_checks(names: list[str]) -> list[str]:
    """Run checks, printing what those say that fail. Returns the names of those."""
    failed = []
    for name in names or CHECKS:
        done = subprocess.run(CHECKS[name], cwd=ROOT, capture_output=True, text=True, check=False)
        print(f"{name:<14}{'ok' if done.returncode == 0 else 'FAILED'}", flush=True)
        if done.returncode != 0:
            print(done.stdout + done.stderr, flush=True)
            failed.append(name)
    return failed


def main() -> int:
    unknown = set(sys.argv[1:]) - set(CHECKS)
    if unknown:
        print(f"Unknown: {', '.join(sorted(unknown))}. There are: {', '.join(CHECKS)}.")
        return 2
    return 1 if run_checks(sys.argv[1:]) else 0


if __name__ == "__main__":
    sys.exit(main())
