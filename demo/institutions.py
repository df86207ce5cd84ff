"""What the central database holds about the institutions: register, classes, rooms, lines."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo import words
from demo.calibration import GRADES, LEVELS, SCHOOL_YEARS
from demo.city import PUBLIC, City
from demo.dice import Ints
from demo.names import addresses, person_names, phone_numbers, take
from demo.people import updated_at

PRESCHOOL, PRIMARY, LOWER, UPPER, CONTINUING = range(len(LEVELS))


def _rows(city: City, year: int, topic: str, school: Ints, **columns: object) -> pa.Table:
    """A table with the school year and school in front and the time of change at the end."""
    return pa.table(
        {
            "nam_hoc": take(SCHOOL_YEARS, np.full(len(school), year)),
            "ma_truong": pa.array(city.schools.code[school]),
            **columns,
            "cap_nhat_luc": updated_at(city, year, topic, school),
        }
    )


def school_rows(city: City, year: int) -> Iterator[pa.Table]:
    """Rows of ``truong``: the institutions that are open in a school year."""
    schools, dice = city.schools, city.dice
    school = schools.open_in(year)
    area = schools.area[school]
    standard = (0.34, 0.37, 0.41, 0.45, 0.49)[year]
    reached = dice.uniform("national standard", school) < np.where(
        schools.ownership[school] == PUBLIC, standard, 0.25 * standard
    )
    code = pa.array(schools.code[school])
    head = dice.uniform("head", school) < 0.6
    several = schools.offers[school, 7] & (schools.level[school] == UPPER)
    yield _rows(
        city,
        year,
        "truong",
        school,
        ten_truong=pa.array([schools.name[index] for index in school]),
        loai_truong=take(words.KINDS, np.where(several, len(LEVELS), schools.level[school])),
        cap_hoc=take(words.LEVELS, schools.level[school]),
        loai_hinh=take(words.OWNERSHIP, schools.ownership[school]),
        ma_phuong_xa=pa.array([city.areas[index].code for index in area]),
        ma_phuong_xa_cu=pa.array([schools.old_area[index] for index in school]),
        dia_chi=addresses(dice, school, 1),
        vi_do=pa.array(schools.latitude[school]),
        kinh_do=pa.array(schools.longitude[school]),
        dat_chuan_quoc_gia=pa.array(reached & (schools.level[school] != CONTINUING)),
        hieu_truong=person_names(dice, head, school, 3),
        dien_thoai=phone_numbers(dice, school, 3),
        thu_dien_tu=pc.binary_join_element_wise("truong", code, "@example.invalid", ""),
    )


def class_rows(city: City, year: int) -> Iterator[pa.Table]:
    """Rows of ``lop``: one a class; its code is what ``hoc_sinh.ma_lop`` names."""
    counts = city.classes[:, :, year]
    where = np.repeat(np.arange(counts.size), counts.ravel())
    first = np.cumsum(counts.ravel()) - counts.ravel()
    room = np.arange(len(where)) - first[where] + 1
    school, grade = where // len(GRADES), where % len(GRADES)
    code = pa.array(city.schools.code[school])
    number = pa.array(room).cast(pa.string())
    names = ["Nhóm", "Lớp mẫu giáo", *(f"{grade}A" for grade in range(1, 13))]
    # A school with few rooms teaches its older grades in one session a day.
    twice = np.where(grade < 2, 1.0, np.where(grade < 7, 0.8, np.where(grade < 11, 0.45, 0.62)))
    twice = twice + 0.03 * year + 0.1 * city.dice.normal("two sessions", school)
    both = city.dice.uniform("sessions", school, grade) < twice
    yield _rows(
        city,
        year,
        "lop",
        school,
        ma_lop=pc.binary_join_element_wise(code, pa.array(grade).cast(pa.string()), number, "-"),
        ten_lop=pc.binary_join_element_wise(take(names, grade), number, ""),
        khoi=take([label for label, _ in GRADES], grade),
        so_buoi=take(words.SESSIONS, (both | (grade < 2)).astype(np.int8)),
    )


def admission_rows(city: City, year: int) -> Iterator[pa.Table]:
    """Rows of ``tuyen_sinh``: grade-10 admission of each upper-secondary school."""
    schools, dice = city.schools, city.dice
    admitted = city.pupils[:, 11, year]
    school = np.flatnonzero(admitted > 0)
    admitted = admitted[school]
    public = schools.ownership[school] == PUBLIC
    full = np.exp(0.05 * np.abs(dice.normal("quota", school, year)))
    quota = 15 * np.ceil(admitted * np.where(public, full, 1.4 * full) / 15).astype(np.int64)
    wish = np.where(public, 1.55, 0.95) * np.exp(0.3 * dice.normal("wishes", school))
    wish *= np.exp(0.06 * dice.normal("wishes of year", school, year))
    applications = np.maximum(admitted, np.round(quota * wish)).astype(np.int64)
    popular = dice.normal("popular", school) + 2.2 * np.log(wish / 1.55)
    yearly = 0.5 * dice.normal("difficulty", year)[0]
    cut_off = np.clip(np.round((16.5 + 2.6 * popular + yearly) * 4) / 4, 9.5, 26.5)
    yield _rows(
        city,
        year,
        "tuyen_sinh",
        school,
        chi_tieu=pa.array(quota),
        nguyen_vong=pa.array(applications),
        trung_tuyen=pa.array(admitted),
        # Private schools select by school record: they have no cut-off score.
        diem_chuan=pa.array(cut_off, mask=~public),
    )


def teaching_rows(city: City, year: int) -> Iterator[pa.Table]:
    """Rows of ``phan_cong_giang_day``: classes and weekly periods by grade and subject."""
    counts = city.classes[:, :, year]
    for grade, plan in words.LESSONS.items():
        school = np.flatnonzero(counts[:, grade] > 0)
        for subject, periods in plan.items():
            taught = counts[school, grade]
            if grade >= 11 and subject in words.ELECTIVES:
                index = words.SUBJECTS.index(subject)
                share = words.ELECTIVES[subject] + 0.1 * city.dice.normal("take", school, index)
                taught = city.dice.round("electives", taught * share.clip(0, 1), school, index)
            some, number = school[taught > 0], taught[taught > 0]
            if not len(some):
                continue
            yield _rows(
                city,
                year,
                "phan_cong_giang_day",
                some,
                khoi=take([label for label, _ in GRADES], np.full(len(some), grade)),
                mon=take(words.SUBJECTS, np.full(len(some), words.SUBJECTS.index(subject))),
                so_lop=pa.array(number),
                so_tiet_tuan=pa.array(number * periods),
            )


def has_library(city: City, year: int) -> np.ndarray:
    """[school]: whether it is open and has a library in a school year."""
    schools = city.schools
    share = np.where(schools.level == PRESCHOOL, 0.35, 0.97) + 0.015 * year
    chance = city.dice.uniform("library", np.arange(len(schools)))
    return (schools.opened <= year) & (chance < share)


def facility_rows(city: City, year: int) -> Iterator[pa.Table]:
    """Rows of ``co_so_vat_chat``: rooms and works by kind; none of a kind is a 0."""
    schools, dice = city.schools, city.dice
    school = schools.open_in(year)
    level = schools.level[school]
    pupils = city.pupils_of_school(year)[school]
    centre = level == CONTINUING
    classes = np.where(centre, 12, city.classes_of_school(year)[school])
    small = level == PRESCHOOL

    def some(topic: str, mean: np.ndarray) -> Ints:
        return dice.round(topic, mean * np.exp(0.15 * dice.normal(topic, school)), school)

    def has(topic: str, share: np.ndarray | float) -> Ints:
        return (dice.uniform(topic, school) < np.asarray(share) + 0.015 * year).astype(np.int64)

    secondary = (level == LOWER) | (level == UPPER)
    quantities = (
        np.maximum(1, some("rooms", np.where(secondary, 0.78, 0.97) * classes)),
        some("subject rooms", np.where(secondary, 5.5, np.where(level == PRIMARY, 3.0, 0.3))),
        some("computer rooms", np.where(small, 0.2, 1 + pupils / 900)),
        has_library(city, year)[school].astype(np.int64),
        has("hall", np.where(small, 0.25, np.where(pupils > 600, 0.55, 0.2))),
        has("medical room", np.where(small, 0.93, 0.88)),
        has("kitchen", np.where(small, 0.97, np.where(level == PRIMARY, 0.6, 0.25))),
        np.maximum(2, some("toilets of pupils", 2 + pupils / 120)),
        np.maximum(1, some("toilets of staff", 1 + classes / 12)),
    )
    for kind, quantity in enumerate(quantities):
        yield _rows(
            city,
            year,
            "co_so_vat_chat",
            school,
            loai=take(words.FACILITIES, np.full(len(school), kind)),
            so_luong=pa.array(quantity),
        )


def floor_rows(city: City, year: int) -> Iterator[pa.Table]:
    """Rows of ``dien_tich``: floor area in m² and the pupils who share it."""
    pupils = city.pupils_of_school(year)
    school = np.flatnonzero(pupils > 0)
    own = np.where(city.schools.ownership[school] == PUBLIC, 5.2, 6.1)
    area = 60 + city.schools.size[school] * own * np.exp(0.3 * city.dice.normal("floor", school))
    yield _rows(
        city,
        year,
        "dien_tich",
        school,
        dien_tich_san=pa.array(np.round(area, 1)),
        so_hoc_sinh=pa.array(pupils[school]),
    )


def it_rows(city: City, year: int) -> Iterator[pa.Table]:
    """Rows of ``ung_dung_cntt``: whether a school uses IT in each function it has."""
    schools, dice = city.schools, city.dice
    base = (0.97, 0.93, 0.82, 0.90, 0.35, 0.66, 0.80, 0.88)
    growth = (0.007, 0.015, 0.035, 0.02, 0.15, 0.05, 0.04, 0.02)
    for kind in range(len(words.IT_FUNCTIONS)):
        school = schools.open_in(year)
        if kind in (2, 3, 4):
            school = school[schools.level[school] != PRESCHOOL]
        share = base[kind] + growth[kind] * year
        share = share - np.where(schools.level[school] == PRESCHOOL, 0.08, 0.0)
        # The draw stays with the school, so a function once in use stays in use.
        used = dice.uniform("it", school, kind) < share
        yield _rows(
            city,
            year,
            "ung_dung_cntt",
            school,
            chuc_nang=take(words.IT_FUNCTIONS, np.full(len(school), kind)),
            dang_dung=pa.array(used),
        )


def connection_rows(city: City, year: int) -> Iterator[pa.Table]:
    """Rows of ``duong_truyen``: the broadband line of each school that has one."""
    dice = city.dice
    pupils = city.pupils_of_school(year)
    school = np.flatnonzero(pupils > 0)
    connected = (0.952, 0.968, 0.981, 0.990, 0.996)[year]
    school = school[dice.uniform("broadband", school) < connected]
    provider = dice.pick("provider", (0.83, 0.12, 0.05), school)
    speeds = np.array([50, 80, 100, 150, 200, 300, 500, 1000])
    place = 1.2 + 0.55 * year + np.log(1 + pupils[school] / 200)
    step = np.clip(np.round(place + dice.normal("speed", school)), 0, len(speeds) - 1)
    yield _rows(
        city,
        year,
        "duong_truyen",
        school,
        nha_cung_cap=take(words.PROVIDERS, provider),
        toc_do_mbps=pa.array(speeds[step.astype(np.int64)]),
        so_hoc_sinh=pa.array(pupils[school]),
    )
