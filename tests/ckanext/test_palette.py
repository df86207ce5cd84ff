"""The colours of charts stand out from the page in both schemes (WCAG 2.2, 1.4.11)."""

import re
from pathlib import Path

import pytest

import ckanext.hcmedu

pytestmark = pytest.mark.unit

TOKENS = Path(ckanext.hcmedu.__path__[0]) / "assets" / "tokens.css"


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, by WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_of_charts_stand_out(scheme: str) -> None:
    light, dark = TOKENS.read_text(encoding="utf-8").split("(prefers-color-scheme: dark)")
    named = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))
    paper = luminance(named["paper"])
    charts = [colour for name, colour in named.items() if name.startswith("chart-")]
    assert len(charts) == 6
    for colour in charts:
        lower, higher = sorted((luminance(colour), paper))
        assert (higher + 0.05) / (lower + 0.05) >= 3, colour
