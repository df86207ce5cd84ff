"""A ward sends a file with a mistake: it is refused with place, rule and remedy, in Vietnamese."""

import openpyxl
import pytest

from .conftest import Portal

pytestmark = pytest.mark.integration


def test_a_mistaken_file_is_refused_by_its_cell_and_the_last_good_state_stays(
    portal: Portal,
) -> None:
    path = sorted((portal.state / "drop" / "thu-vien" / "2025-2026").glob("*.xlsx"))[0]
    good = path.read_bytes()
    snapshots = portal.state / "snapshots" / "ward-files" / "library"
    before = (snapshots / "2025-2026.json").read_bytes()
    book = openpyxl.load_workbook(path)
    sheet = book.active
    row = next(
        index
        for index, cells in enumerate(sheet.iter_rows(values_only=True), start=1)
        if sum(isinstance(cell, int) for cell in cells) >= 4
    )
    cell = [one for one in sheet[row] if isinstance(one.value, int)][-1]
    cell.value = "nhiều lắm"
    book.save(path)
    try:
        done = portal.run("hcmedu", "harvest", "ward-files", check=False)
        assert done.returncode == 1
        assert path.name in done.stdout
        assert f"dòng {row}" in done.stdout
        reports = portal.run("hcmedu", "reports", "ward-files").stdout
        assert path.name in reports
        # Where and why, never what.
        assert "nhiều lắm" not in done.stdout + reports
        assert (snapshots / "2025-2026.json").read_bytes() == before
    finally:
        path.write_bytes(good)
    assert portal.run("hcmedu", "harvest", "ward-files").returncode == 0
