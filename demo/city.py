"""The city: its schools, and how many pupils and classes each has, by grade and school year.

Everything else (pupils, staff, rooms, payments, files) is worked out from these arrays, so the
systems of the city agree with each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from demo import calibration
from demo.areas import Area, load_areas
from demo.calibration import GRADES, LEVELS, SCHOOL_YEARS
from demo.dice import Dice, Floats, Ints, apportion
from demo.names import school_names

PUBLIC, COMMUNITY, PRIVATE = range(3)
NURSERY, KINDERGARTEN = 0, 1

GRADE_LEVEL: Ints = np.array([LEVELS.index(level) for _, level in GRADES])
"""The level (index) of each grade (index)."""

_YEARS = len(SCHOOL_YEARS)
_OWNERSHIP = {
    "preschool": (0.39, 0.01, 0.60),
    "primary": (0.93, 0.0, 0.07),
    "lower_secondary": (0.95, 0.0, 0.05),
    "upper_secondary": (0.58, 0.0, 0.42),
    "continuing": (1.0, 0.0, 0.0),
}
"""Shares of public, community-run and private institutions (assumed)."""

_SIZE = {
    "preschool": ((360, 0.40, 40, 900), (120, 0.75, 8, 700)),
    "primary": ((1230, 0.42, 45, 3200), (330, 0.75, 20, 1500)),
    "lower_secondary": ((1370, 0.42, 60, 3400), (350, 0.75, 25, 1500)),
    "upper_secondary": ((1500, 0.33, 90, 2800), (280, 0.75, 18, 1500)),
    "continuing": ((1, 0.0, 1, 1), (1, 0.0, 1, 1)),
}
"""Pupils of a school: median, spread of the logarithm, least, most; public and private."""

_PREFIX = {
    "preschool": "Trường Mầm non",
    "primary": "Trường Tiểu học",
    "lower_secondary": "Trường THCS",
    "upper_secondary": "Trường THPT",
    "continuing": "Trung tâm GDTX",
}


@dataclass(frozen=True)
class Schools:
    """The institutions, one place in every array each, ordered by code."""

    code: npt.NDArray[np.str_]
    """eight digits; those of kindergartens start with a zero"""
    name: list[str]
    level: Ints
    """index in `LEVELS`: the highest level that it is registered for"""
    area: Ints
    """index in `City.areas`"""
    old_area: list[str]
    """the code of the place before 2025-07-01"""
    ownership: Ints
    latitude: Floats
    longitude: Floats
    opened: Ints
    """index of the first school year in which it is open"""
    size: Floats
    """pupils that it is meant for"""
    offers: npt.NDArray[np.bool_]
    """[school, grade]: whether the grade is taught there"""

    def __len__(self) -> int:
        return len(self.code)

    def open_in(self, year: int) -> Ints:
        """Indices of the schools that are open in the school year with index `year`."""
        return np.flatnonzero(self.opened <= year)


class City:
    """A city of a seed and a scale (1.0 = the whole city, 2,528,789 pupils in 2025-2026).

    :raises ValueError: the scale is not above 0 and at most 1.
    """

    def __init__(self, seed: int = 20250701, scale: float = 1.0):
        if not 0 < scale <= 1:
            raise ValueError(f"The scale of the city is {scale}; it must be above 0, at most 1.")
        self.seed, self.scale = seed, scale
        self.dice = Dice(seed)
        self.areas: list[Area] = load_areas(self.dice)
        self.schools: Schools = self._found_schools()

    def _areas_with_schools(self, institutions: int) -> Ints:
        """Areas (indices, biggest first) that get schools: all 168 where the scale permits.

        A small city keeps to fewer areas, big and small, so that each still has several schools.
        """
        count = len(self.areas) if institutions >= 2 * len(self.areas) else institutions // 4
        weights = np.array([area.weight for area in self.areas])
        chosen = np.linspace(0, len(self.areas) - 1, max(1, count)).round().astype(np.int64)
        return np.argsort(-weights, kind="stable")[chosen]

    def _places(self, level: str, count: int, inhabited: Ints) -> Ints:
        """The area of each of `count` schools of a level, biggest areas served first."""
        weights = np.array([self.areas[index].weight for index in inhabited])
        least = np.zeros(len(inhabited), dtype=np.int64)
        if level in ("preschool", "primary", "lower_secondary"):
            least[:count] = 1
        else:
            weights *= np.exp(0.5 * self.dice.normal(f"weight {level}", inhabited))
        numbers = least + apportion(count - int(least.sum()), weights)
        return np.repeat(inhabited, numbers)

    def _found_schools(self) -> Schools:
        numbers = calibration.institutions(self.scale)
        inhabited = self._areas_with_schools(sum(numbers.values()))
        columns: dict[str, list] = {name: [] for name in ("code", "name", "level", "area", "own")}
        sizes, offers, opened = [], [], []
        for index, level in enumerate(LEVELS):
            count = numbers[level]
            keys = (index, np.arange(count))
            areas = self._places(level, count, inhabited)
            own = self._ownership(level, count, index)
            size = self._sizes(level, areas, own, keys)
            offer, prefix = self._offers(level, own, keys)
            names = school_names(self.dice, level, count)
            serial = dict.fromkeys(("79", "74", "77"), 0)
            for number in range(count):
                province = self.areas[areas[number]].province
                serial[province] += 1
                columns["code"].append(f"{index}{province}{serial[province]:05d}")
                private = " Tư thục" if level == "preschool" and own[number] == PRIVATE else ""
                columns["name"].append(f"{prefix[number]}{private} {names[number]}")
            columns["level"].append(np.full(count, index))
            columns["area"].append(areas)
            columns["own"].append(own)
            sizes.append(size)
            offers.append(offer)
            late = self.dice.uniform("opened late", *keys) < np.where(own == PUBLIC, 0.04, 0.10)
            late[0] = False
            opened.append(np.where(late, 1 + self.dice.below("opened", _YEARS - 1, *keys), 0))
        area = np.concatenate(columns["area"])
        numbers_all = np.arange(len(area))
        spread = [
            0.006 * np.clip(self.dice.normal(f"school {axis}", numbers_all), -1.5, 1.5)
            for axis in ("latitude", "longitude")
        ]
        shares = self.dice.uniform("old area", numbers_all)
        units = [self.areas[index].old_units for index in area]
        old_area = [own[int(share * len(own))] for own, share in zip(units, shares, strict=True)]
        order = np.argsort(columns["code"], kind="stable")
        middle = [(self.areas[index].latitude, self.areas[index].longitude) for index in area]
        return Schools(
            code=np.array(columns["code"])[order],
            name=[columns["name"][index] for index in order],
            level=np.concatenate(columns["level"])[order],
            area=area[order],
            old_area=[old_area[index] for index in order],
            ownership=np.concatenate(columns["own"])[order],
            latitude=np.round(np.array([place[0] for place in middle]) + spread[0], 5)[order],
            longitude=np.round(np.array([place[1] for place in middle]) + spread[1], 5)[order],
            opened=np.concatenate(opened)[order],
            size=np.concatenate(sizes)[order],
            offers=np.concatenate(offers)[order],
        )

    def _ownership(self, level: str, count: int, index: int) -> Ints:
        numbers = apportion(count, _OWNERSHIP[level])
        owners = np.repeat(np.arange(3), numbers)
        return owners[np.argsort(self.dice.uniform("ownership", index, np.arange(count)))]

    def _sizes(self, level: str, areas: Ints, own: Ints, keys: tuple) -> Floats:
        public, private = (np.array(spec) for spec in _SIZE[level])
        median, spread, least, most = np.where((own == PUBLIC)[:, None], public, private).T
        kinds = {"ward": 1.0, "commune": 0.8, "special_zone": 0.3}
        place = np.array([kinds[self.areas[index].kind] for index in areas])
        # Some public schools stand on an islet or at the end of a road, with a handful of pupils.
        remote = (place < 1) & (self.dice.uniform("remote", *keys) < 0.06)
        size = median * place * np.exp(spread * self.dice.normal("size", *keys))
        return np.clip(np.where(remote, size * 0.08, size), least, most)

    def _offers(
        self, level: str, own: Ints, keys: tuple
    ) -> tuple[npt.NDArray[np.bool_], list[str]]:
        """Which grades each school teaches, and the first words of its name."""
        count = len(own)
        offers = np.zeros((count, len(GRADES)), dtype=bool)
        prefix = [_PREFIX[level]] * count
        offers[:, LEVELS.index(level) == GRADE_LEVEL] = True
        if level == "preschool":
            chance = self.dice.uniform("nursery", *keys)
            offers[:, NURSERY] = chance < np.where(own == PUBLIC, 0.7, 0.85)
        if level == "upper_secondary":
            chance = np.where(own == PRIVATE, self.dice.uniform("combined", *keys), 1.0)
            offers[chance < 0.65, 7:11] = True
            offers[chance < 0.20, 2:7] = True
            for index in np.flatnonzero(chance < 0.65):
                whole = chance[index] < 0.20
                prefix[index] = "Trường TH, THCS và THPT" if whole else "Trường THCS và THPT"
        return offers, prefix

    @cached_property
    def pupils(self) -> Ints:
        """[school, grade, year]: pupils; their sums by level and year are the targets, exactly."""
        schools, dice = self.schools, self.dice
        grades = len(GRADES)
        number = np.arange(len(schools))[:, None, None]
        grade = np.arange(grades)[None, :, None]
        year = np.arange(_YEARS)[None, None, :]
        weights = schools.size[:, None, None] * schools.offers[:, :, None]
        weights = weights * self._parts_of_school()[:, :, None]
        births = np.array(
            [
                [
                    1.0 if g < 2 else calibration.BIRTHS.get(2021 + y - 4 - g, 1.0)
                    for y in range(_YEARS)
                ]
                for g in range(grades)
            ]
        )
        # The same children are in the next grade a year later: chance goes by their first year.
        cohort = year - grade + grades
        weights = weights * births * np.exp(0.10 * dice.normal("cohort", number, cohort))
        weights = weights * np.exp(0.03 * dice.normal("year", number, year))
        age = year - schools.opened[:, None, None]
        ramp = np.where(schools.opened[:, None, None] == 0, 1.0, np.clip(0.4 + 0.3 * age, 0, 1))
        weights = np.where(age >= 0, weights * ramp, 0.0)
        result = np.zeros(weights.shape, dtype=np.int64)
        for (level, label), total in calibration.targets(self.scale).items():
            rows = LEVELS.index(level) == GRADE_LEVEL
            y = SCHOOL_YEARS.index(label)
            result[:, rows, y] = apportion(total, weights[:, rows, y])
        return result

    def _parts_of_school(self) -> Floats:
        """[school, grade]: the part of a school's pupils that a grade has."""
        schools, dice = self.schools, self.dice
        grades = schools.offers.sum(axis=1, keepdims=True).clip(1)
        parts = np.repeat(1.0 / grades, len(GRADES), axis=1)
        number = np.arange(len(schools))
        share = 0.18 * np.exp(0.5 * dice.normal("nursery share", number))
        # Many kindergartens take only a few of the youngest.
        share = np.where(dice.uniform("few youngest", number) < 0.22, 0.012, share).clip(0, 0.6)
        preschool = schools.level == LEVELS.index("preschool")
        parts[preschool, NURSERY] = share[preschool]
        without = ~schools.offers[:, NURSERY]
        parts[preschool, KINDERGARTEN] = np.where(without, 1.0, 1.0 - share)[preschool]
        return parts

    @cached_property
    def class_size(self) -> Ints:
        """[school, grade]: pupils that a class is meant to have."""
        number = np.arange(len(self.schools))
        public = np.array([22, 30, *[36] * 5, *[43] * 4, *[43] * 3])
        private = np.array([15, 20, *[25] * 5, *[28] * 4, *[30] * 3])
        base = np.where((self.schools.ownership == PUBLIC)[:, None], public, private)
        factor = np.exp(0.08 * self.dice.normal("class size", number))[:, None]
        return np.maximum(8, np.round(base * factor)).astype(np.int64)

    @cached_property
    def classes(self) -> Ints:
        """[school, grade, year]: classes; as many as the pupils need."""
        return -(-self.pupils // self.class_size[:, :, None])

    def pupils_of_school(self, year: int) -> Ints:
        """[school]: pupils in the school year with index `year`."""
        return self.pupils[:, :, year].sum(axis=1)

    def classes_of_school(self, year: int) -> Ints:
        """[school]: classes in the school year with index `year`."""
        return self.classes[:, :, year].sum(axis=1)
