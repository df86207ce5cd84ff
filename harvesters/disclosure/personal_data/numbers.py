"""Numbers and codes that stand for a person, or lead to one.

Sources: personal numbers, Circular 59/2021/TT-BCA, articles 3 and 4; tax codes, the check digit of
`stdnum.vn.mst`; telephone numbers, the numbering plan of `phonenumbers`.
"""

from __future__ import annotations

import ipaddress
import re

import phonenumbers
from stdnum.vn import mst

from harvesters.disclosure.personal_data.headings import Heading
from harvesters.disclosure.personal_data.text import fold

_PROVINCES = (
    "00[12468]|01[0124579]|02[024567]|03[013-8]|04[024-689]|05[12468]|06[024678]|07[024579]"
    "|08[0234679]|09[1-6]"
)
# Centuries count from 1900; who is alive was born from 1920 on. Without its zeros a number has less
# to be known by, so that the year is looked at then.
_CENTURY = "[0-3]"
_LIVING = "(?:[01][2-9][0-9]|[23][0-3][0-9])"

PERSONAL_NUMBER = f"(?:{_PROVINCES}){_CENTURY}[0-9]{{8}}"
"""Twelve digits: province, century with sex, year of birth, six free."""

SHORT_PERSONAL_NUMBER = f"(?:{re.sub('(?<![0-9[])00?', '', _PROVINCES)}){_LIVING}[0-9]{{6}}"
"""The same without its leading zeros, as a spreadsheet leaves it: eleven or ten digits."""

DIGITS = r"[0-9](?:[^\pL0-9]*[0-9]){8}"
"""RE2: nine digits or more, whatever stands between them but letters."""

NUMBER = (
    r"^[-+]?(?:0|[1-9][0-9]{0,2}(?:[., ][0-9]{3})+|[1-9][0-9]*)(?:[.,][0-9]+)?(?:e[+]?[0-9]+)?$"
)
"""RE2: a number as one is written, with or without separators, and no leading zero."""

EMAIL = r"@"
PLATE = r"[1-9][0-9]-?[A-Z][A-Z0-9]?[- .]{0,3}[0-9]{3}\.?[0-9]{1,2}"
ADDRESS = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*:"
BANK = r"(?i:t[àa]i kho[ảa]n|stk|s[ốo] tk|account)"

UUID = r"^\{?[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}\}?$"
HEX = r"^(?:0x|sha\d+:|md5:)?[0-9A-Fa-f]{16,128}$"
BASE64 = r"^[A-Za-z0-9+/_-]{22,}={0,2}$"

_SEPARATORS = r"[\W_]*"
_STRONG = re.compile(rf"(?<!\d)(?=(0(?:{_SEPARATORS}\d){{11}})(?!\d))")
_PHONE = re.compile(
    rf"(?<!\d)(?=((?:(?:\+|00){_SEPARATORS}84|84|0)(?:{_SEPARATORS}\d){{9,10}})(?!\d))"
)
_ABROAD = re.compile(rf"(?<!\d)\+\d(?:{_SEPARATORS}\d){{7,14}}(?!\d)")
_HEALTH_CARD = re.compile(
    rf"(?<![^\W\d_])[A-Za-z]{{2}}{_SEPARATORS}\d(?:{_SEPARATORS}\d){{12}}(?!\d)"
)
_PERSONAL = re.compile(PERSONAL_NUMBER)
_SHORT = re.compile(SHORT_PERSONAL_NUMBER)
_NUMBER = re.compile(NUMBER)
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9]\d*)[.,]\d+(?:[eE][-+]?\d+)?")
_DATE = re.compile(
    r"(?<!\d)(?:[0-3]?\d([-/.])[01]?\d\1(?:19|20)\d\d|(?:19|20)\d\d([-/.])[01]?\d\2[0-3]?\d)(?!\d)"
    r"(?:[T ]+\d\d?:\d\d(?::\d\d(?:\.\d+)?)?)?"
)
_SCHOOL_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d ?[-/] ?(?:(?:19|20)\d\d|\d\d)(?!\d)")
_WITH_UNIT = re.compile(
    r"(?<!\d)[1-9]\d*(?:[., ]\d{3})*(?:[.,]\d+)? ?(?:đồng|đ|dong|vnđ|vnd|usd|%|m2|lượt|học sinh)"
    r"(?![^\W\d_])",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"(?<!\d)\d+(?:[ .-]\d+)*(?!\d)")
_TAX_CODE = re.compile(r"(?<!\d)(?:\d{10}-\d{3}|\d{9,10}|\d{13})(?!\d)")
_TAX_WORDS = re.compile(r"(?:mst|ma so thue)\W*$")
_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]+ ?@ ?[\w-]+(?: ?\. ?[\w-]+)+")
_PLATE = re.compile(
    r"(?<![A-Z0-9])(?:1[1-9]|[2-9]\d)-?(?:LD|DA|MK|MD|MĐ|TĐ|KT|NN|NG|QT|HC"
    r"|[A-HK-NPS-VXYZ][A-Z0-9]?)[- .]{0,3}(?:\d{3}\.?\d{2}|(?!(?:19|20)\d\d)\d{4})(?!\d)"
)
_CLASS = re.compile(r"(?:lop|khoi|phong|class)\W*$")
_IP = re.compile(
    r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])|(?<![\w:])[0-9A-Fa-f:]*:[0-9A-Fa-f:]+"
)
_ACCOUNT = re.compile(r"(?:tai khoan|stk|so tk|account)[^0-9]{0,40}((?:\d[ .-]?){5,18}\d)")
_UUID, _HEX = re.compile(UUID), re.compile(HEX)
_ROUND = "000"


def is_number(value: str) -> bool:
    """Whether a normalised `value` is written as a number is, without a leading zero."""
    return _NUMBER.fullmatch(value) is not None


def digit_rules(value: str, heading: Heading) -> frozenset[str]:
    """The rules that the digits in a normalised `value` break; of an amount, none.

    :param heading: of the column that it stands in
    """
    if _DECIMAL.fullmatch(value) and not heading.is_identifier:
        groups = re.split(r"[.,]", value)
        if len(groups) != 2 or len(groups[1]) != 3:
            return frozenset()
    if heading.is_amount and is_number(value):
        return frozenset()
    value = _without_own_tax_codes(value, heading)
    found = set(_strong(value, heading))
    found |= _health_card(value)
    if not found and not _is_token(value):
        found = _weak(value, heading)
    count = sum(letter.isdigit() for letter in value)
    if heading.number_rules and count >= 6 and not found:
        found = set(heading.number_rules)
    if heading.is_key:
        # What a declared key is for; its hash is forgotten with its salt.
        found -= {"sector-code", "tax-code", "social-insurance"}
    return frozenset(found)


def _is_token(value: str) -> bool:
    """Whether `value` is a UUID or a hash, in which a run of digits says nothing."""
    letters = any(letter.isalpha() for letter in value)
    return letters and (_UUID.fullmatch(value) or _HEX.fullmatch(value)) is not None


def _strong(value: str, heading: Heading) -> set[str]:
    """Numbers that are known by themselves, wherever they stand and whatever is between digits."""
    found: set[str] = set()
    text = _DATE.sub("x", value)
    for match in _STRONG.finditer(text):
        if _PERSONAL.fullmatch(_digits(match[1])):
            found.add("personal-number")
    if any(_is_phone(_digits(match[1]), "VN") for match in _PHONE.finditer(text)) or any(
        _is_phone("+" + _digits(match[0]), None) for match in _ABROAD.finditer(text)
    ):
        found.add("phone")
    if found & heading.number_rules:
        found &= heading.number_rules
    return found


def _health_card(value: str) -> set[str]:
    return {"health-card"} if _HEALTH_CARD.search(value) else set()


def _without_own_tax_codes(value: str, heading: Heading) -> str:
    """`value` without what is said to be a tax code, is one, and is no person's."""
    for match in _TAX_CODE.finditer(value):
        # Nine digits: a spreadsheet has taken the zero.
        code = match[0].zfill(10)
        if mst.is_valid(code) and not code.startswith("8"):
            named = heading.is_tax_code or _TAX_WORDS.search(fold(value[: match.start()]))
            if named or "-" in code:
                value = value.replace(match[0], "x")
    return value


def _weak(value: str, heading: Heading) -> set[str]:
    """Numbers that are known by their length alone; amounts, dates and years are not."""
    text = _WITH_UNIT.sub("x", _SCHOOL_YEAR.sub("x", _DATE.sub("x", value)))
    found: set[str] = set()
    for match in _GROUPED.finditer(text):
        for digits in _readings(match[0], heading):
            found |= _by_length(digits, heading)
    return found


def _readings(written: str, heading: Heading) -> list[str]:
    """The numbers that a chain of digits may be: each group, and all groups as one."""
    groups = re.split(r"[ .-]", written)
    whole = "".join(groups)
    natural = all(2 < len(group) < 5 and not _is_year(group) for group in groups)
    if len(groups) > 1 and (natural or heading.is_identifier):
        return [whole, *groups]
    return groups


def _by_length(digits: str, heading: Heading) -> set[str]:
    if digits.endswith(_ROUND) and not heading.is_identifier:
        return set()
    if len(digits) == 9:
        found = {"identity-card"}
        if digits[0] in "35789" and _is_phone("0" + digits, "VN"):
            found.add("phone")
    elif len(digits) == 10:
        found = {"sector-code"}
        if mst.is_valid(digits):
            found.add("tax-code")
        if _SHORT.fullmatch(digits):
            found.add("personal-number")
        if _is_phone("0" + digits, "VN"):
            found.add("phone")
    elif len(digits) == 11 and _SHORT.fullmatch(digits):
        found = {"personal-number"}
    else:
        return set()
    return (found | heading.number_rules) if heading.number_rules else found


def _is_year(group: str) -> bool:
    return len(group) == 4 and group[:2] in ("19", "20")


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def _is_phone(digits: str, region: str | None) -> bool:
    if digits.startswith("84") and region == "VN":
        digits = "+" + digits
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, region))
    except phonenumbers.NumberParseException:
        return False


def code_rules(value: str, heading: Heading) -> frozenset[str]:
    """The rules that e-mail addresses, plates, IP addresses and accounts in `value` break."""
    found: set[str] = set()
    if "@" in value and _EMAIL.search(value):
        found.add("email")
    if _has_plate(value):
        found.add("plate")
    if _has_ip(value, heading):
        found.add("ip-address")
    if _ACCOUNT.search(fold(value)):
        found.add("bank-account")
    return frozenset(found)


def _has_plate(value: str) -> bool:
    return any(not _CLASS.search(fold(value[: match.start()])) for match in _PLATE.finditer(value))


def _has_ip(value: str, heading: Heading) -> bool:
    for match in _IP.finditer(value):
        try:
            ipaddress.ip_address(match[0])
        except ValueError:
            continue
        if ":" in match[0]:
            if sum(letter != ":" for letter in match[0]) >= 4:
                return True
            continue
        octets = [int(part) for part in match[0].split(".")]
        # 1.2.3.4 numbers a section; 100.200.150.250 may be an amount.
        amount = heading.is_amount and all(len(part) == 3 for part in match[0].split(".")[1:])
        least = 50 if heading.is_numbering else 10
        if heading.is_ip or (max(octets) >= least and not amount):
            return True
    return False
