"""What the city's service platform knows: payments, documents, dossiers, identities, lessons.

Each resource is a table for a month or a school year, worked out from the same city as the
central database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo import words
from demo.calibration import SCHOOL_YEARS
from demo.city import PUBLIC, City
from demo.dice import Ints
from demo.names import digits, person_names, phone_numbers, take
from demo.people import staff_counts

MONTHS = tuple(f"{2025 + (8 + step) // 12}-{(8 + step) % 12 + 1:02d}" for step in range(12))
"""The months of the school year 2025-2026, which the monthly resources cover."""

_LAST_YEAR = len(SCHOOL_YEARS) - 1
_SEASON = (1.35, 1.05, 1.0, 0.95, 0.9, 0.7, 1.0, 1.0, 1.05, 0.55, 0.35, 0.8)
"""How busy each of `MONTHS` is: a rush in September, Tết in February, holidays from June."""


@dataclass(frozen=True)
class Resource:
    """One kind of data that the service platform hands out."""

    name: str
    paging: str
    """cursor, offset, link or page"""
    parameter: str
    """the query parameter that says which period is asked for"""
    periods: tuple[str, ...]
    rows: Callable[[City, str], pa.Table]


def payments(city: City, month: str) -> pa.Table:
    """Payments to schools by channel; a channel that nobody used has no row."""
    step, dice = MONTHS.index(month), city.dice
    pupils = city.pupils_of_school(_LAST_YEAR)
    school = np.flatnonzero(pupils > 0)
    channels = len(words.PAYMENT_CHANNELS)
    public = city.schools.ownership[school] == PUBLIC
    payers = pupils[school] * np.where(public, 0.86, 0.97) * min(1.0, _SEASON[step])
    payers = payers * np.exp(0.05 * dice.normal("payers", school, step))
    cash = np.clip(0.16 - 0.009 * step + 0.08 * dice.normal("cash", school), 0.005, 0.7)
    shares = np.array([0.36, 0.38, 0.05, 0.14, 0.07])
    taste = shares * np.exp(0.4 * dice.normal("taste", school[:, None], np.arange(5)[None, :]))
    taste = taste / taste.sum(axis=1, keepdims=True) * (1 - cash)[:, None]
    split = np.concatenate([taste, cash[:, None]], axis=1)
    number = dice.round(
        "payments", payers[:, None] * split, school[:, None], np.arange(channels)[None, :], step
    )
    price = np.array([1_050_000, 690_000, 1_150_000, 700_000, 640_000])[city.schools.level[school]]
    price = price * np.where(public, 1.0, 4.2) * np.exp(0.2 * dice.normal("price", school))
    paid = number * price[:, None] * np.exp(0.04 * dice.normal("paid", school, step))[:, None]
    row, channel = np.nonzero(number)
    return pa.table(
        {
            "ma_truong": pa.array(city.schools.code[school[row]]),
            "thang": take(MONTHS, np.full(len(row), step)),
            "kenh_thanh_toan": take(words.PAYMENT_CHANNELS, channel),
            "so_giao_dich": pa.array(number[row, channel]),
            "so_tien": pa.array((np.round(paid[row, channel] / 1000) * 1000).astype(np.int64)),
        }
    )


def office_documents(city: City, month: str) -> pa.Table:
    """Documents of the education offices of all areas, by channel, signed digitally or not."""
    step, dice = MONTHS.index(month), city.dice
    areas = np.arange(len(city.areas))
    weights = np.array([area.weight for area in city.areas])
    volume = (40 + 1.6 * weights) * _SEASON[step] ** 0.5
    tables = []
    for channel, share in enumerate((0.72 + 0.008 * step, 0.12, 0.16 - 0.008 * step)):
        mean = volume * share * np.exp(0.12 * dice.normal("documents", areas, channel, step))
        number = dice.round("documents", mean, areas, channel, step)
        ready = (0.9 + 0.006 * step, 0.55 + 0.015 * step, 0.0)[channel]
        habit = np.clip(ready + 0.05 * dice.normal("signing habit", areas), 0, 1) * (ready > 0)
        signed = np.minimum(number, dice.round("signed", number * habit, areas, channel, step))
        for flag, count in ((True, signed), (False, number - signed)):
            some = np.flatnonzero(count)
            tables.append(
                pa.table(
                    {
                        "ma_phuong_xa": take([area.code for area in city.areas], some),
                        "thang": take(MONTHS, np.full(len(some), step)),
                        "kenh_gui_nhan": take(words.DOCUMENT_CHANNELS, np.full(len(some), channel)),
                        "ky_so": pa.array(np.full(len(some), flag)),
                        "so_van_ban": pa.array(count[some]),
                    }
                )
            )
    return pa.concat_tables(tables)


def procedures(city: City, year: str) -> pa.Table:
    """The catalogue of administrative procedures as it stood in a school year."""
    step = SCHOOL_YEARS.index(year)
    # Services went online one by one: the further back, the more stood a level lower.
    level = [
        max(0, online - (1 if (index * 7) % 5 > step else 0))
        for index, (_, _, _, online, _, _) in enumerate(words.PROCEDURES)
    ]
    return pa.table(
        {
            "ma_thu_tuc": [row[0] for row in words.PROCEDURES],
            "ten_thu_tuc": [row[1] for row in words.PROCEDURES],
            "nam_hoc": [year] * len(words.PROCEDURES),
            "cap_thuc_hien": [words.AUTHORITIES[row[2]] for row in words.PROCEDURES],
            "muc_do": [words.ONLINE_SERVICES[index] for index in level],
            "thoi_han_ngay": [row[4] for row in words.PROCEDURES],
        }
    )


_DOSSIERS_A_MONTH = 42_000


def dossiers(city: City, month: str) -> pa.Table:
    """The dossiers received in a month, one row each, with who handed them in."""
    step, dice = MONTHS.index(month), city.dice
    count = max(1, round(_DOSSIERS_A_MONTH * city.scale * _SEASON[step]))
    number = np.arange(count)
    shares = [row[5] for row in words.PROCEDURES]
    # Papers of the graduation examination come before and after it, not all year.
    for index, months in ((10, (7, 8)), (11, (10, 11))):
        shares[index] = shares[index] * 6 if step in months else 0.0
    procedure = dice.pick("procedure", shares, number, step)
    online = np.array([row[3] for row in words.PROCEDURES])[procedure]
    draw = dice.uniform("dossier channel", number, step)
    first = np.array([0.0, 0.45, 0.70])[online] + 0.01 * step
    channel = np.where(draw < first, 0, np.where(draw < first + 0.85 * (1 - first), 1, 2))
    draw = dice.uniform("delivery", number, step)
    post = np.where(channel == 2, 0.9, np.where(channel == 0, 0.25, 0.06))
    electronic = np.where(channel == 0, 0.5, 0.08)
    delivery = np.where(draw < post, 1, np.where(draw < post + (1 - post) * electronic, 2, 0))
    state = dice.pick("state", (0.58, 0.37, 0.018 - 0.001 * step, 0.0), number, step)
    open_share = (0.0, 0.02, 0.16)[max(0, step - (len(MONTHS) - 3))]
    state = np.where(dice.uniform("open", number, step) < open_share, 3, state)
    day = 1 + dice.below("dossier day", 28, number, step)
    file_number = digits(number + 1, 6)
    return pa.table(
        {
            "so_ho_so": pc.binary_join_element_wise(f"H29.{month}", file_number, "-"),
            "thang": take(MONTHS, np.full(count, step)),
            "ma_thu_tuc": take([row[0] for row in words.PROCEDURES], procedure),
            "kenh_tiep_nhan": take(words.DOSSIER_CHANNELS, channel),
            "hinh_thuc_tra": take(words.DELIVERIES, delivery),
            "tinh_trang": take(words.DOSSIER_STATES, state),
            "ngay_nhan": pc.binary_join_element_wise(month, digits(day, 2), "-"),
            "ho_ten_nguoi_nop": person_names(
                dice, dice.uniform("applicant", number, step) < 0.55, number, step
            ),
            "dien_thoai_nguoi_nop": phone_numbers(dice, number, step, 4),
        }
    )


def _by_area(city: City, numbers: Ints) -> Ints:
    return np.bincount(city.schools.area, numbers, minlength=len(city.areas)).astype(np.int64)


def digital_identities(city: City, month: str) -> pa.Table:
    """Accounts of the central sign-in, issued and active, by area and group of users."""
    step, dice = MONTHS.index(month), city.dice
    pupils = _by_area(city, city.pupils_of_school(_LAST_YEAR))
    staff = staff_counts(city, _LAST_YEAR)
    people = [
        pupils,
        (pupils * 1.1).astype(np.int64),
        _by_area(city, staff[:, 1]),
        _by_area(city, staff[:, 0]),
        _by_area(city, staff[:, 2]),
    ]
    tables = []
    for group, number in enumerate(people):
        some = np.flatnonzero(number)
        start = (0.70, 0.52, 0.93, 0.97, 0.80)[group]
        share = start + (0.985 - start) * (step + 1) / 14 + 0.02 * dice.normal("accounts", some)
        issued = np.minimum(number[some], dice.round("issued", number[some] * share, some, group))
        use = (0.55, 0.50, 0.88, 0.94, 0.70)[group] + 0.04 * dice.normal("use", some, group)
        use = use * (0.75 if month[5:] in ("07", "08") else 1.0) + 0.01 * step
        active = dice.round("active", issued * np.clip(use, 0, 1), some, group, step)
        tables.append(
            pa.table(
                {
                    "ma_phuong_xa": take([area.code for area in city.areas], some),
                    "thang": take(MONTHS, np.full(len(some), step)),
                    "nhom_nguoi_dung": take(words.USER_GROUPS, np.full(len(some), group)),
                    "da_cap": pa.array(issued),
                    "hoat_dong": pa.array(np.minimum(issued, active)),
                }
            )
        )
    return pa.concat_tables(tables)


def online_lessons(city: City, month: str) -> pa.Table:
    """Lessons taught online, by school and subject; a subject without any has no row."""
    step, dice = MONTHS.index(month), city.dice
    classes = city.classes[:, :, _LAST_YEAR]
    number = np.arange(len(city.schools))
    eager = np.exp(0.7 * dice.normal("online school", number))
    eager = np.where(dice.uniform("teaches online", number) < 0.9, eager, 0.0)
    tables = []
    for index, subject in enumerate(words.SUBJECTS):
        taught = sum(classes[:, grade] for grade, plan in words.LESSONS.items() if subject in plan)
        mean = (
            0.35
            * taught
            * eager
            * _SEASON[step]
            * np.exp(0.5 * dice.normal("online subject", index))
        )
        if subject == "Giáo dục thể chất":
            mean = 0.05 * mean
        lessons = dice.round("online lessons", mean, number, index, step)
        some = np.flatnonzero(lessons)
        active = np.minimum(taught[some], np.ceil(lessons[some] * 0.7).astype(np.int64))
        tables.append(
            pa.table(
                {
                    "ma_truong": pa.array(city.schools.code[some]),
                    "thang": take(MONTHS, np.full(len(some), step)),
                    "mon": take(words.SUBJECTS, np.full(len(some), index)),
                    "so_tiet": pa.array(lessons[some]),
                    "so_gio": pa.array(np.round(lessons[some] * 0.7, 1)),
                    "so_lop": pa.array(active),
                }
            )
        )
    return pa.concat_tables(tables)


def digital_signatures(city: City, year: str) -> pa.Table:
    """Documents and records of schools by kind, and how many of them are signed digitally."""
    step, dice = SCHOOL_YEARS.index(year), city.dice
    everyone = city.schools.open_in(step)
    pupils = city.pupils[:, 2:, step].sum(axis=1)
    classes = city.classes_of_school(step)
    amounts = (
        np.maximum(12, 60 + 6 * classes),
        pupils,
        city.classes[:, 2:, step].sum(axis=1) * 11,
        city.classes[:, 2:, step].sum(axis=1) * 35,
    )
    ready = (
        (0.18, 0.35, 0.55, 0.74, 0.88),
        (0.0, 0.01, 0.12, 0.55, 0.86),
        (0.05, 0.12, 0.28, 0.50, 0.71),
        (0.02, 0.07, 0.18, 0.36, 0.58),
    )
    tables = []
    for kind, amount in enumerate(amounts):
        some = everyone[amount[everyone] > 0]
        habit = ready[kind][step] + 0.12 * dice.normal("signs", some) * (step > 0)
        share = np.clip(habit, 0, 1)
        signed = dice.round("signatures", amount[some] * share, some, kind, step)
        tables.append(
            pa.table(
                {
                    "ma_truong": pa.array(city.schools.code[some]),
                    "nam_hoc": take(SCHOOL_YEARS, np.full(len(some), step)),
                    "loai_ho_so": take(words.DOCUMENT_TYPES, np.full(len(some), kind)),
                    "so_luong": pa.array(amount[some]),
                    "da_ky_so": pa.array(np.minimum(amount[some], signed)),
                }
            )
        )
    return pa.concat_tables(tables)


RESOURCES = {
    resource.name: resource
    for resource in (
        Resource("payments", "cursor", "thang", MONTHS, payments),
        Resource("office-documents", "offset", "thang", MONTHS, office_documents),
        Resource("procedures", "page", "nam_hoc", SCHOOL_YEARS, procedures),
        Resource("dossiers", "link", "thang", MONTHS, dossiers),
        Resource("digital-identity", "offset", "thang", MONTHS, digital_identities),
        Resource("online-lessons", "cursor", "thang", MONTHS, online_lessons),
        Resource("digital-signatures", "page", "nam_hoc", SCHOOL_YEARS, digital_signatures),
    )
}
