"""Marking what was looked for."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from ckanext.hcmedu.search.highlighting import highlight

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "question", "expected"),
    [
        ("Học phí mầm non", "học phí", "<mark>Học phí</mark> mầm non"),
        ("Học phí mầm non", "hoc phi", "<mark>Học phí</mark> mầm non"),
        ("Đội ngũ giáo viên", "doi ngu", "<mark>Đội ngũ</mark> giáo viên"),
        ("Số học sinh, số lớp học", "học sinh tiểu học", "Số <mark>học sinh</mark>, số lớp học"),
        ("Số lớp", "lớp", "Số <mark>lớp</mark>"),
        ("<b>Học phí</b>", "học phí", "&lt;b&gt;<mark>Học phí</mark>&lt;/b&gt;"),
        (unicodedata.normalize("NFD", "Học phí"), "học phí", "<mark>Học phí</mark>"),
        ("Học phí", "", "Học phí"),
    ],
)
def test_words_are_marked_with_whatever_tones(text: str, question: str, expected: str) -> None:
    assert str(highlight(text, question)) == expected


@given(st.text(max_size=80), st.text(max_size=40))
def test_nothing_but_marks_is_added(text: str, question: str) -> None:
    html = str(highlight(text, question))
    shown = html.replace("<mark>", "").replace("</mark>", "")
    assert shown == str(escape(unicodedata.normalize("NFC", text)))
