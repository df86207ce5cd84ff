"""The size of a drawn chart."""

import pytest

from ckanext.hcmedu.figures.drawing import size

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("length", range(560, 610))
def test_a_size_is_found_whatever_letters_follow_it(length: int) -> None:
    drawn = '<svg class="marks" width="320" height="200.4"><title>'.ljust(length, "x") + "ệ" * 99
    assert size(drawn.encode()) == (320, 200)
