"""What a column's heading says that it holds. Kind matters: ten digits are an amount under “Tổng
kinh phí” and somebody's code under “Mã số”."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from harvesters.disclosure.personal_data.text import fold, normalise


def _words(pattern: str) -> re.Pattern[str]:
    """Matches `pattern` (folded) as whole words."""
    return re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])")


_AMOUNT = _words(
    r"so (?:luong|tien|luot|hoc sinh|hs|hoc vien|tre|lop|nhom|giao vien|gv|can bo|nhan vien|truong"
    r"|phong|co so|dau sach|nhan de|ban|nguoi|ho so|giao dich|tiet|may|thiet bi)|so du|so lieu"
    r"|tong(?: so| cong| hop| chi| thu| tien| muc)?|cong|kinh phi|ngan sach|muc (?:thu|chi|luong)"
    r"|hoc phi|thanh tien|don gia|doanh (?:thu|so)|chi phi|chi tieu|du toan|quyet toan|du no"
    r"|gia tri|luot|dien tich|ty le|dong|vnd|vnđ|usd|trieu|ty dong|nghin dong|quy mo|si so"
    r"|amount|total|count|number of|quantity|sum|fees?|cost|budget|expenditure|revenue|value|area"
    r"|percent(?:age)?|rate|share|pupils|students|classes|teachers|rooms|visits|loans"
)
# “Số học sinh có thẻ BHYT” counts pupils, whatever it says of cards.
_COUNTED = re.compile(
    r"[^a-z]*(?:tong|so (?:luong|tien|luot|hoc sinh|hs|tre|lop|giao vien|gv|can bo|truong|nguoi"
    r"|ho so)|kinh phi|ty le|muc (?:thu|chi)|number of|total)(?![a-z0-9])"
)
_IDENTIFIER = _words(
    r"ma(?: so| dinh danh)?|dinh danh|can cuoc|cccd|cmnd|cmt|chung minh(?: thu| nhan dan)?|so the"
    r"|the bhyt|so so|ho chieu|passport|tai khoan|stk|dien thoai|sdt|dt|di dong|hotline|zalo|phone"
    r"|mobile|tel|bhxh|bhyt|bao hiem|mst|ddcn|so hieu|id|uuid|guid|e-?mail|thu dien tu|bien so"
    r"|identifier|code"
)
_PERSONAL_NUMBER = _words(r"cccd|can cuoc(?: cong dan)?|dinh danh ca nhan|so dinh danh|ddcn")
_IDENTITY_CARD = _words(r"cmnd|cmt|cmtnd|chung minh(?: thu| nhan dan)?|ho chieu|passport")
_SOCIAL = _words(r"bhxh|bao hiem xa hoi")
_HEALTH = _words(r"bhyt|bao hiem y te")
_PHONE = _words(r"dien thoai|sdt|so dt|di dong|zalo|phone|mobile|tel")
_BANK = _words(r"tai khoan(?! nguoi dung)|stk|so tk|bank account|account (?:no|number)|iban")
_TAX = _words(r"ma so thue|mst|tax code|tax id")
_IP = _words(r"ip|dia chi ip|ip address")
_PERSON = _words(
    r"ho (?:va )?(?:ten|chu dem)|ho dem|ten dem|hoten|quy danh|danh tinh"
    r"|ten (?:hoc sinh|hs|hoc vien|tre|be|em|giao vien|gv|can bo|nhan vien|phu huynh|cha|bo|me"
    r"|nguoi (?:nop|lap|giam ho|dung|ky|nhan|lien he)|chu ho|hieu truong)"
    r"|(?:full|sur|first|last|given|family|middle)[ -]?name"
    r"|(?:student|pupil|teacher|parent)'?s? name"
)
_INSTITUTION = _words(
    r"(?:ten )?(?:truong|don vi|co so(?: giao duc)?|phuong|xa|dac khu|dia ban|dia danh|duong|pho"
    r"|quan|huyen|tinh|thanh pho|school|institution|ward|commune|street|area|district)"
    r"(?: (?:hoc|thpt|thcs|tieu hoc|mam non|xa|phuong|dac khu|pho|name))*"
)
_SCHOOL = _words(r"truong|ma truong|don vi|co so giao duc|school|institution|lop|class")
_BIRTH_DATE = _words(
    r"ngay(?:,? thang)?(?:,? nam)? sinh|ngay thang nam sinh|(?<!hoc )sinh ngay|ns|ntns|dob"
    r"|date of birth|birth ?da(?:y|te)"
)
_BIRTH_YEAR = _words(r"nam sinh|sinh nam|year of birth|birth ?year|yob")
_SEX = _words(r"gioi tinh|nam/nu|nam / nu|nu|sex|gender|phai")
_OTHER_DATE = _words(
    r"(?:ngay|thoi (?:gian|diem|han)|han|ky|date)(?: [a-z]+)* (?:bao cao|lap|gui|nhan|nop|tra|ky"
    r"|ban hanh|quyet dinh|cong nhan|thanh lap|hoat dong|hieu luc|cap nhat|cap phep|dang ky"
    r"|tiep nhan|hen tra|tra ket qua|hoan thanh|khai giang|be giang|bat dau|ket thuc|thi|hop"
    r"|cong bo|cong khai|phe duyet|tham dinh|kiem tra|danh gia|giao dich|thanh toan|den|di"
    r"|tao|chot|so lieu|ap dung|sap xep|issued|received|updated|created|report)"
    r"|ngay (?:bc|qd|vb)|report date|issued|updated|created|founded"
)
_ANY_DATE = _words(r"ngay|date|ns|dob|sinh")
_OWN_ADDRESS = _words(
    r"dia chi (?:truong|don vi|co so|tru so|diem truong)|tru so|(?:school|office) address|dia diem"
)
_NUMBERING = _words(r"stt|tt|muc|so thu tu|no")


@dataclass(frozen=True)
class Heading:
    """A column's heading: its words, and the type of the record's field it is mapped to, if any.

    `declared` is a field type of `schemas.record` (``integer``, ``code`` …), or None.
    """

    words: str = ""
    declared: str | None = None

    @cached_property
    def _folded(self) -> str:
        return fold(normalise(self.words)).replace("_", " ")

    def _says(self, pattern: re.Pattern[str]) -> bool:
        return pattern.search(self._folded) is not None

    @cached_property
    def is_amount(self) -> bool:
        """Whether numbers in the column are counts or amounts: declared so, or headed so."""
        if self.declared is not None:
            return self.declared in ("integer", "decimal")
        counted = _COUNTED.match(self._folded) is not None
        return counted or (self._says(_AMOUNT) and not self.is_identifier)

    @cached_property
    def is_identifier(self) -> bool:
        """Whether the column is headed as codes or numbers of something."""
        return self._says(_IDENTIFIER)

    @cached_property
    def number_rules(self) -> frozenset[str]:
        """The rules that any longer number in the column breaks, by its heading alone."""
        named = {
            "personal-number": _PERSONAL_NUMBER, "identity-card": _IDENTITY_CARD,
            "social-insurance": _SOCIAL, "health-card": _HEALTH, "phone": _PHONE,
            "bank-account": _BANK,
        }  # fmt: skip
        return frozenset(rule for rule, pattern in named.items() if self._says(pattern))

    @cached_property
    def is_key(self) -> bool:
        """Whether the column is a declared key, which is hashed at once and never stored."""
        return self.declared == "key"

    @cached_property
    def is_tax_code(self) -> bool:
        """Whether it is headed as tax codes."""
        return self._says(_TAX)

    @cached_property
    def is_ip(self) -> bool:
        """Whether it is headed as network addresses."""
        return self._says(_IP)

    @cached_property
    def is_person(self) -> bool:
        """Whether it is headed as names of persons."""
        return self._says(_PERSON)

    @cached_property
    def is_institution(self) -> bool:
        """Whether it is headed as names of institutions, places or streets."""
        return self.declared == "name" or (self._says(_INSTITUTION) and not self.is_person)

    @cached_property
    def is_birth_date(self) -> bool:
        """Whether it is headed as dates of birth."""
        return self._says(_BIRTH_DATE)

    @cached_property
    def is_birth_year(self) -> bool:
        """Whether it is headed as years of birth."""
        return self._says(_BIRTH_YEAR)

    @cached_property
    def is_sex(self) -> bool:
        """Whether it is headed as sex."""
        return self._says(_SEX)

    @cached_property
    def is_school(self) -> bool:
        """Whether it is headed as schools or classes."""
        return self.declared == "institution" or self._says(_SCHOOL)

    @cached_property
    def is_other_date(self) -> bool:
        """Whether it is headed as dates of something other than a birth."""
        return self.declared == "period" or (self._says(_OTHER_DATE) and not self.is_birth_date)

    @cached_property
    def may_be_serials(self) -> bool:
        """Whether numbers in it may be dates as a spreadsheet counts them."""
        if self.declared is not None:
            return False
        return not self._folded or (self._says(_ANY_DATE) and not self.is_other_date)

    @cached_property
    def is_own_address(self) -> bool:
        """Whether it is headed as addresses of institutions."""
        return self._says(_OWN_ADDRESS)

    @cached_property
    def is_numbering(self) -> bool:
        """Whether it is headed as numbers of lines or sections."""
        return self._says(_NUMBERING)
