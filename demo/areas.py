"""The 168 areas of the city since 2025-07-01, with an assumed weight and position for each.

Names and codes are real (National Statistics Office). Weights and positions are rough: the
population of the old districts in thousands and the middle of each, from general knowledge, only
good enough to spread made-up schools over a map unevenly.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from dataclasses import dataclass
from importlib import resources

import numpy as np

from demo.dice import Dice

AREAS_FILE = "hcmc-ward-changes-2025-07-01.csv"

_DISTRICTS = {
    "718": (340, 10.983, 106.652), "719": (115, 11.255, 106.635), "720": (120, 11.300, 106.400),
    "721": (365, 11.135, 106.600), "722": (95, 11.300, 106.790), "723": (470, 11.060, 106.760),
    "724": (480, 10.905, 106.770), "725": (620, 10.925, 106.705), "726": (75, 11.130, 106.880),
    "747": (360, 10.375, 107.105), "748": (115, 10.500, 107.175), "750": (145, 10.655, 107.250),
    "751": (140, 10.590, 107.440), "753": (180, 10.480, 107.270), "754": (220, 10.600, 107.070),
    "755": (10, 8.690, 106.610), "760": (140, 10.776, 106.700), "761": (620, 10.865, 106.655),
    "764": (680, 10.838, 106.668), "765": (500, 10.810, 106.709), "766": (470, 10.803, 106.652),
    "767": (485, 10.790, 106.628), "768": (163, 10.799, 106.680), "769": (1200, 10.830, 106.770),
    "770": (190, 10.784, 106.685), "771": (235, 10.774, 106.667), "772": (210, 10.764, 106.650),
    "773": (175, 10.759, 106.704), "774": (160, 10.756, 106.666), "775": (233, 10.747, 106.635),
    "776": (425, 10.735, 106.640), "777": (785, 10.765, 106.603), "778": (360, 10.735, 106.722),
    "783": (470, 11.000, 106.500), "784": (540, 10.885, 106.595), "785": (710, 10.690, 106.580),
    "786": (210, 10.670, 106.735), "787": (70, 10.520, 106.870),
}  # fmt: skip
"""Old district: (people in thousands, latitude, longitude)."""


@dataclass(frozen=True)
class Area:
    """A ward, commune or special zone."""

    code: str
    name: str
    kind: str
    """ward, commune or special_zone"""
    province: str
    """two digits: the province it belonged to before 2025-07-01"""
    weight: float
    """people in thousands, roughly"""
    latitude: float
    longitude: float
    old_units: tuple[str, ...]
    """the wards, communes and towns that went into it, whole or in part; an area that was a
    district without any has its own code there"""


_KINDS = {"Phường": "ward", "Xã": "commune", "Đặc khu": "special_zone"}


def _kind(name: str) -> str:
    return next(kind for prefix, kind in _KINDS.items() if name.startswith(prefix + " "))


def load_areas(dice: Dice) -> list[Area]:
    """The areas in the order of their codes; `dice` sets how uneven they are."""
    source = resources.files("schemas") / "codelists" / "data" / AREAS_FILE
    with source.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    units = Counter(row["old_district_code"] for row in rows)
    parts: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        parts[row["new_code"]].append(row)
    areas = []
    for code in sorted(parts):
        own = parts[code]
        number = int(code)
        district = Counter(row["old_district_code"] for row in own).most_common(1)[0][0]
        people = sum(
            _DISTRICTS[row["old_district_code"]][0] / units[row["old_district_code"]] for row in own
        )
        kind = _kind(own[0]["new_name"])
        reach = 0.012 if kind == "ward" else 0.02
        shift = reach * np.clip(dice.normal("area position", [0, 1], number), -1.5, 1.5)
        areas.append(
            Area(
                code=code,
                name=own[0]["new_name"],
                kind=kind,
                province=own[0]["old_province_code"],
                weight=float(people * np.exp(0.35 * dice.normal("area weight", number)[0])),
                latitude=_DISTRICTS[district][1] + float(shift[0]),
                longitude=_DISTRICTS[district][2] + float(shift[1]),
                old_units=tuple(row["old_code"] or code for row in own),
            )
        )
    return areas
