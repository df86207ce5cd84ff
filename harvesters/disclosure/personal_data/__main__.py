"""``python -m harvesters.disclosure.personal_data FILE…``: needs neither CKAN nor a service."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from harvesters.disclosure.personal_data.program import report


def main() -> int:
    """Check the files named on the command line; 1 where something was found."""
    parser = argparse.ArgumentParser(
        prog="python -m harvesters.disclosure.personal_data",
        description="Tìm dữ liệu cá nhân trong tệp trước khi gửi. · Look for personal data in "
        "files before they are sent.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument(
        "--schools",
        type=Path,
        metavar="LIST",
        help="tệp văn bản, mỗi dòng một tên hoặc mã trường · names or codes of schools, one a line",
    )
    arguments = parser.parse_args()
    schools = arguments.schools.read_text(encoding="utf-8-sig") if arguments.schools else ""
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    return report(arguments.files, console, schools.splitlines())


if __name__ == "__main__":
    sys.exit(main())
