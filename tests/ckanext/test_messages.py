"""The messages of pages in both languages."""

import re

import ckan
import ckanext.harvest
import polib
import pytest

import ckanext.hcmedu

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("language", ["vi", "en"])
def test_compiled_messages_are_those_of_the_source(language: str) -> None:
    folder = f"{ckanext.hcmedu.__path__[0]}/i18n/{language}/LC_MESSAGES/ckanext-hcmedu"
    source, compiled = polib.pofile(f"{folder}.po"), polib.mofile(f"{folder}.mo")
    assert {entry.msgid: (entry.msgstr, entry.msgstr_plural) for entry in source} == {
        entry.msgid: (entry.msgstr, entry.msgstr_plural) for entry in compiled
    }
    for entry in source:
        names = set(re.findall(r"\{\w*\}|%\(\w+\)s|%s", entry.msgid_plural or entry.msgid))
        said = entry.msgstr or entry.msgstr_plural[0]
        assert set(re.findall(r"\{\w*\}|%\(\w+\)s|%s", said)) == names, entry.msgid


# Names, and what is the same in both languages; CKAN's text about itself, which no page of ours
# shows.
_NOT_TRANSLATED = re.compile(
    r"(<q>)?\{\w+\}(</q>)?( \{\w+\})?|CSV|Facebook|X|http\S+|<p>CKAN is the world.*", re.DOTALL
)
_IN_USE = ("ckan/", "ckanext/activity/", "ckanext/datastore/", "ckanext/datatablesview/")


def test_no_message_for_staff_is_left_in_english() -> None:
    ours = {
        entry.msgid
        for entry in polib.pofile(
            f"{ckanext.hcmedu.__path__[0]}/i18n/vi/LC_MESSAGES/ckanext-hcmedu.po"
        )
    }
    catalogue = polib.pofile(f"{ckan.__path__[0]}/i18n/vi/LC_MESSAGES/ckan.po")
    translated = {
        entry.msgid
        for entry in catalogue
        if (entry.msgstr or any(entry.msgstr_plural.values())) and "fuzzy" not in entry.flags
    }
    asked = [
        entry.msgid
        for entry in catalogue
        if not entry.obsolete and any(place.startswith(_IN_USE) for place, _ in entry.occurrences)
    ]
    harvest = polib.pofile(f"{ckanext.harvest.__path__[0]}/i18n/ckanext-harvest.pot")
    asked += [entry.msgid for entry in harvest]
    assert len(asked) > 900
    left = [each for each in asked if each not in ours and each not in translated]
    assert [each for each in left if not _NOT_TRANSLATED.fullmatch(each)] == []
