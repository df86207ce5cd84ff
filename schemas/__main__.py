"""``python -m schemas [FOLDER ...]``: check the portal's declarations and those in FOLDERs."""

from __future__ import annotations

import sys

from schemas.declaration import DeclarationErrors
from schemas.declarations import Declarations


def main() -> int:
    """Print every mistake with its file and line; 1 where there is one, else 0."""
    try:
        declarations = Declarations.load(sys.argv[1:])
    except DeclarationErrors as wrong:
        print(wrong, file=sys.stderr)
        print(f"{len(wrong.errors)} mistake(s).", file=sys.stderr)
        return 1
    print(
        f"{len(declarations.tables)} tables, {len(declarations.records)} record types, "
        f"{len(declarations.codelists)} code lists, {len(declarations.targets)} targets: "
        "all well-formed."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
