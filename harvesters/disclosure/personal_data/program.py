"""Try a file before it is sent: the same look at it as the portal takes, in words for a school."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harvesters.connectors.faults import FaultyFileError
from harvesters.disclosure.personal_data.files import kind_of_file, scan_file
from harvesters.disclosure.personal_data.public import Public
from harvesters.disclosure.personal_data.texts import safe_name, scan_file_name
from harvesters.sources import Limits


@dataclass(frozen=True)
class Line:
    """One line of the report, each text in both languages: the file as it may be named, what is
    wrong, where, and how to mend it. No value of the file is in it."""

    file: str
    rule: str
    place: tuple[str, str]
    what: tuple[str, str]
    remedy: tuple[str, str]


def check_files(paths: Sequence[Path], schools: Iterable[str] = ()) -> list[Line]:
    """What is wrong with the files at `paths`: personal data, or that they cannot be read, so that
    nothing can be said of them.

    :param schools: names and codes of the register of schools, if it is at hand
    """
    public = Public(schools)
    return [
        line for number, path in enumerate(paths, start=1) for line in _check(path, number, public)
    ]


def _check(path: Path, number: int, public: Public) -> list[Line]:
    shown = safe_name(path.name, number, public)
    findings = scan_file_name(path.name, public)
    lines = []
    try:
        with path.open("rb") as file:
            findings += scan_file(file, kind_of_file(file, path.name), Limits(), public)
    except OSError:
        lines.append(
            Line(
                shown,
                "not-readable",
                ("tệp", "the file"),
                ("Không mở được tệp", "The file cannot be opened"),
                ("Kiểm tra đường dẫn và quyền đọc.", "Check the path and whether it may be read."),
            )
        )
    except FaultyFileError as faulty:
        for fault in faulty.faults:
            problem = fault.problem("", "", "", shown)
            lines.append(
                Line(
                    shown,
                    fault.rule,
                    ("tệp", "the file"),
                    (problem.expected["vi"], problem.expected["en"]),
                    (problem.remedy["vi"], problem.remedy["en"]),
                )
            )
    for finding in findings:
        what, remedy = finding.what, finding.remedy
        lines.append(
            Line(
                shown,
                finding.rule,
                (finding.place.vi, finding.place.en),
                (what["vi"], what["en"]),
                (remedy["vi"], remedy["en"]),
            )
        )
    return lines


def report(paths: Sequence[Path], console: Console, schools: Iterable[str] = ()) -> int:
    """Check the files at `paths` and print what was found. Returns 1 if anything was, else 0."""
    lines = check_files(paths, schools)
    if not lines:
        console.print(
            f"{len(paths)} tệp: không tìm thấy dữ liệu cá nhân. "
            f"({len(paths)} file(s): no personal data found.)",
            highlight=False,
        )
        return 0
    sheet = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("Tệp · File", "Nơi · Place", "Yêu cầu · Expected", "Cách sửa · Remedy"):
        sheet.add_column(heading, overflow="fold", ratio=1)
    for line in lines:
        cells = [line.file] + [
            f"{escape(vi)}\n[dim]{escape(en)}[/dim]"
            for vi, en in (line.place, line.what, line.remedy)
        ]
        sheet.add_row(escape(cells[0]), *cells[1:])
    console.print(sheet)
    refused = len({line.file for line in lines})
    console.print(
        f"{refused}/{len(paths)} tệp sẽ bị từ chối. ({refused} of {len(paths)} files would be "
        "refused.)",
        highlight=False,
        style="red",
    )
    return 1
