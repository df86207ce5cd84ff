"""Made-up names, phone numbers and addresses, put together from syllables by chance.

The pupil and staff tables of a real central database hold such columns. They stand here so that
it can be shown that the portal never asks for them.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.dice import Dice, Keys

_FAMILY = (
    ("Nguyễn", 31.5), ("Trần", 10.9), ("Lê", 8.9), ("Phạm", 5.9), ("Huỳnh", 5.1), ("Phan", 2.8),
    ("Võ", 4.9), ("Đặng", 2.4), ("Bùi", 2.5), ("Đỗ", 1.8), ("Hồ", 1.6), ("Ngô", 1.7),
    ("Dương", 1.4), ("Lý", 0.9), ("Trương", 2.2), ("Lâm", 1.1), ("Mai", 0.9), ("Đinh", 1.0),
    ("Châu", 0.6), ("Cao", 0.7),
)  # fmt: skip
_MIDDLE = {
    "Nam": ("Văn", "Minh", "Gia", "Hoàng", "Quốc", "Đức", "Thanh", "Nhật", "Tuấn", "Bảo"),
    "Nữ": ("Thị", "Ngọc", "Thanh", "Bảo", "Kim", "Thùy", "Phương", "Minh", "Khánh", "Hoàng"),
}
_GIVEN = {
    "Nam": (
        "An", "Bảo", "Dũng", "Duy", "Đạt", "Hải", "Hiếu", "Hùng", "Huy", "Khang", "Khoa", "Khôi",
        "Kiệt", "Lâm", "Long", "Minh", "Nam", "Nghĩa", "Nhân", "Phát", "Phong", "Phúc", "Quân",
        "Sơn", "Tài", "Thịnh", "Tiến", "Trí", "Tùng", "Vinh",
    ),
    "Nữ": (
        "An", "Anh", "Châu", "Chi", "Dung", "Giang", "Hà", "Hân", "Hằng", "Hương", "Lan", "Linh",
        "Ly", "Mai", "My", "Nga", "Ngân", "Nghi", "Nhi", "Như", "Oanh", "Quỳnh", "Tâm", "Thảo",
        "Thư", "Trâm", "Trang", "Trinh", "Vy", "Yến",
    ),
}  # fmt: skip

# Two made-up words: no school of the city bears such a name, and none starts with a family name.
_SCHOOL_FIRST = (
    "Ánh", "Bến", "Biển", "Bông", "Búp", "Cánh", "Cầu", "Chim", "Chồi", "Cội", "Diều", "Đảo",
    "Đèn", "Đồi", "Đồng", "Đuốc", "Gió", "Hạt", "Hoa", "Hương", "Khúc", "Lá", "Làng", "Lối",
    "Lúa", "Mái", "Mây", "Mầm", "Mùa", "Nắng", "Ngàn", "Nhành", "Nhịp", "Nụ", "Ong", "Phố",
    "Rạng", "Rừng", "Sao", "Sắc", "Sen", "Sóng", "Sông", "Suối", "Thuyền", "Tiếng", "Trang",
    "Trúc", "Vầng", "Vườn",
)  # fmt: skip
_SCHOOL_SECOND = (
    "Biếc", "Bình Yên", "Ca", "Chiều", "Diệu", "Đào", "Đông", "Hát", "Hạ", "Hè", "Hiền", "Hồng",
    "Hy Vọng", "Khơi", "Lam", "Lành", "Lộng", "Mênh Mông", "Mới", "Mơ", "Mượt", "Ngà", "Ngân",
    "Ngát", "Ngọt", "Nhỏ", "Non", "Reo", "Sáng", "Sớm", "Tím", "Thắm", "Thơm", "Thu", "Thương",
    "Trong", "Tươi", "Vàng", "Vui", "Xa", "Xanh", "Xuân", "Yêu Thương",
)  # fmt: skip

_STREETS = ("Hoa Nắng", "Lúa Vàng", "Sông Trong", "Gió Lành", "Mây Xanh", "Sen Hồng", "Bến Mới")


def take(words: tuple[str, ...] | list[str], indices: np.ndarray) -> pa.Array:
    """The words at `indices` as an Arrow array of strings."""
    return pa.array(words, pa.string()).take(pa.array(indices))


def person_names(dice: Dice, female: np.ndarray, *keys: Keys) -> pa.Array:
    """A name for each person; `female` says which given names fit."""
    family = take(
        [name for name, _ in _FAMILY],
        dice.pick("family name", [share for _, share in _FAMILY], *keys),
    )
    parts = [family]
    for topic, words in (("middle name", _MIDDLE), ("given name", _GIVEN)):
        both = words["Nam"] + words["Nữ"]
        offset = np.where(female, len(words["Nam"]), 0)
        count = np.where(female, len(words["Nữ"]), len(words["Nam"]))
        parts.append(take(both, offset + dice.below(topic, count, *keys)))
    return pc.binary_join_element_wise(*parts, " ")


def phone_numbers(dice: Dice, *keys: Keys) -> pa.Array:
    """A mobile number for each person, in the form 0[35789] and eight digits."""
    start = np.array([3, 5, 7, 8, 9])[dice.below("phone start", 5, *keys)]
    return digits(start * 10**8 + dice.below("phone rest", 10**8, *keys), 10)


def addresses(dice: Dice, *keys: Keys) -> pa.Array:
    """A house number and a made-up street for each person."""
    number = pa.array(1 + dice.below("house number", 400, *keys)).cast(pa.string())
    street = take(_STREETS, dice.below("street", len(_STREETS), *keys))
    return pc.binary_join_element_wise("Số", number, "đường", street, " ")


def digits(numbers: np.ndarray, width: int) -> pa.Array:
    """`numbers` as text with leading zeros."""
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width=width, padding="0")


def school_names(dice: Dice, topic: str, count: int) -> list[str]:
    """`count` different two-word names for the schools of one level.

    :raises ValueError: there are not so many combinations.
    """
    combinations = len(_SCHOOL_FIRST) * len(_SCHOOL_SECOND)
    if count > combinations:
        raise ValueError(f"{count} schools of a level need names; there are {combinations}.")
    order = np.argsort(dice.uniform(f"school name {topic}", np.arange(combinations)))[:count]
    seconds = len(_SCHOOL_SECOND)
    return [f"{_SCHOOL_FIRST[i // seconds]} {_SCHOOL_SECOND[i % seconds]}" for i in order]
