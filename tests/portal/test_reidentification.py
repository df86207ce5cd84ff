"""Attacks on the published portal, each as a stranger would carry it out, over HTTP.

The table at the end says what was tried and what came of it.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
import requests
from rich.console import Console
from rich.table import Table as Sheet

from ckanext.hcmedu.reconcile.dataset import datastore_id
from harvesters.connectors import open_connector
from harvesters.harvest import harvest
from harvesters.release import release
from harvesters.revisions import held, reject
from harvesters.sources import load_sources
from schemas import TOTAL, Declarations, Measure, Table

from .conftest import ROOT, Portal
from .planted import YEAR, Planted
from .solving import Interval, System

pytestmark = pytest.mark.integration

HIDDEN = "c"
RATE_THRESHOLD = 10
PARTS_OF = {("digital-identity", "active"): "issued"}
"""Counts of some of those that another measure counts, where the words alone say so."""


# What a stranger has ---------------------------------------------------------------------------


class Stranger:
    """Someone with the portal's address, its documentation and patience."""

    def __init__(self, url: str, declarations: Declarations):
        self.url = url
        self.declarations = declarations
        self._session = requests.Session()

    def get(self, path: str, **parameters: Any) -> requests.Response:
        """What the portal answers."""
        return self._session.get(self.url + path, params=parameters, timeout=120)

    def action(self, name: str, **parameters: Any) -> requests.Response:
        """What an action of the API answers; parameters other than texts are sent as JSON."""
        texts = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in parameters.items()
        }
        return self.get(f"/api/3/action/{name}", **texts)

    def file(self, table: str, number: int, name: str) -> bytes | None:
        """A file of a release, or None where there is none."""
        answer = self.get(f"/dataset/{table}/release/{number}/{name}")
        return answer.content if answer.status_code == 200 else None

    def rows(self, table: str, number: int) -> pd.DataFrame | None:
        """The rows of a release."""
        content = self.file(table, number, f"{table}.parquet")
        return None if content is None else pq.read_table(io.BytesIO(content)).to_pandas()

    def dataset(self, table: str) -> Mapping[str, Any]:
        """The dataset of a table."""
        return dict(self.action("package_show", id=table).json()["result"])

    def current_rows(self, table: str) -> pd.DataFrame:
        """The rows of the current release."""
        rows = self.rows(table, int(self.dataset(table)["hcmedu_release"]))
        assert rows is not None
        return rows

    @cached_property
    def published(self) -> dict[str, Published]:
        """The current release of each table that hides something."""
        found = {}
        for name in self.action("package_list").json()["result"]:
            number = int(self.dataset(name)["hcmedu_release"])
            rows = self.rows(name, number)
            assert rows is not None
            one = Published(self.declarations.tables[name], number, rows)
            if one.hiding:
                found[name] = one
        assert len(found) > 5, "hardly any table hides a cell: nothing would be shown"
        return found


@dataclass
class Published:
    """The rows of a release, and what its documentation says of them."""

    table: Table
    number: int
    rows: pd.DataFrame

    @property
    def hiding(self) -> list[Measure]:
        """The measures that hide something."""
        return [m for m in self.table.measures if (self.rows[f"{m.name}_status"] == HIDDEN).any()]

    @property
    def dimensions(self) -> list[str]:
        """The columns whose codes tell a cell."""
        return list(self.table.dimension_columns)

    def hidden(self, measure: str) -> pd.Series:
        """Which rows hide the measure."""
        return self.rows[f"{measure}_status"] == HIDDEN

    def names(self, concept: Hashable, rows: pd.DataFrame) -> list[Hashable]:
        """A name for each cell that is the same in every table: what is counted, and the codes
        that are not totals."""
        columns = [rows[self.table.period].tolist()]
        columns += [rows[name].tolist() for name in self.dimensions]
        headings = [self.table.period, *self.dimensions]
        return [
            (concept, frozenset(pair for pair in zip(headings, codes, strict=True)
                                if pair[1] != TOTAL))
            for codes in zip(*columns, strict=True)
        ]  # fmt: skip


def concept_of(table: Table, measure: Measure) -> Hashable:
    """What a measure counts, said alike for every table that counts the same."""
    component = measure.numerator
    where = sorted((column, tuple(codes)) for column, codes in component.where.items())
    return table.record, component.source, tuple(where)


def is_count(measure: Measure) -> bool:
    """Whether a measure is a number of persons."""
    return measure.denominator is None and measure.numerator.whole


def learn(system: System, one: Published, measure: str, concept: Hashable,
          values: pd.DataFrame) -> list[Hashable]:  # fmt: skip
    """Put into `system` what a table tells of a measure: its cells and which add up to which.

    `values` has the columns ``least`` and ``greatest``, equal where a value is published.
    Returns the names of the cells that are hidden.
    """
    table, rows = one.table, one.rows.reset_index(drop=True)
    hidden = one.hidden(measure).to_numpy()
    names = one.names(concept, rows)
    least, greatest = values["least"].to_numpy(), values["greatest"].to_numpy()
    known = least == greatest
    for index in np.flatnonzero(~known):
        system.number(names[index], least[index], greatest[index])
    for column in one.dimensions:
        others = [table.period, *(name for name in one.dimensions if name != column)]
        groups = rows.groupby(others, sort=False).ngroup().to_numpy()
        is_total = (rows[column] == TOTAL).to_numpy()
        total_of = {groups[index]: index for index in np.flatnonzero(is_total)}
        interesting = set(groups[~known])
        parts: dict[int, list[int]] = {}
        for index in np.flatnonzero(~is_total):
            if groups[index] in interesting and groups[index] in total_of:
                parts.setdefault(groups[index], []).append(index)
        for group, members in parts.items():
            weights: dict[Hashable, float] = {}
            balance = 0.0
            for index, sign in (*((m, 1.0) for m in members), (total_of[group], -1.0)):
                if known[index]:
                    balance -= sign * least[index]
                else:
                    weights[names[index]] = sign
            system.sum(weights, balance, balance)
    return [names[index] for index in np.flatnonzero(hidden)]


def published_values(one: Published, measure: str) -> pd.DataFrame:
    """The bounds of each cell of a count: its value, or anything from nothing on. A sum of what
    nobody delivered adds nothing."""
    values = one.rows[measure].astype(float).fillna(0.0)
    hidden = one.hidden(measure)
    return pd.DataFrame(
        {"least": values.where(~hidden, 0.0), "greatest": values.where(~hidden, np.inf)}
    )


def parts_and_wholes(system: System, one: Published) -> None:
    """Some of the persons are not more than all of them, cell by cell."""
    measures = {m.name: m for m in one.table.measures if m.about == "persons" and is_count(m)}
    whole = next(
        (m for m in measures.values() if m.kind == "count" and not m.numerator.where), None
    )
    for name, measure in measures.items():
        of = measures.get(PARTS_OF.get((one.table.name, name), ""))
        if of is None and measure.numerator.where:
            of = whole
        if of is None:
            continue
        some = one.names(concept_of(one.table, measure), one.rows)
        every = one.names(concept_of(one.table, of), one.rows)
        values, wholes = published_values(one, name), published_values(one, of.name)
        for index in range(len(some)):
            if some[index] in system and every[index] in system:
                system.sum({every[index]: 1.0, some[index]: -1.0}, 0.0, np.inf)
            elif some[index] in system:
                system.number(some[index], 0.0, wholes["greatest"].iloc[index])
            elif every[index] in system:
                system.number(every[index], values["least"].iloc[index])


def told(intervals: Mapping[Hashable, Interval], k: int, where: str) -> list[str]:
    """The hidden numbers that are told exactly, or told to be a few."""
    return [
        f"{where} {_cell(name)}: {interval.least:g} … {interval.greatest:g}"
        for name, interval in intervals.items()
        if interval.is_one_value or interval.is_few(k)
    ]


def _cell(name: Any) -> str:
    return ", ".join(f"{column}={code}" for column, code in sorted(name[1]))


# What a stranger does --------------------------------------------------------------------------


def solve_the_sums_of_each_table(stranger: Stranger) -> list[str]:
    """Totals and their parts are published: perhaps the equations of one table have only one
    solution for a suppressed cell, or none but a few pupils."""
    found = []
    for one in stranger.published.values():
        system, hidden = System(), []
        for measure in one.hiding:
            if is_count(measure):
                concept = concept_of(one.table, measure)
                values = published_values(one, measure.name)
                hidden += learn(system, one, measure.name, concept, values)
        parts_and_wholes(system, one)
        k = one.table.disclosure.threshold
        found += told(system.intervals(hidden, k), k, one.table.name)
    return found


def solve_tables_of_the_same_records_together(stranger: Stranger) -> list[str]:
    """Enrolment and internet access count the same pupils: what one hides the other may tell,
    alone or with its sums."""
    found = []
    for family in _families(stranger):
        found += solve_together(family)
    return found


def _families(stranger: Stranger) -> list[list[Published]]:
    records: dict[str, list[Published]] = {}
    for one in stranger.published.values():
        records.setdefault(one.table.record, []).append(one)
    return [family for family in records.values() if len(family) > 1]


def solve_together(family: list[Published]) -> list[str]:
    """What follows from the sums of several tables of one record type together."""
    return _told(*_system_of(family), family)


def _system_of(family: list[Published]) -> tuple[System, dict[Hashable, int]]:
    """What the counts of persons of several tables tell, and the threshold of each hidden cell."""
    system = System()
    hidden: dict[Hashable, int] = {}
    counts = [
        (one, measure)
        for one in family
        for measure in one.table.measures
        if measure.about == "persons" and is_count(measure)
    ]
    for one, measure in counts:
        values = published_values(one, measure.name)
        names = learn(system, one, measure.name, concept_of(one.table, measure), values)
        k = one.table.disclosure.threshold
        hidden |= {name: max(k, hidden.get(name, 0)) for name in names}
    for one, measure in counts:
        # Hidden in one table and shown in another.
        shown = one.rows[one.rows[measure.name].notna()]
        names = one.names(concept_of(one.table, measure), shown)
        for name, value in zip(names, shown[measure.name], strict=True):
            if name in system:
                system.number(name, float(value), float(value))
    for one in family:
        parts_and_wholes(system, one)
    return system, hidden


def _told(
    system: System, hidden: Mapping[Hashable, int], family: list[Published]
) -> list[str]:  # fmt: skip
    where = " + ".join(one.table.name for one in family)
    found = []
    for k in sorted(set(hidden.values())):
        asked = [name for name in hidden if hidden[name] == k]
        found += told(system.intervals(asked, k), k, where)
    return found


def borrow_totals_from_other_records(stranger: Stranger) -> list[str]:
    """Pupils are counted in other records too: those who were rated at the end of the year, those
    who share a school's floor, those behind a line. Where such a figure is enrolment's wherever
    both are shown, it is so where enrolment hides it."""
    family = [stranger.published[name] for name in ("enrolment", "internet-access", "outcomes")]
    system, hidden = _system_of(family)
    enrolment, _, outcomes = family
    pupils = concept_of(enrolment.table, enrolment.table.measures[0])
    rated = concept_of(outcomes.table, outcomes.table.measures[0])
    shown = zip(enrolment.names(pupils, enrolment.rows), enrolment.rows["pupils"], strict=True)
    totals = dict(shown)

    every = outcomes.rows[outcomes.rows["rating"] == TOTAL]
    for _, rows in every.groupby("level"):
        there, here = outcomes.names(rated, rows), outcomes.names(pupils, rows)
        pairs = list(zip(there, here, rows["pupils"], strict=True))
        both = [(totals.get(name), value) for _, name, value in pairs
                if pd.notna(totals.get(name)) and pd.notna(value)]  # fmt: skip
        if len(both) < 5 or any(first != second for first, second in both):
            continue
        for other, name, value in pairs:
            if name in system and pd.notna(value):
                system.number(name, float(value), float(value))
            elif name in system and other in system:
                system.sum({name: 1.0, other: -1.0}, 0.0, 0.0)
            elif other in system and pd.notna(totals.get(name)):
                system.number(other, totals[name], totals[name])

    floor = Published(
        stranger.declarations.tables["floor-space"], 1, stranger.current_rows("floor-space")
    )
    ratio = next(m for m in floor.table.measures if m.kind == "ratio")
    bounds = _persons_behind(floor, ratio, *_floor_area(floor.rows))
    names = floor.names(pupils, floor.rows)
    for level in sorted(set(floor.rows["level"])):
        chosen = [
            (names[index], bounds["least"].iloc[index], bounds["greatest"].iloc[index])
            for index in np.flatnonzero(floor.rows["level"] == level)
        ]
        both = [(totals[name], least, greatest) for name, least, greatest in chosen
                if pd.notna(totals.get(name)) and greatest < np.inf]  # fmt: skip
        if len(both) >= 5 and all(least <= value <= greatest for value, least, greatest in both):
            for name, least, greatest in chosen:
                if name in system:
                    system.number(name, least, greatest)
    return _told(system, hidden, [*family, floor])


def take_a_filtered_total_from_the_whole(stranger: Stranger) -> list[str]:
    """The API filters, sorts and counts rows: perhaps it does so on the value behind a suppressed
    cell, so that filters one pupil wide find it."""
    found = []
    for name, one in stranger.published.items():
        for measure in one.hiding:
            column, status = measure.name, f"{measure.name}_status"
            hidden = {status: HIDDEN}
            number = int(one.hidden(column).sum())
            for what, filters, expected in (
                ("hidden rows", hidden, number),
                ("from 0 on", {**hidden, column: {"gte": 0}}, 0),
                ("below 0", {**hidden, column: {"lt": 0}}, 0),
                ("1 to 9", {**hidden, column: {"gte": 1, "lte": 9}}, 0),
                ("one of 1 to 9", {**hidden, column: list(range(1, 10))}, 0),
            ):
                asked = {"resource_id": name, "filters": filters, "limit": 0}
                total = stranger.action("datastore_search", **asked).json()["result"]["total"]
                if total != expected:
                    found.append(f"{name} {column}, {what}: {total} rows")
            asked = {"resource_id": name, "filters": hidden, "fields": column, "limit": 1000}
            for form in ("objects", "lists", "csv", "tsv"):
                answer = stranger.action("datastore_search", **asked, records_format=form)
                records = answer.json()["result"]["records"]
                if set(records.split()) if isinstance(records, str) else any(
                    value is not None for row in records
                    for value in (row.values() if isinstance(row, dict) else row)
                ):  # fmt: skip
                    found.append(f"{name} {column} as {form}: {str(records)[:60]}")
            sort = f"{column} desc nulls last"
            answer = stranger.action("datastore_search", **asked, distinct=True, sort=sort)
            if (records := answer.json()["result"]["records"]) != [{column: None}]:
                found.append(f"{name} {column}, distinct: {records[:3]}")
            for figure in range(10):
                asked = {"resource_id": name, "filters": hidden, "q": {column: str(figure)}}
                if stranger.action("datastore_search", **asked, limit=0).json()["result"]["total"]:
                    found.append(f"{name} {column}, full text {figure}")
    return found


def ask_in_sql(stranger: Stranger) -> list[str]:
    """SQL on the DataStore would give sums over any choice of rows, and other people's tables."""
    sql = 'SELECT sum(pupils) FROM "enrolment"'
    answer = stranger.action("datastore_search_sql", sql=sql)
    return [] if answer.status_code >= 400 else [answer.text[:200]]


def read_other_tables_of_the_datastore(stranger: Stranger) -> list[str]:
    """The DataStore lists its tables: one that is no current release, or PostgreSQL's own
    statistics, might be left open."""
    found = []
    listed = stranger.action("datastore_search", resource_id="_table_metadata", limit=1000).json()
    names = {row["name"] for row in listed["result"]["records"]}
    names |= {row["alias_of"] for row in listed["result"]["records"] if row["alias_of"]}
    # The table before stays a while for readers who page; it holds what its files hold.
    tables = stranger.action("package_list").json()["result"]
    released = {
        datastore_id(table, number)
        for table in tables
        for number in range(1, int(stranger.dataset(table)["hcmedu_release"]) + 1)
        if stranger.get(f"/dataset/{table}/release/{number}/manifest.json").status_code == 200
    }
    for name in sorted(names - released - {*tables, "_table_metadata"}):
        if stranger.action("datastore_search", resource_id=name, limit=1).status_code == 200:
            found.append(f"{name} is no release that stands")
    for name in ("pg_stats", "pg_statistic", "pg_stat_activity", "pg_stats_ext"):
        if stranger.action("datastore_search", resource_id=name).status_code == 200:
            found.append(name)
    return found


def compare_releases(stranger: Stranger) -> list[str]:
    """Every release stays: perhaps a cell that one suppresses stands in another of the same
    period, or differs by a pupil."""
    found = []
    for name, one in stranger.published.items():
        copies = [
            rows for number in range(1, one.number + 1)
            if (rows := stranger.rows(name, number)) is not None
        ]  # fmt: skip
        for earlier, later in pairwise(copies):
            found += differences(one.table, earlier, later)
    return found


def differences(table: Table, earlier: pd.DataFrame, later: pd.DataFrame) -> list[str]:
    """The cells of two releases that tell something together: suppressed in one and shown in the
    other, or different by less than the threshold."""
    keys = [table.period, *table.dimension_columns]
    both = earlier.merge(later, on=keys, suffixes=("", "_later"))
    found = []
    for measure in table.measures:
        if measure.about != "persons":
            continue
        name = measure.name
        one_hides = (both[f"{name}_status"] == HIDDEN) != (both[f"{name}_status_later"] == HIDDEN)
        change = (both[name] - both[f"{name}_later"]).abs()
        few = (change > 0) & (change < table.disclosure.threshold)
        for what, rows in (("hidden in one only", both[one_hides]), ("few", both[few])):
            if len(rows):
                key = rows.iloc[0][keys].tolist()
                found.append(f"{table.name} {name}: {len(rows)} cells {what}, such as {key}")
    return found


def set_old_areas_against_new(stranger: Stranger) -> list[str]:
    """47 old wards were split: a total on an old area less totals on new ones, or on schools, is a
    sliver. The register says where each school is, so all of them are one system of sums."""
    changes = stranger.current_rows("area-changes")
    split = set(changes[changes["area_change_kind"] == "part"]["old_area"])
    assert len(split) > 40
    old = stranger.current_rows("enrolment-old-areas")
    new = stranger.current_rows("enrolment").query("grade == @TOTAL and sex == @TOTAL")
    places = stranger.current_rows("schools")[["school_year", "school", "area", "old_area"]]
    schools = new[new["school"] != TOTAL].drop(columns="area")
    schools = schools.merge(places, on=["school_year", "school"], validate="many_to_one")
    assert len(schools) == (new["school"] != TOTAL).sum()
    system = System()
    areas = new[(new["area"] != TOTAL) & (new["school"] == TOTAL)]
    for unit, rows in (("area", areas), ("old_area", old[old["old_area"] != TOTAL]),
                       ("school", schools)):  # fmt: skip
        for row in rows.to_dict("records"):
            shown = row["pupils_status"] != HIDDEN
            bounds = (row["pupils"], row["pupils"]) if shown else ()
            system.number((unit, row["school_year"], row[unit], row["level"]), *bounds)
    slivers: dict[Hashable, list[Hashable]] = {}
    for row in schools.to_dict("records"):
        at = (row["school_year"], row["area"], row["old_area"], row["level"])
        school = ("school", row["school_year"], row["school"], row["level"])
        slivers.setdefault(("sliver", *at), []).append(school)
    sums: dict[Hashable, list[Hashable]] = dict(slivers)
    for sliver in slivers:
        _, year, area, was, level = sliver
        sums.setdefault(("area", year, area, level), []).append(sliver)
        sums.setdefault(("old_area", year, was, level), []).append(sliver)
        system.number(sliver)
    for total, parts in sums.items():
        assert total in system, f"there is no row of {total}"
        system.sum({**dict.fromkeys(parts, 1.0), total: -1.0}, 0.0, 0.0)
    asked = [one for one in slivers if one[3] in split]
    assert asked, "no school stands in a ward that was split: nothing would be shown"
    return [
        f"{name}: {interval.least:g} … {interval.greatest:g}"
        for name, interval in system.intervals(asked, RATE_THRESHOLD).items()
        if interval.is_few(RATE_THRESHOLD)
    ]


def measure_persons_by_a_ratio(stranger: Stranger) -> list[str]:
    """A ratio times its published other half gives the pupils behind it, within what rounding
    leaves; the total less the others then bounds a suppressed one."""
    found = []
    for name, base in (("floor-space", _floor_area), ("connectivity", _bandwidth)):
        one = stranger.published.get(name)
        if one is None:
            continue
        measure = next(m for m in one.table.measures if m.kind == "ratio")
        values = _persons_behind(one, measure, *base(one.rows))
        system = System()
        hidden = learn(system, one, measure.name, ("persons behind", name), values)
        found += told(system.intervals(hidden, RATE_THRESHOLD), RATE_THRESHOLD, name)
    return found


def _floor_area(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    return rows["floor_area"] - 0.05, rows["floor_area"] + 0.05


def _bandwidth(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    schools = rows["connected_schools"].fillna(0)
    mean = rows["mean_mbps"].fillna(0)
    return (schools * (mean - 0.05)).round(), (schools * (mean + 0.05)).round()


def _persons_behind(
    one: Published, measure: Measure, least: pd.Series, greatest: pd.Series
) -> pd.DataFrame:
    """The bounds of the persons behind each ratio."""
    ratio, error = one.rows[measure.name].astype(float), 0.5 * 10.0**-measure.decimals
    if measure.numerator.source == "pupils":
        low, high = (ratio - error) * least, (ratio + error) * greatest
    else:
        low, high = least / (ratio + error), greatest / (ratio - error).clip(lower=1e-9)
    status = one.rows[f"{measure.name}_status"]
    hidden, none = status == HIDDEN, status.isin(["z", "x"])
    return pd.DataFrame(
        {
            # Whole numbers, and nobody where there is nothing to divide by.
            "least": np.ceil(low - 1e-9).clip(lower=0).mask(none, 0.0).mask(hidden, 0.0),
            "greatest": np.floor(high + 1e-9).mask(none, 0.0).mask(hidden, np.inf),
        }
    )


def count_with_the_search_index(stranger: Stranger) -> list[str]:
    """The search counts what it finds: perhaps rows or figures are indexed, so that facets, ranges
    or words count them."""
    found = []
    everything = stranger.action("package_search", rows=0).json()["result"]["count"]
    for name, one in stranger.published.items():
        described = stranger.dataset(name)
        # `issued` is a measure of accounts, and the day on which every dataset came out.
        for measure in (one for one in one.hiding if one.name not in described):
            for field in (measure.name, f"extras_{measure.name}", f"res_extras_{measure.name}",
                          f"{measure.name}_status", f"vocab_{measure.name}"):  # fmt: skip
                for query in (
                    {"q": f"{field}:[1 TO 9]"},
                    {"fq": f"{field}:*"},
                    {"facet.field": [field], "rows": 0},
                    {"q": "*:*", "sort": f"{field} asc", "rows": 0},
                ):
                    answer = stranger.action("package_search", **query)
                    if answer.status_code != 200:
                        continue
                    result = answer.json()["result"]
                    facets = result["search_facets"].get(field, {"items": []})["items"]
                    if facets or result["count"] not in (0, everything):
                        found.append(f"{name}: {query}: {result['count']}, {facets[:3]}")
        # Of two schools, one with a hidden cell: the index must know neither.
        if "school" in one.dimensions:
            codes = sorted(set(one.rows["school"]) - {TOTAL})[:5]
            for code in codes:
                result = stranger.action("package_search", q=code, rows=0).json()["result"]
                if result["count"]:
                    found.append(f"{name}: the school {code} is indexed")
    return found


_ODD = re.compile("comment|external|pivot|custom|vba|connection|query", re.IGNORECASE)
"""Parts of a workbook that show nowhere in its cells."""


def look_behind_the_sheets_of_a_workbook(stranger: Stranger) -> list[str]:
    """Workbooks often carry more than they show: hidden sheets and rows, comments, names,
    formulas, properties."""
    found = []
    for name, one in stranger.published.items():
        content = stranger.file(name, one.number, f"{name}.xlsx")
        assert content is not None
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.namelist()
            odd = [part for part in parts if _ODD.search(part)]
            found += [f"{name}.xlsx: {part}" for part in odd]
        book = openpyxl.load_workbook(io.BytesIO(content))
        found += [f"{name}: sheet {s.title}" for s in book.worksheets if s.sheet_state != "visible"]
        found += [f"{name}: name {defined}" for defined in book.defined_names]
        if book.properties.creator not in (None, "", "openpyxl"):
            found.append(f"{name}: creator")
        figures = book.worksheets[1:]
        for sheet in figures:
            hides = [d for d in (*sheet.row_dimensions.values(), *sheet.column_dimensions.values())
                     if d.hidden]  # fmt: skip
            found += [f"{name} {sheet.title}: hidden rows or columns"] if hides else []
        found += _values_beside_a_mark(name, one, _sheets(figures))
    return found


def _sheets(sheets: list[Any]) -> Iterator[tuple[list[Any], list[list[Any]]]]:
    for sheet in sheets:
        rows = list(sheet.iter_rows(values_only=True))
        yield list(rows[0]), [list(row) for row in rows[1:]]


def _values_beside_a_mark(
    name: str, one: Published, sheets: Iterator[tuple[list[Any], list[list[Any]]]]
) -> list[str]:
    """The suppressed cells that have a value in sheets with Vietnamese headings, or are fewer."""
    found = []
    marks = {m.name: 0 for m in one.hiding}
    for headings, rows in sheets:
        for measure in one.hiding:
            value = headings.index(one.table.column(measure.name).title["vi"])
            status = headings.index(one.table.column(f"{measure.name}_status").title["vi"])
            for row in rows:
                if row[status] == HIDDEN:
                    marks[measure.name] += 1
                    if row[value] not in (None, ""):
                        found.append(f"{name} {measure.name}: {row}")
    found += [
        f"{name} {measure.name}: {marks[measure.name]} marks"
        for measure in one.hiding
        if marks[measure.name] != int(one.hidden(measure.name).sum())
    ]
    return found


def read_the_statistics_of_a_parquet_file(stranger: Stranger) -> list[str]:
    """A Parquet file tells the least and the greatest value of each group of rows: they may have
    been taken before values were suppressed. Its pages may hold more than its rows."""
    found = []
    for name, one in stranger.published.items():
        content = stranger.file(name, one.number, f"{name}.parquet")
        assert content is not None
        file = pq.ParquetFile(io.BytesIO(content))
        if set(file.schema_arrow.names) != {column.name for column in one.table.columns}:
            found.append(f"{name}: other columns than declared")
        notes = {key.decode() for key in (file.schema_arrow.metadata or {})}
        if notes - {"table", "title", "simulated", "ARROW:schema"}:
            found.append(f"{name}: {notes}")
        for group in range(file.metadata.num_row_groups):
            rows = file.read_row_group(group).to_pandas()
            about = file.metadata.row_group(group)
            for index in range(about.num_columns):
                column = about.column(index)
                values, statistics = rows[column.path_in_schema].dropna(), column.statistics
                if statistics is None or not statistics.has_min_max:
                    continue
                if len(values) == 0 or (statistics.min, statistics.max) != (
                    values.min(), values.max()
                ):  # fmt: skip
                    found.append(f"{name} {column.path_in_schema}: statistics of other values")
                if statistics.null_count != rows[column.path_in_schema].isna().sum():
                    found.append(f"{name} {column.path_in_schema}: other nulls")
        for measure in one.hiding:
            if one.rows[one.hidden(measure.name)][measure.name].notna().any():
                found.append(f"{name} {measure.name}: a value beside a mark")
    return found


def compare_the_forms_of_a_file(stranger: Stranger) -> list[str]:
    """A figure suppressed in one form of a release may have been left in another: CSV, CSV for
    Excel, JSON, the DataStore's dumps."""
    found = []
    for name, one in stranger.published.items():

        def taken(file: str, published: Published = one, table: str = name) -> io.BytesIO:
            content = stranger.file(table, published.number, file)
            assert content is not None
            return io.BytesIO(content)

        dump = io.BytesIO(stranger.get(f"/datastore/dump/{name}").content)
        forms = {
            "csv": pd.read_csv(taken(f"{name}.csv"), dtype=str, keep_default_na=False),
            "json": pd.DataFrame(json.load(taken(f"{name}.json"))),
            "dump": pd.read_csv(dump, dtype=str, keep_default_na=False),
        }
        for form, rows in forms.items():
            for measure in one.hiding:
                marked = rows[rows[f"{measure.name}_status"] == HIDDEN]
                left = marked[measure.name].replace("", np.nan).dropna()
                if len(left):
                    found.append(f"{name} {measure.name}: {len(left)} values in {form}")
                if len(marked) != int(one.hidden(measure.name).sum()):
                    found.append(f"{name} {measure.name}: {len(marked)} marks in {form}")
        excel = pd.read_csv(taken(f"{name}-excel.csv"), sep=";", dtype=str, keep_default_na=False,
                            encoding="utf-8-sig")  # fmt: skip
        found += _values_beside_a_mark(
            f"{name}-excel.csv", one, iter([(list(excel.columns), excel.to_numpy().tolist())])
        )
    return found


def provoke_errors(stranger: Stranger) -> list[str]:
    """An error, a status, a header or a length may tell a suppressed cell from an absent one, or
    quote what stands in the database."""
    found = []
    one = stranger.published["enrolment"]
    row = one.rows[one.hidden("pupils")].iloc[0]
    there = {name: row[name] for name in (one.table.period, *one.dimensions)}
    absent = {**there, "sex": "nobody"}
    for wrong in ({"pupils": "abc"}, {"pupils": {"gte": "abc"}}, {"pupils": {"nothing": 1}},
                  {"no_such_column": "1"}):  # fmt: skip
        said = [
            stranger.action("datastore_search", resource_id="enrolment", filters={**cell, **wrong})
            for cell in (there, absent)
        ]
        texts = [
            answer.text.replace(str(cell["sex"]), "…")
            for answer, cell in zip(said, (there, absent), strict=True)
        ]
        if said[0].status_code != said[1].status_code or said[0].status_code >= 500:
            found.append(f"{wrong}: {[answer.status_code for answer in said]}")
        elif said[0].status_code >= 400 and texts[0] != texts[1]:
            found.append(f"{wrong}: {texts}")
        # CKAN quotes the statement that it made of the question; a value would be in the detail.
        for word in ("DETAIL", "Traceback", "psycopg2"):
            found += [f"{wrong}: the answer has {word}" for text in texts if word in text]
    for sort in ("pupils/0", "(select 1)", "pupils desc, (pupils+1)"):
        answer = stranger.action("datastore_search", resource_id="enrolment", sort=sort)
        if answer.status_code in (200, 500):
            found.append(f"sort by {sort}: {answer.status_code}")
    return found


ATTACKS: tuple[Callable[[Stranger], list[str]], ...] = (
    solve_the_sums_of_each_table,
    solve_tables_of_the_same_records_together,
    borrow_totals_from_other_records,
    take_a_filtered_total_from_the_whole,
    ask_in_sql,
    read_other_tables_of_the_datastore,
    compare_releases,
    set_old_areas_against_new,
    measure_persons_by_a_ratio,
    count_with_the_search_index,
    look_behind_the_sheets_of_a_workbook,
    read_the_statistics_of_a_parquet_file,
    compare_the_forms_of_a_file,
    provoke_errors,
)


# What an operator does while the stranger keeps copies -------------------------------------------


LATER = """\
table: pupils-by-ownership
kind: cube
topic: learning
title: {vi: Số học sinh theo loại hình trường, en: Pupils by ownership of the school}
description: {vi: Thử., en: A trial.}
keywords: {vi: [học sinh], en: [pupils]}
unit_of_observation: {vi: học sinh, en: pupil}
record: pupil
frequency: annual
dimensions:
  - {name: place, hierarchy: [area]}
  - {name: ownership, hierarchy: [ownership]}
  - {name: sex, hierarchy: [sex]}
measures:
  - name: pupils
    count: true
    title: {vi: Số học sinh, en: Pupils}
    unit: {vi: học sinh, en: pupils}
methodology: {vi: Đếm., en: Counted.}
"""


class Operator:
    """The department, at work on the planted year."""

    def __init__(self, portal: Portal, planted: Planted):
        self.portal, self.planted = portal, planted

    def harvest_and_release(self, declarations: Declarations) -> None:
        """Seal the planted year's pupils as they are now, and release what is new."""
        sources = load_sources(str(ROOT / "config" / "sources"), declarations.records)
        source, record = sources["central-database"], declarations.records["pupil"]
        with closing(open_connector(source)) as connector:
            harvest(source, record, YEAR, connector, self.portal.state, declarations)
        refusals = release(list(sources.values()), self.portal.state, declarations).refusals
        # An attack must fail because of what the gate holds against it, not because it broke.
        assert not [refused for refused in refusals if "unforeseen" in refused.reason]


def wait_for_a_table_that_is_declared_later(
    stranger: Stranger, operator: Operator, folder: Path
) -> list[str]:
    """A table of the same pupils by ownership comes later: a ward with one private school has the
    school's figure in it, and the register says which school that is."""
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "pupils-by-ownership.yaml").write_text(LATER, encoding="utf-8")
    declarations = Declarations.load([folder])
    table = declarations.tables["pupils-by-ownership"]
    state = operator.portal.state
    try:
        operator.harvest_and_release(declarations)
        rows = stranger.rows(table.name, 1)
        if rows is None:
            return []
        later = Published(table, 1, rows)
        enrolment, register = stranger.published["enrolment"], stranger.current_rows("schools")
        return solve_together([enrolment, later]) + _schools_alone(enrolment, later, register)
    finally:
        shutil.rmtree(state / "releases" / table.name, ignore_errors=True)
        for path in (state / "parts" / "pupil").glob(f"*/*/*{table.name}*"):
            path.unlink()


def _schools_alone(enrolment: Published, later: Published, register: pd.DataFrame) -> list[str]:
    """The hidden totals of schools that are the only ones of their ownership in their area."""
    alone = register.drop_duplicates(["school_year", "area", "ownership"], keep=False)
    hidden = enrolment.rows[enrolment.hidden("pupils")]
    hidden = hidden[(hidden["level"] == TOTAL) & (hidden["school"] != TOTAL)]
    schools = hidden.merge(
        alone[["school_year", "school", "area", "ownership"]], on=["school_year", "school", "area"]
    )
    shown = later.rows[~later.hidden("pupils")]
    both = schools.merge(shown, on=["school_year", "area", "ownership", "sex"], suffixes=("", "_2"))
    return [
        f"pupils-by-ownership tells {row.school} {row.sex} of {row.school_year}"
        for row in both.itertuples()
    ]


def watch_a_revision_being_held(stranger: Stranger, operator: Operator, folder: Path) -> list[str]:
    """A pupil leaves, and the department's figures change by one: that a revision waits, and when,
    shows in a page, a feed, a date, a number of a release."""
    before = _what_anyone_sees(stranger)
    operator.planted.one_leaves()
    operator.harvest_and_release(stranger.declarations)
    assert [one.record for one in held(operator.portal.state)] == ["pupil"]
    operator.portal.run("hcmedu", "reconcile")
    found = [f"{path}, while it waits" for path, seen in _what_anyone_sees(stranger).items()
             if seen != before[path]]  # fmt: skip
    reject(operator.portal.state, "pupil", YEAR, "admin", "Chưa đối chiếu")
    operator.portal.run("hcmedu", "reconcile")
    return found + [f"{path}, once it is rejected" for path, seen in
                    _what_anyone_sees(stranger).items() if seen != before[path]]  # fmt: skip


def _what_anyone_sees(stranger: Stranger) -> dict[str, str]:
    """Where a new release would show."""
    paths = ["/api/3/action/package_search?rows=100", "/catalog.ttl", "/data.json", "/dcat-us.json",
             "/dataset/",
             "/revisions", f"/revisions/pupil/{YEAR}"]  # fmt: skip
    for name in ("enrolment", "internet-access"):
        following = stranger.published[name].number + 1
        paths += [f"/api/3/action/package_show?id={name}", f"/dataset/{name}/releases",
                  f"/dataset/{name}/release/{following}/manifest.json",
                  f"/dataset/activity/{name}"]  # fmt: skip
    found = {}
    for path in paths:
        answer = stranger.get(path)
        # What changes with each request, whatever is published.
        text = re.sub(r'name="_csrf_token" content="[^"]*"|value="[^"]{60,}"', "", answer.text)
        found[path] = f"{answer.status_code} {text}"
    return found


def keep_a_copy_of_a_withdrawn_release(
    stranger: Stranger, operator: Operator, folder: Path
) -> list[str]:
    """A release is taken back, a pupil leaves, and the period is published anew: who kept the
    first copy takes one from the other."""
    names = ("enrolment", "internet-access")
    portal, declarations = operator.portal, stranger.declarations
    copies = {name: stranger.published[name] for name in names}
    for name in names:
        portal.releases.withdraw(name, copies[name].number, "Số liệu bị nhầm")
    operator.planted.one_leaves()
    operator.harvest_and_release(declarations)
    portal.run("hcmedu", "reconcile", *names, check=False)
    found = []
    for name in names:
        again = stranger.rows(name, copies[name].number + 1)
        if again is not None:
            found += differences(copies[name].table, copies[name].rows, again)
    return found + read_other_tables_of_the_datastore(stranger)


LATER_ATTACKS: tuple[Callable[[Stranger, Operator, Path], list[str]], ...] = (
    wait_for_a_table_that_is_declared_later,
    watch_a_revision_being_held,
    keep_a_copy_of_a_withdrawn_release,
)


# The suite ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def operator(portal: Portal, planted: Planted) -> Operator:
    """The department, once the planted year is published."""
    release = portal.releases.current("enrolment")
    assert release is not None
    if YEAR not in release.manifest["periods"]:
        portal.run("hcmedu", "harvest", "central-database")
        portal.run("hcmedu", "release")
        portal.run("hcmedu", "reconcile")
    return Operator(portal, planted)


@pytest.fixture(scope="module")
def stranger(portal: Portal, operator: Operator) -> Stranger:
    return Stranger(portal.url, Declarations.load())


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> Iterator[dict[str, list[str]]]:
    """What came of each attack; printed when all have been tried."""
    outcomes: dict[str, list[str]] = {}
    yield outcomes
    sheet = Sheet("attack", "result", "such as", title="Attacks on the published portal")
    for name, found in outcomes.items():
        result = f"{len(found)} found" if found else "nothing"
        sheet.add_row(name.replace("_", " "), result, found[0][:90] if found else "")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        Console(width=170).print("", sheet)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_stranger_learns_nothing(
    stranger: Stranger, outcomes: dict[str, list[str]], attack: Callable[[Stranger], list[str]]
) -> None:
    found = outcomes[attack.__name__] = attack(stranger)
    assert found == [], f"{attack.__doc__}\n{len(found)} found:\n" + "\n".join(found[:20])


@pytest.mark.parametrize("attack", LATER_ATTACKS, ids=lambda attack: attack.__name__)
def test_nor_from_what_an_operator_does_later(
    stranger: Stranger,
    operator: Operator,
    tmp_path: Path,
    outcomes: dict[str, list[str]],
    attack: Callable[[Stranger, Operator, Path], list[str]],
) -> None:
    found = outcomes[attack.__name__] = attack(stranger, operator, tmp_path)
    assert found == [], f"{attack.__doc__}\n{len(found)} found:\n" + "\n".join(found[:20])
