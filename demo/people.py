"""Pupils and staff of the city, one row each, as the central database holds them.

Every generator yields Arrow tables of bounded size, school after school, so that the whole city
passes through little memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from demo import words
from demo.calibration import GRADES, LEVELS, SCHOOL_YEARS
from demo.city import GRADE_LEVEL, PUBLIC, City
from demo.dice import Floats, Ints
from demo.names import addresses, digits, person_names, phone_numbers, take

CHUNK = 100_000
"""Rows of a chunk, about."""

_SEATS = 2048
_GRADE_LABELS = [label for label, _ in GRADES]


def start_year(year: int) -> int:
    """The calendar year in which the school year with index `year` starts."""
    return int(SCHOOL_YEARS[year][:4])


def updated_at(city: City, year: int, topic: str, school: Ints) -> pa.Array:
    """When a school last sent its rows: a minute of its own near the end of the school year."""
    number = np.arange(len(city.schools))
    minute = city.dice.below(f"updated {topic}", 20 * 24 * 60, number, year)
    first = np.datetime64(f"{start_year(year) + 1}-05-20T00:00", "s")
    stamps = (first + minute.astype("timedelta64[m]")).astype("datetime64[s]")
    text = [f"{stamp}+07" for stamp in stamps.astype(str)]
    return take(text, school)


def _chunks(counts: Ints) -> Iterator[slice]:
    """Consecutive schools that have about `CHUNK` rows together; `counts` is rows a school."""
    start, rows = 0, 0
    for index, count in enumerate(counts):
        if rows and rows + count > CHUNK:
            yield slice(start, index)
            start, rows = index, 0
        rows += int(count)
    if rows:
        yield slice(start, len(counts))


@dataclass(frozen=True)
class Pupils:
    """Some pupils of one school year, one place in every array each."""

    year: int
    number: Ints
    """number of the pupil, the same from year to year"""
    school: Ints
    grade: Ints
    seat: Ints
    """0, 1, … among the pupils of the school and grade"""
    female: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.number)

    def only(self, mask: npt.NDArray[np.bool_]) -> Pupils:
        """The pupils that `mask` marks."""
        return Pupils(
            self.year, *(column[mask] for column in
                         (self.number, self.school, self.grade, self.seat, self.female))
        )  # fmt: skip

    def codes(self) -> pa.Array:
        """Their sector codes: ten digits that show nothing of the school or the year."""
        return _scramble(self.number, 6_364_136_223, 1_442_695_041)

    def grades(self) -> pa.Array:
        """The names of their grades."""
        return take(_GRADE_LABELS, self.grade)

    def sexes(self) -> pa.Array:
        """Their sex, as text."""
        return take(words.SEX, self.female.astype(np.int8))


def _scramble(number: Ints, factor: int, shift: int) -> pa.Array:
    """A permutation of 0 … 10^10 - 1 (the factor has no divisor in common with 10)."""
    return digits((number * factor + shift) % 10**10, 10)


def pupils(city: City, year: int) -> Iterator[Pupils]:
    """The pupils of the school year with index `year`, in chunks."""
    counts = city.pupils[:, :, year]
    if counts.max(initial=0) >= _SEATS:
        raise ValueError(f"A grade of a school has {counts.max()} pupils; at most {_SEATS - 1}.")
    for part in _chunks(counts.sum(axis=1)):
        cells = counts[part]
        total = int(cells.sum())
        where = np.repeat(np.arange(cells.size), cells.ravel())
        first = np.cumsum(cells.ravel()) - cells.ravel()
        seat = np.arange(total) - first[where]
        school = part.start + where // len(GRADES)
        grade = where % len(GRADES)
        # A cohort moves up a grade a year, so the number goes by the year it began, not by grade.
        cohort = year - grade + len(GRADES)
        number = (school * (len(GRADES) + len(SCHOOL_YEARS)) + cohort) * _SEATS + seat
        female = city.dice.uniform("sex", number) >= 0.519
        yield Pupils(year, number, school, grade, seat, female)


def _birth_dates(city: City, some: Pupils) -> pa.Array:
    """A date of birth that fits the grade; a few started a year late."""
    entry = np.where(some.grade >= 2, some.grade + 4, np.where(some.grade == 1, 3, 1))
    spread = np.where(some.grade == 1, city.dice.below("age", 3, some.number), 0)
    late = (some.grade >= 2) & (city.dice.uniform("late", some.number) < 0.025)
    born = start_year(some.year) - entry - spread - late
    day = city.dice.below("birthday", 365, some.number)
    dates = (born - 1970).astype("datetime64[Y]").astype("datetime64[D]") + day
    return pa.array(dates.astype("datetime64[D]"))


def pupil_rows(city: City, year: int) -> Iterator[pa.Table]:
    """Rows of ``hoc_sinh``: one a pupil."""
    codes = pa.array(city.schools.code)
    dice = city.dice
    # Access to the internet grew over the years, and is better where private schools stand.
    home, device, repository = (
        np.array(shares)[year]
        for shares in (
            (0.83, 0.87, 0.91, 0.94, 0.965),
            (0.71, 0.76, 0.81, 0.85, 0.885),
            (0.22, 0.34, 0.47, 0.58, 0.69),
        )
    )
    numbers = np.arange(len(city.schools))
    luck = 0.06 * dice.normal("digital district", city.schools.area) + 0.03 * dice.normal(
        "digital school", numbers
    )
    for some in pupils(city, year):
        size = np.maximum(1, city.classes[some.school, some.grade, year])
        room = pa.array(some.seat % size + 1).cast(pa.string())
        school = codes.take(pa.array(some.school))
        grades = pa.array([str(number) for number in range(len(GRADES))])
        shift = luck[some.school]
        young = some.grade < 2
        learns = dice.uniform("repository", some.number, year) < np.where(
            young, 0.15 * repository, repository + shift
        )
        yield pa.table(
            {
                "nam_hoc": take(SCHOOL_YEARS, np.full(len(some), year)),
                "ma_dinh_danh": some.codes(),
                "ho_ten": person_names(dice, some.female, some.number),
                "ngay_sinh": _birth_dates(city, some),
                "gioi_tinh": some.sexes(),
                "ma_truong": school,
                "khoi": some.grades(),
                "ma_lop": pc.binary_join_element_wise(
                    school, grades.take(pa.array(some.grade)), room, "-"
                ),
                "dia_chi": addresses(dice, some.number),
                "ho_ten_cha_me": person_names(
                    dice, dice.uniform("parent", some.number) < 0.6, some.number, 1
                ),
                "dien_thoai_cha_me": phone_numbers(dice, some.number),
                "internet_tai_nha": dice.uniform("internet", some.number) < home + shift,
                "thiet_bi_hoc_tap": dice.uniform("device", some.number) < device + shift,
                "dung_kho_hoc_lieu": learns,
                "cap_nhat_luc": updated_at(city, year, "hoc_sinh", some.school),
            }
        )


def _merit(city: City) -> Floats:
    """[school]: how its pupils do against the city's mean, in standard deviations."""
    schools = city.schools
    number = np.arange(len(schools))
    place = city.dice.normal("merit of area", schools.area)
    own = city.dice.normal("merit of school", number)
    return 0.35 * place + 0.45 * own + np.where(schools.ownership == PUBLIC, 0.0, 0.1)


def _by_edges(draw: Floats, shares: tuple[float, ...]) -> Ints:
    edges = np.cumsum(shares)[:-1]
    return np.searchsorted(edges / sum(shares), draw, side="right")


_RATING_SHARES = {
    "primary": (0.40, 0.29, 0.302, 0.008),
    "lower_secondary": (0.34, 0.35, 0.285, 0.025),
    "upper_secondary": (0.31, 0.40, 0.275, 0.015),
}


def outcome_rows(city: City, year: int) -> Iterator[pa.Table]:
    """Rows of ``ket_qua``: the year-end rating of every pupil from grade 1 on."""
    codes = pa.array(city.schools.code)
    merit = _merit(city)
    labels = words.RATINGS_PRIMARY + words.RATINGS_SECONDARY
    for everyone in pupils(city, year):
        some = everyone.only(everyone.grade >= 2)
        if not len(some):
            continue
        # Raising a uniform draw to a power shifts it without leaving the interval.
        lift = merit[some.school] + np.where(some.female, 0.12, -0.12)
        draw = city.dice.uniform("rating", some.number, year) ** np.exp(lift)
        level = GRADE_LEVEL[some.grade]
        rating = np.zeros(len(some), dtype=np.int64)
        for name, shares in _RATING_SHARES.items():
            mask = level == LEVELS.index(name)
            offset = 0 if name == "primary" else len(words.RATINGS_PRIMARY)
            rating[mask] = offset + _by_edges(draw[mask], shares)
        yield pa.table(
            {
                "nam_hoc": take(SCHOOL_YEARS, np.full(len(some), year)),
                "ma_dinh_danh": some.codes(),
                "ma_truong": codes.take(pa.array(some.school)),
                "khoi": some.grades(),
                "gioi_tinh": some.sexes(),
                "xep_loai": take(labels, rating),
                "cap_nhat_luc": updated_at(city, year, "ket_qua", some.school),
            }
        )


def movement_rows(city: City, year: int) -> Iterator[pa.Table]:
    """Rows of ``bien_dong``: pupils who came, left, dropped out or repeat the grade."""
    codes = pa.array(city.schools.code)
    for everyone in pupils(city, year):
        older = everyone.grade >= 7
        young = everyone.grade < 2
        draw = city.dice.uniform("movement", everyone.number, year)
        shares = [
            np.full(len(everyone), 0.013),
            np.full(len(everyone), 0.012),
            np.where(older, 0.0035, np.where(young, 0.0, 0.0006)),
            np.where(young, 0.0, 0.004),
        ]
        edges = np.cumsum(shares, axis=0)
        kind = (draw[None, :] >= edges).sum(axis=0)
        moved = kind < len(shares)
        some = everyone.only(moved)
        if not len(some):
            continue
        day = city.dice.below("movement day", 270, some.number, year)
        first = np.datetime64(f"{start_year(year)}-09-05", "D")
        pupil = some.codes()
        yield pa.table(
            {
                "nam_hoc": take(SCHOOL_YEARS, np.full(len(some), year)),
                "so_bien_dong": pc.binary_join_element_wise(f"BD{start_year(year)}", pupil, "-"),
                "ma_dinh_danh": pupil,
                "ma_truong": codes.take(pa.array(some.school)),
                "khoi": some.grades(),
                "gioi_tinh": some.sexes(),
                "loai_bien_dong": take(words.MOVEMENTS, kind[moved]),
                "ngay_bien_dong": pa.array(first + day),
                "cap_nhat_luc": updated_at(city, year, "bien_dong", some.school),
            }
        )


_MEANS = {
    "Ngữ văn": 6.9, "Toán": 6.1, "Tiếng Anh": 6.2, "Vật lí": 6.6, "Hóa học": 6.3,
    "Sinh học": 6.1, "Lịch sử": 6.4, "Địa lí": 6.8, "GDKT&PL": 7.4, "Tin học": 6.9,
    "Công nghệ": 7.0,
}  # fmt: skip
_SCIENCES = ("Vật lí", "Hóa học", "Sinh học")
_SOCIETY = ("Lịch sử", "Địa lí", "GDKT&PL")
_CHOICES = (*_SCIENCES, *_SOCIETY, "Tin học", "Công nghệ", "Tiếng Anh")
_CHOICE_SHARES = (0.20, 0.14, 0.05, 0.16, 0.15, 0.12, 0.02, 0.01, 0.15)


def _graduation_subjects(city: City, some: Pupils) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """Which of `some` sit which subject: four since 2025, six before."""
    everyone = np.ones(len(some), dtype=bool)
    sits = [("Toán", everyone), ("Ngữ văn", everyone)]
    if SCHOOL_YEARS[some.year] >= "2024-2025":
        first = city.dice.pick("choice", _CHOICE_SHARES, some.number)
        step = 1 + city.dice.below("second choice", len(_CHOICES) - 1, some.number)
        second = (first + step) % len(_CHOICES)
        return sits + [
            (subject, (first == index) | (second == index))
            for index, subject in enumerate(_CHOICES)
        ]
    science = city.dice.uniform("science", some.number) < 0.45
    sits.append(("Tiếng Anh", everyone))
    sits += [(subject, science) for subject in _SCIENCES]
    return sits + [(subject, ~science) for subject in _SOCIETY]


def exam_rows(city: City, year: int) -> Iterator[pa.Table]:
    """Rows of ``ket_qua_thi``: one a candidate and subject.

    Grade-9 pupils sit the entrance examination to grade 10, grade-12 pupils the graduation
    examination; both are counted at the school that they come from.
    """
    codes = pa.array(city.schools.code)
    merit = _merit(city)
    dice = city.dice
    for everyone in pupils(city, year):
        for exam, grade, share in ((0, 10, 0.83), (1, 13, 0.985)):
            sits = (everyone.grade == grade) & (dice.uniform("candidate", everyone.number) < share)
            some = everyone.only(sits)
            if not len(some):
                continue
            everybody = np.ones(len(some), dtype=bool)
            plan = (
                [(subject, everybody) for subject in ("Ngữ văn", "Toán", "Tiếng Anh")]
                if exam == 0
                else _graduation_subjects(city, some)
            )
            ability = merit[some.school] + dice.normal("ability", some.number)
            pupil = some.codes()
            school = codes.take(pa.array(some.school))
            stamps = updated_at(city, year, "ket_qua_thi", some.school)
            for subject, mask in plan:
                if not mask.any():
                    continue
                index = words.SUBJECTS.index(subject)
                level = _MEANS[subject] - (0.5 if exam == 0 else 0.0)
                noise = dice.normal("score", some.number[mask], index)
                raw = level + 1.1 * ability[mask] + 0.9 * noise
                score = np.clip(np.round(raw * 4) / 4, 0, 10)
                keep = pa.array(mask)
                own = pupil.filter(keep)
                sheet = f"{'TS' if exam == 0 else 'TN'}{start_year(year) + 1}-{index:02d}"
                count = int(mask.sum())
                yield pa.table(
                    {
                        "nam_hoc": take(SCHOOL_YEARS, np.full(count, year)),
                        "ma_bai_thi": pc.binary_join_element_wise(sheet, own, "-"),
                        "ma_dinh_danh": own,
                        "ma_truong": school.filter(keep),
                        "ky_thi": take(words.EXAMS, np.full(count, exam)),
                        "mon": take(words.SUBJECTS, np.full(count, index)),
                        "diem": pa.array(score),
                        "cap_nhat_luc": stamps.filter(keep),
                    }
                )


_TEACHERS_A_CLASS = np.array([2.3, 2.0, *[1.48] * 5, *[1.88] * 4, *[2.2] * 3])


def staff_counts(city: City, year: int) -> Ints:
    """[school, role]: managers, teachers and other staff in a school year."""
    schools = city.schools
    number = np.arange(len(schools))
    classes = city.classes_of_school(year)
    need = (city.classes[:, :, year] * _TEACHERS_A_CLASS).sum(axis=1)
    need *= np.exp(0.05 * city.dice.normal("staffing", number))
    centre = schools.level == LEVELS.index("continuing")
    need = np.where(centre, 12 + city.dice.below("centre staff", 30, number), need)
    managers = np.where(classes <= 4, 1, np.where(classes <= 20, 2, 3 + (classes > 40)))
    managers = np.where(centre, 3, managers)
    others = np.where(centre, 6, 1 + np.round(0.13 * classes + 2.5 * (classes > 8)))
    counts = np.stack([managers, np.maximum(1, np.round(need)), others], axis=1).astype(np.int64)
    counts[schools.opened > year] = 0
    return counts


# Tiến sĩ, thạc sĩ, đại học, cao đẳng, trung cấp by level of the school; teachers must have a
# college degree in kindergartens and a university degree elsewhere since 2020, step by step.
_QUALIFICATIONS = {
    ("preschool", 0): ((0.0, 0.06, 0.90, 0.04, 0.0), (0.0, 0.10, 0.89, 0.01, 0.0)),
    ("preschool", 1): ((0.0, 0.01, 0.55, 0.30, 0.14), (0.0, 0.015, 0.655, 0.29, 0.04)),
    ("primary", 0): ((0.0, 0.15, 0.84, 0.01, 0.0), (0.0, 0.24, 0.76, 0.0, 0.0)),
    ("primary", 1): ((0.0, 0.03, 0.75, 0.18, 0.04), (0.0, 0.05, 0.87, 0.07, 0.01)),
    ("lower_secondary", 0): ((0.002, 0.25, 0.748, 0.0, 0.0), (0.004, 0.37, 0.626, 0.0, 0.0)),
    ("lower_secondary", 1): ((0.0, 0.08, 0.80, 0.12, 0.0), (0.001, 0.12, 0.839, 0.04, 0.0)),
    ("upper_secondary", 0): ((0.01, 0.55, 0.44, 0.0, 0.0), (0.02, 0.68, 0.30, 0.0, 0.0)),
    ("upper_secondary", 1): ((0.003, 0.25, 0.747, 0.0, 0.0), (0.006, 0.34, 0.654, 0.0, 0.0)),
    ("continuing", 0): ((0.01, 0.45, 0.54, 0.0, 0.0), (0.01, 0.58, 0.41, 0.0, 0.0)),
    ("continuing", 1): ((0.0, 0.20, 0.80, 0.0, 0.0), (0.0, 0.28, 0.72, 0.0, 0.0)),
}
_OTHERS = ((0.0, 0.004, 0.28, 0.26, 0.456), (0.0, 0.006, 0.36, 0.28, 0.354))
_WOMEN = {
    "preschool": (0.99, 0.995, 0.85),
    "primary": (0.71, 0.80, 0.62),
    "lower_secondary": (0.55, 0.70, 0.58),
    "upper_secondary": (0.40, 0.62, 0.55),
    "continuing": (0.42, 0.55, 0.55),
}


def staff_rows(city: City, year: int) -> Iterator[pa.Table]:
    """Rows of ``nhan_su``: one a manager, teacher or other member of staff."""
    schools, dice = city.schools, city.dice
    codes = pa.array(schools.code)
    counts = staff_counts(city, year)
    roles = counts.shape[1]
    step = year / (len(SCHOOL_YEARS) - 1)
    for part in _chunks(counts.sum(axis=1)):
        cells = counts[part]
        where = np.repeat(np.arange(cells.size), cells.ravel())
        first = np.cumsum(cells.ravel()) - cells.ravel()
        school = part.start + where // roles
        role = where % roles
        number = (school * roles + role) * _SEATS + np.arange(len(where)) - first[where]
        level = schools.level[school]
        chance = dice.uniform("woman", number)
        learned = dice.uniform("qualification", number)
        female = np.zeros(len(number), dtype=bool)
        degree = np.zeros(len(number), dtype=np.int64)
        for index, name in enumerate(LEVELS):
            for kind in range(roles):
                mask = (level == index) & (role == kind)
                before, now = _OTHERS if kind == 2 else _QUALIFICATIONS[(name, kind)]
                shares = tuple(
                    (1 - step) * old + step * new for old, new in zip(before, now, strict=True)
                )
                degree[mask] = _by_edges(learned[mask], shares)
                female[mask] = chance[mask] < _WOMEN[name][kind]
        public = schools.ownership[school] == PUBLIC
        secure = np.where(public, 0.87, 0.45) + np.where(role == 0, 0.1, 0.0)
        draw = dice.uniform("contract", number)
        contract = np.where(draw < secure, 0, np.where(draw < 1 - 0.15 * (1 - secure), 1, 2))
        age = 22 + dice.below("age of staff", 37, number) + np.where(role == 0, 2, 0)
        born = 2021 - age
        day = dice.below("birthday of staff", 365, number)
        dates = (born - 1970).astype("datetime64[Y]").astype("datetime64[D]") + day
        yield pa.table(
            {
                "nam_hoc": take(SCHOOL_YEARS, np.full(len(number), year)),
                "ma_nhan_su": _scramble(number, 4_294_967_291, 998_244_353),
                "ho_ten": person_names(dice, female, number, 2),
                "ngay_sinh": pa.array(dates.astype("datetime64[D]")),
                "gioi_tinh": take(words.SEX, female.astype(np.int8)),
                "dien_thoai": phone_numbers(dice, number, 2),
                "ma_truong": codes.take(pa.array(school)),
                "vi_tri": take(words.ROLES, role),
                "trinh_do": take(words.QUALIFICATIONS, degree),
                "loai_hop_dong": take(words.CONTRACTS, contract),
                "cap_nhat_luc": updated_at(city, year, "nhan_su", school),
            }
        )
