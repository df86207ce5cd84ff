"""Made-up values of every kind that the scanner looks for. None of them is anybody's: dice made
them, and the same dice make the same ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stdnum.vn import mst

_FAMILIES = ("Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Phan", "Vũ", "Đặng", "Bùi", "Trương", "Mai")
_MIDDLES = ("Văn", "Thị", "Hữu", "Ngọc", "Minh", "Thị Thu", "Quốc", "Gia")
_GIVEN = ("Phúc", "Thủy", "Quân", "Xuyến", "Nghĩa", "Vy", "Khang", "Uyên", "Trúc", "Đạt", "Yến")
_PROVINCES = ("001", "004", "031", "036", "048", "056", "068", "075", "079", "082", "091", "096")
_MOBILES = ("032", "036", "070", "078", "081", "089", "091", "096", "098")


def digits(dice: random.Random, count: int, last: str = "123456789") -> str:
    """So many digits, the last of them one of `last`."""
    return "".join(dice.choice("0123456789") for _ in range(count - 1)) + dice.choice(last)


def personal_number(dice: random.Random, provinces: tuple[str, ...] = _PROVINCES) -> str:
    """Twelve digits with province, century and sex, and year of birth."""
    return f"{dice.choice(provinces)}{dice.choice('23')}{dice.randint(5, 22):02}{digits(dice, 6)}"


def eleven_digits(dice: random.Random) -> str:
    """A personal number without its leading zero."""
    return personal_number(dice, ("031", "048", "079", "092"))[1:]


def ten_digits(dice: random.Random) -> str:
    """A personal number without its two leading zeros."""
    return personal_number(dice, ("001", "004", "008"))[2:]


def identity_card(dice: random.Random) -> str:
    """Nine digits that are no telephone number."""
    return dice.choice("012") + digits(dice, 8)


def sector_code(dice: random.Random) -> str:
    """Ten digits that are no personal number, no telephone number and no tax code."""
    code = "5" + dice.choice("05") + digits(dice, 8)
    return sector_code(dice) if mst.is_valid(code) else code


def tax_code(dice: random.Random) -> str:
    """A person's tax code: ten digits with their check digit, the first of them 8."""
    while True:
        code = "8" + digits(dice, 8)
        weights = (31, 29, 23, 19, 17, 13, 7, 5, 3)
        check = 10 - sum(w * int(d) for w, d in zip(weights, code, strict=True)) % 11
        if 0 < check < 10:
            return f"{code}{check}"


def own_tax_code(dice: random.Random) -> str:
    """An institution's tax code."""
    while True:
        code = "03" + digits(dice, 7)
        weights = (31, 29, 23, 19, 17, 13, 7, 5, 3)
        check = 10 - sum(w * int(d) for w, d in zip(weights, code, strict=True)) % 11
        if 0 < check < 10:
            return f"{code}{check}"


def health_card(dice: random.Random) -> str:
    """Two letters and thirteen digits."""
    return f"{dice.choice(('HS', 'DN', 'TE', 'GD'))}4{digits(dice, 12)}"


def phone(dice: random.Random) -> str:
    """A mobile telephone's number."""
    return dice.choice(_MOBILES) + digits(dice, 7)


def phone_without_zero(dice: random.Random) -> str:
    """The same as a spreadsheet leaves it."""
    return phone(dice)[1:]


def plate(dice: random.Random) -> str:
    """A vehicle's plate."""
    series = dice.choice(("A", "F", "X1", "-P2", "-H1"))
    return f"{dice.choice((50, 51, 59, 61, 72))}{series}-{digits(dice, 3)}.{digits(dice, 2)}"


def email(dice: random.Random) -> str:
    """An e-mail address."""
    return f"hs{digits(dice, 4)}@vidu{dice.randint(1, 9)}.edu.vn"


def bank_account(dice: random.Random) -> str:
    """A bank account as people write it down."""
    return f"STK {digits(dice, 13)} ngân hàng"


def ip_address(dice: random.Random) -> str:
    """A network address."""
    return ".".join(str(dice.randint(11, 250)) for _ in range(4))


def name(dice: random.Random) -> str:
    """A person's name of three or four syllables, after nobody."""
    return f"{dice.choice(_FAMILIES)} {dice.choice(_MIDDLES)} {dice.choice(_GIVEN)}"


def birth_date(dice: random.Random) -> str:
    """A date of birth in words."""
    return f"sinh ngày {dice.randint(1, 28):02}-{dice.randint(1, 12):02}-{dice.randint(2006, 2019)}"


def day(dice: random.Random) -> str:
    """A date of birth alone."""
    return f"{dice.randint(1, 28):02}/{dice.randint(1, 12):02}/{dice.randint(2006, 2019)}"


def serial(dice: random.Random) -> str:
    """A date of birth as a spreadsheet counts it."""
    return str(dice.randint(38_800, 43_500))


def address(dice: random.Random) -> str:
    """An address of a person."""
    return dice.choice(
        (
            f"số nhà {dice.randint(2, 400)}, tổ {dice.randint(1, 30)}",
            f"{dice.randint(2, 400)} đường số {dice.randint(2, 60)}, khu phố {dice.randint(1, 9)}",
            f"hẻm {dice.randint(2, 400)}, tổ {dice.randint(1, 30)}",
            f"tổ {dice.randint(1, 30)}, ấp {dice.randint(1, 9)}",
        )
    )


def token(dice: random.Random) -> str:
    """A UUID or a hash."""
    number = f"{dice.getrandbits(128):032x}"
    dashed = f"{number[:8]}-{number[8:12]}-{number[12:16]}-{number[16:20]}-{number[20:]}"
    return dice.choice((dashed, f"{dice.getrandbits(256):064x}"))


def year(dice: random.Random) -> str:
    """A year of birth."""
    return str(dice.randint(2006, 2019))


@dataclass(frozen=True)
class Kind:
    """A rule, how its values are made, and a heading that says nothing of them or all."""

    rule: str
    make: Callable[[random.Random], str]
    heading: str = "Thông tin"


ANYWHERE: Mapping[str, Kind] = {
    "personal-number": Kind("personal-number", personal_number),
    "identity-card": Kind("identity-card", identity_card),
    "sector-code": Kind("sector-code", sector_code),
    "health-card": Kind("health-card", health_card),
    "phone": Kind("phone", phone),
    "plate": Kind("plate", plate),
    "email": Kind("email", email),
    "bank-account": Kind("bank-account", bank_account),
    "ip-address": Kind("ip-address", ip_address),
    "name": Kind("name", name),
    "birth-date": Kind("birth-date", birth_date),
    "address": Kind("address", address),
}
"""What is found wherever it stands."""

COLUMNS: Mapping[str, Kind] = {
    "eleven digits": Kind("personal-number", eleven_digits),
    "ten digits": Kind("personal-number", ten_digits, "Số CCCD"),
    "personal numbers as amounts": Kind("personal-number", eleven_digits, "Tổng số"),
    "tax code": Kind("tax-code", tax_code, "Mã số thuế"),
    "social insurance": Kind("social-insurance", sector_code, "Số BHXH"),
    "phone without zero": Kind("phone", phone_without_zero),
    "account by heading": Kind("bank-account", lambda dice: digits(dice, 12), "Số tài khoản"),
    "name by heading": Kind("name", lambda dice: dice.choice(_GIVEN), "Họ và tên"),
    "dates": Kind("birth-date", day),
    "date by heading": Kind("birth-date", day, "Ngày sinh"),
    "serial by heading": Kind("birth-date", serial, "Ngày tháng năm sinh"),
    "serial": Kind("birth-date", serial, "Ngày"),
    "token": Kind("token", token, "Mã hồ sơ"),
    "pupil codes": Kind("sector-code", sector_code, "Mã học sinh"),
}
"""What is found by the column that it fills."""
