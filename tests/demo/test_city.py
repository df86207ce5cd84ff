"""The simulated city: calibrated, the same every time, and at one with itself."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from importlib import resources

import numpy as np
import pyarrow as pa
import pytest

from demo import calibration, institutions, people, words
from demo.areas import AREAS_FILE, load_areas
from demo.calibration import LEVELS, PUPILS, SCHOOL_YEARS
from demo.central import TABLES
from demo.city import GRADE_LEVEL, PRIVATE, PUBLIC, City
from demo.dice import Dice, apportion

pytestmark = pytest.mark.unit
LAST = len(SCHOOL_YEARS) - 1
GOLDEN = "4d6d55fc51b85968"
"""Digest of the pupils of seed 1 at scale 0.01."""


@pytest.fixture(scope="module")
def whole() -> City:
    return City(scale=1.0)


@pytest.fixture(scope="module")
def slice_() -> City:
    return City(scale=0.03)


def table(rows, city: City, year: int) -> pa.Table:
    return pa.concat_tables(rows(city, year))


class TestCalibration:
    def test_whole_city_has_the_published_pupils_exactly(self, whole):
        by_level = {
            level: int(whole.pupils[:, LEVELS.index(level) == GRADE_LEVEL, LAST].sum())
            for level in PUPILS
        }
        assert by_level == {
            "preschool": 478_458,
            "primary": 939_002,
            "lower_secondary": 759_278,
            "upper_secondary": 352_051,
        }
        assert whole.pupils[:, :, LAST].sum() == 2_528_789

    def test_whole_city_has_its_institutions_areas_and_staff(self, whole):
        assert len(whole.schools.open_in(LAST)) == 3_528
        assert len(whole.areas) == 168
        assert set(whole.schools.area) == set(range(168))
        managers_and_teachers = people.staff_counts(whole, LAST)[:, :2].sum()
        assert 100_000 < managers_and_teachers < 160_000

    @pytest.mark.parametrize("scale", [0.001, 0.03, 0.3])
    def test_a_part_of_the_city_is_in_proportion(self, scale):
        city = City(scale=scale)
        for (level, year), total in calibration.targets(scale).items():
            grades = LEVELS.index(level) == GRADE_LEVEL
            assert city.pupils[:, grades, SCHOOL_YEARS.index(year)].sum() == total
        assert set(city.schools.level) == set(range(len(LEVELS)))

    def test_every_area_has_a_school_where_the_scale_permits(self):
        assert len(set(City(scale=0.1).schools.area)) == 168

    def test_the_city_grows(self, whole):
        assert np.all(np.diff(whole.pupils.sum(axis=(0, 1))) > 0)
        opened = [len(whole.schools.open_in(year)) for year in range(len(SCHOOL_YEARS))]
        assert opened == sorted(opened)

    def test_there_is_something_to_suppress(self, whole):
        groups = whole.pupils[:, :, LAST]
        tiny = (groups > 0) & (groups < 5)
        assert 50 < tiny.sum() < 0.05 * (groups > 0).sum()
        assert (whole.pupils_of_school(LAST)[whole.schools.level < 4] < 40).sum() > 20

    def test_schools_stand_where_the_correspondence_says(self, whole):
        with (resources.files("schemas") / "codelists/data" / AREAS_FILE).open(
            encoding="utf-8-sig"
        ) as file:
            lines = {(row["new_code"], row["old_code"] or row["new_code"])
                     for row in csv.DictReader(file)}  # fmt: skip
        places = {
            (whole.areas[area].code, old)
            for area, old in zip(whole.schools.area, whole.schools.old_area, strict=True)
        }
        assert places <= lines and len(places) > 0.9 * len(lines)
        parts = Counter(old for _, old in places)
        assert sum(number > 1 for number in parts.values()) > 40
        assert ("26732", "26732") in places

    def test_areas_and_schools_are_uneven(self, whole):
        schools = np.bincount(whole.schools.area)
        assert schools.max() > 10 * schools.min()
        private = whole.schools.ownership == PRIVATE
        pupils = whole.pupils_of_school(LAST)
        for level in range(4):
            mine = whole.schools.level == level
            public = mine & (whole.schools.ownership == PUBLIC)
            assert 0.02 < (mine & private).sum() / mine.sum() < 0.7
            assert np.median(pupils[mine & private]) < np.median(pupils[public])

    @pytest.mark.parametrize("scale", [0, -1, 1.01])
    def test_a_scale_out_of_range_is_refused(self, scale):
        with pytest.raises(ValueError, match="above 0"):
            City(scale=scale)


class TestDeterminism:
    def test_the_same_seed_makes_the_same_city(self, slice_):
        again = City(scale=0.03)
        for central in TABLES:
            first = next(central.rows(slice_, LAST))
            assert first.equals(next(central.rows(again, LAST))), central.name

    def test_it_is_the_same_on_every_machine(self):
        counts = City(seed=1, scale=0.01).pupils.astype("<i8").tobytes()
        assert hashlib.sha256(counts).hexdigest()[:16] == GOLDEN

    def test_another_seed_makes_another_city(self, slice_):
        assert not np.array_equal(City(seed=7, scale=0.03).pupils, slice_.pupils)

    @pytest.mark.parametrize("rows", [people.pupil_rows, people.staff_rows, people.outcome_rows])
    def test_the_size_of_chunks_does_not_matter(self, slice_, rows, monkeypatch):
        whole = table(rows, slice_, LAST)
        monkeypatch.setattr(people, "CHUNK", 700)
        chunks = list(rows(slice_, LAST))
        assert len(chunks) > 5
        assert pa.concat_tables(chunks).equals(whole)

    def test_chunks_are_bounded(self, slice_, monkeypatch):
        monkeypatch.setattr(people, "CHUNK", 5_000)
        largest = slice_.pupils.sum(axis=1).max()
        sizes = [chunk.num_rows for chunk in people.pupil_rows(slice_, LAST)]
        assert max(sizes) <= max(5_000, largest)


class TestRelations:
    def test_pupils_are_as_many_as_the_city_says(self, slice_):
        for year in range(len(SCHOOL_YEARS)):
            count = sum(len(some) for some in people.pupils(slice_, year))
            assert count == slice_.pupils[:, :, year].sum()

    def test_keys_are_unique_in_every_table(self, slice_):
        for central in TABLES:
            rows = table(central.rows, slice_, LAST)
            keys = rows.select(list(central.key)).group_by(list(central.key)).aggregate([])
            assert keys.num_rows == rows.num_rows, central.name

    def test_every_row_is_of_a_school_of_the_register(self, slice_):
        for year in (0, LAST):
            register = set(table(institutions.school_rows, slice_, year)["ma_truong"].to_pylist())
            for central in TABLES:
                rows = table(central.rows, slice_, year)
                assert set(rows["ma_truong"].unique().to_pylist()) <= register, central.name
                assert set(rows["nam_hoc"].unique().to_pylist()) == {SCHOOL_YEARS[year]}

    def test_classes_of_pupils_are_in_the_class_table(self, slice_):
        pupils = table(people.pupil_rows, slice_, LAST)
        classes = table(institutions.class_rows, slice_, LAST)
        assert set(pupils["ma_lop"].unique().to_pylist()) == set(classes["ma_lop"].to_pylist())

    def test_ages_fit_grades(self, slice_):
        pupils = table(people.pupil_rows, slice_, LAST).select(["khoi", "ngay_sinh"]).to_pylist()
        for pupil in pupils[:: max(1, len(pupils) // 3000)]:
            age = 2025 - pupil["ngay_sinh"].year
            if pupil["khoi"].startswith("Lớp"):
                grade = int(pupil["khoi"].split()[1])
                assert age - grade in (5, 6)
            else:
                assert age == 1 if pupil["khoi"] == "Nhà trẻ" else 3 <= age <= 5

    def test_boys_and_girls(self, slice_):
        sexes = table(people.pupil_rows, slice_, LAST)["gioi_tinh"].value_counts().to_pylist()
        shares = {entry["values"]: entry["counts"] for entry in sexes}
        assert 0.50 < shares["Nam"] / sum(shares.values()) < 0.54

    def test_a_pupil_stays_the_same_and_moves_up(self, slice_):
        columns = ["ma_dinh_danh", "ho_ten", "ngay_sinh", "gioi_tinh", "khoi"]
        before, after = (
            {row["ma_dinh_danh"]: row for row in table(people.pupil_rows, slice_, year)
             .select(columns).to_pylist()}
            for year in (LAST - 1, LAST)
        )  # fmt: skip
        stayed = [code for code in before.keys() & after.keys() if "Lớp" in before[code]["khoi"]]
        assert len(stayed) > 0.5 * len(before)
        for code in stayed[:2000]:
            old, new = before[code], after[code]
            assert [old[name] for name in columns[1:4]] == [new[name] for name in columns[1:4]]
            assert int(new["khoi"].split()[1]) == int(old["khoi"].split()[1]) + 1

    def test_codes_have_ten_and_eight_digits(self, slice_):
        for code in table(people.pupil_rows, slice_, LAST)["ma_dinh_danh"][:100].to_pylist():
            assert len(code) == 10 and code.isdigit()
        codes = slice_.schools.code.tolist()
        assert all(len(code) == 8 and code.isdigit() for code in codes)
        assert any(code.startswith("0") for code in codes)

    def test_admitted_pupils_are_those_of_grade_10(self, slice_):
        rows = table(institutions.admission_rows, slice_, LAST)
        assert sum(rows["trung_tuyen"].to_pylist()) == slice_.pupils[:, 11, LAST].sum()
        for row in rows.to_pylist():
            assert row["trung_tuyen"] <= row["nguyen_vong"]
            assert row["diem_chuan"] is None or 0 <= row["diem_chuan"] <= 30

    def test_scores_are_marks(self, slice_):
        scores = table(people.exam_rows, slice_, LAST)["diem"].to_numpy()
        assert scores.min() >= 0 and scores.max() <= 10
        assert np.array_equal(scores * 4, np.round(scores * 4))

    def test_preschool_children_are_not_rated(self, slice_):
        grades = set(table(people.outcome_rows, slice_, LAST)["khoi"].unique().to_pylist())
        assert grades == {f"Lớp {number}" for number in range(1, 13)}

    def test_school_names_are_made_up_and_differ_within_a_level(self, whole):
        names = np.array(whole.schools.name)
        for level in range(len(LEVELS)):
            own = names[whole.schools.level == level]
            assert len(set(own)) == len(own)
        words_before = ("Trường", "Trung tâm")
        assert all(name.startswith(words_before) for name in names)

    def test_areas_lie_in_the_city(self):
        for area in load_areas(Dice(1)):
            assert 8.5 < area.latitude < 11.6 and 106.2 < area.longitude < 107.7
            assert area.kind in ("ward", "commune", "special_zone")

    def test_fees_and_lessons_use_known_words(self):
        assert {subject for plan in words.LESSONS.values() for subject in plan} == set(
            words.SUBJECTS
        )
        assert set(words.ELECTIVES) <= set(words.SUBJECTS)


class TestDice:
    def test_draws_are_even(self):
        draws = Dice(3).uniform("x", np.arange(100_000))
        assert abs(draws.mean() - 0.5) < 0.005
        assert np.all(np.abs(np.histogram(draws, 10, (0, 1))[0] - 10_000) < 500)

    def test_a_draw_does_not_depend_on_the_others(self):
        dice = Dice(3)
        together = dice.uniform("x", np.arange(10), 4)
        alone = [dice.uniform("x", number, 4)[0] for number in range(10)]
        assert together.tolist() == alone
        assert dice.uniform("x", 1)[0] != dice.uniform("y", 1)[0] != Dice(4).uniform("y", 1)[0]

    @pytest.mark.parametrize("total", [0, 1, 7, 1000])
    def test_apportion_is_exact(self, total):
        parts = apportion(total, [0.0, 1.0, 2.0, 4.5])
        assert parts.sum() == total and parts[0] == 0

    def test_apportion_of_nothing_is_refused(self):
        with pytest.raises(ValueError, match="no weight"):
            apportion(3, [0.0, 0.0])
