import random

import pytest

from ckanext.hcmedu import collation

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "ordered",
    [
        # Letters of their own, not a and d with marks.
        ["an", "ăn", "ân", "ba"],
        ["Chuyển đổi số", "Dịch vụ công", "Địa bàn", "Đội ngũ", "Giáo viên", "Học phí"],
        ["me", "mê", "mo", "mô", "mơ", "mu", "mư"],
        # Tones decide only between words of the same letters.
        ["ma", "mà", "mả", "mã", "má", "mạ", "man"],
        ["Quận 1", "Quận Ba"],
    ],
)
def test_order_of_the_vietnamese_alphabet(ordered: list[str]) -> None:
    shuffled = random.Random(1).sample(ordered, len(ordered))
    assert sorted(shuffled, key=collation.key) == ordered


def test_composed_and_decomposed_texts_are_the_same() -> None:
    composed, decomposed = "ế", "e\u0302\u0301"
    assert collation.key(composed)[:2] == collation.key(decomposed)[:2]
