"""``python -m tests.bench.scanner``: how fast files that come in are looked through.

Prints a table of MB a second on one core; the goal is 200 MB of CSV a minute (3.3 MB a second).
"""

from __future__ import annotations

import io
import random
import sys
import time
from collections.abc import Callable, Iterator

import pyarrow as pa
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from harvesters.disclosure.personal_data import Public, scan_file
from harvesters.sources import Limits

_SIZE = 40 * 2**20
_KINDS = ("Trường Tiểu học", "Trường THCS", "Trường THPT", "Trường Mầm non")
_NAMES = ("Nguyễn Du", "Võ Thị Sáu", "Lê Quý Đôn", "Hoa Mai", "Trần Hưng Đạo", "Kim Đồng")


def _counts(dice: random.Random) -> Iterator[str]:
    """As wards send them: codes, names of schools, counts and amounts; few distinct texts."""
    yield "STT;Mã trường;Tên trường;Khối;Lớp;Số học sinh;Tổng kinh phí (đồng)"
    for number in range(1, sys.maxsize):
        school = dice.randrange(2000)
        name = f"{_KINDS[school % 4]} {_NAMES[school % 6]} {school}"
        grade = dice.randint(1, 12)
        yield (
            f"{number};{79000000 + school};{name};{grade};{grade}A{dice.randint(1, 20)};"
            f"{dice.randint(20, 45)};{dice.randint(10**8, 10**11)}"
        )


def _distinct(dice: random.Random) -> Iterator[str]:
    """The worst of clean files: every text is another one, and each looks like a name at first."""
    yield "Mã lớp;Đơn vị;Ghi chú;Số lượng"
    for number in range(1, sys.maxsize):
        name = f"{dice.choice(_KINDS)} {dice.choice(_NAMES)} cơ sở {number}"
        note = f"Quyết định {number}/QĐ-SGDĐT về quy mô phòng học, đợt {dice.randint(1, 9)}"
        yield f"L{number};{name};{note};{dice.randint(1, 10**6)}"


def _file(lines: Callable[[random.Random], Iterator[str]]) -> bytes:
    text = io.BytesIO()
    for line in lines(random.Random(1)):
        text.write(line.encode() + b"\n")
        if text.tell() >= _SIZE:
            break
    return text.getvalue()


def main() -> int:
    """Measure both files and print the table; 1 where one is slower than the goal."""
    pa.set_cpu_count(1)
    sheet = Table("file", "MB", "seconds", "MB/s", "MB/min", "goal", "hits", box=SIMPLE_HEAD)
    slow = False
    for title, lines in (("counts of wards", _counts), ("every text distinct", _distinct)):
        content = _file(lines)
        limits = Limits(max_file_bytes=2 * _SIZE)
        begin = time.process_time()
        found = scan_file(io.BytesIO(content), "csv", limits, Public())
        seconds = time.process_time() - begin
        size = len(content) / 1e6
        slow |= size / seconds * 60 < 200
        sheet.add_row(
            title, f"{size:.0f}", f"{seconds:.1f}", f"{size / seconds:.1f}",
            f"{size / seconds * 60:.0f}", "200", str(len(found)),
        )  # fmt: skip
    Console(width=100).print(sheet)
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
