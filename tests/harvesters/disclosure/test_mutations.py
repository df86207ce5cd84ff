"""The gate with one rule broken: some test notices, each time."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
HERE = "tests/harvesters/disclosure"

_processes = multiprocessing.get_context("forkserver")
# What takes long to import and is no part of the project.
_processes.set_forkserver_preload(
    [
        "duckdb",
        "highspy",
        "hypothesis",
        "ibis",
        "jsonschema",
        "numpy",
        "openpyxl",
        "pandas",
        "pyarrow.parquet",
        "pytest",
        "yaml",
    ]
)

MUTATIONS: Sequence[tuple[str, str, str, str]] = (
    # What is too few.
    ("primary", "(value > 0) & (value < k)", "(value > 1) & (value < k)",
     "test_primary.py::test_from_one_to_one_less_than_the_threshold_is_too_few"),
    ("primary", "(value > 0) & (value < k)", "(value > 0) & (value <= k)",
     "test_primary.py::test_from_one_to_one_less_than_the_threshold_is_too_few"),
    ("primary", "k = max(k, SENSITIVE_THRESHOLD)", "k = min(k, SENSITIVE_THRESHOLD)",
     "test_primary.py::test_each_kind_of_measure_tells_its_counts_of_persons"),
    ("primary", "return shown <= LOW_END, shown >= HIGH_END",
     "return rate <= LOW_END, rate >= HIGH_END",
     "test_primary.py::test_the_ends_of_a_rate_are_what_is_shown_as_such"),
    ("primary", "self._keep()\n", "pass\n",
     "test_primary.py::test_of_a_hidden_quotient_one_count_stays_hidden"),
    # Rates at the ends.
    ("coded", "(value[ends.few] <= most) & (most >= k)", "most >= k",
     "test_coded.py::test_an_end_may_be_coded_where_it_is_one_and_leaves_room"),
    ("coded", "(value[ends.few] <= most) & (most >= k)", "value[ends.few] <= most",
     "test_coded.py::test_few_may_be_any_number_up_to_the_threshold"),
    ("coded", "np.minimum.at(found, ends.few, _most(ends, value))", "pass",
     "test_coded.py::test_nobody_is_found_behind_a_coded_rate"),
    ("moves", "most[self._figures] - self._value", "np.full(size, np.inf)",
     "test_coded.py::test_nobody_is_found_behind_a_coded_rate"),
    ("figures", "asked.nobody(rates.few)", "pass",
     "test_coded.py::test_few_may_be_any_number_up_to_the_threshold"),
    ("figures", "asked.hide(rates.top)", "pass",
     "test_protection.py::test_a_rate_at_an_end_is_coded_where_that_leaves_room_and_its_count_is_"
     "hidden"),
    ("figures", "open_[safe.below] = True", "pass",
     "test_coded.py::test_the_denominators_of_coded_rates_stay_open"),
    ("figures", "standing[ends[measure.name] & ~frozen[measure.name], 0] = -1", "pass",
     "test_coded.py::test_a_table_that_comes_late_tells_no_coded_or_hidden_rate"),
    ("figures", "asked.spread(adding_up)", "pass",
     "test_coded.py::test_nobody_at_all_may_be_somebody_in_every_part"),
    ("protection", "except Unprotectable:\n        return", "except ValueError:\n        return",
     "test_coded.py::test_where_codes_would_leave_others_unprotected_fewer_ends_are_coded"),
    ("primary", "np.maximum.at(self._k, chosen, k)", "self._k[chosen] = k",
     "test_primary.py::test_of_several_thresholds_the_highest_holds"),
    ("primary", "self.open[shown[shown >= 0]] = True", "pass",
     "test_protection.py::test_what_is_open_already_cannot_be_hidden_any_more"),
    ("primary", "self.sensitive &= ~self._known", "pass",
     "test_primary.py::test_what_is_known_to_be_nothing_asks_for_nothing_and_stays_open"),
    ("figures", "asked.nothing(figures[known])", "pass",
     "test_protection.py::test_what_cannot_be_is_nobodys_secret"),
    # Sums of amounts.
    ("magnitude", "first + second > DOMINANCE * total", "first > DOMINANCE * total",
     "test_magnitude.py::test_a_sum_is_of_three_at_least_and_not_mostly_of_one_or_two[shares5-True]"),
    ("magnitude", "(total > 0) &", "(total >= 0) &",
     "test_magnitude.py::test_a_sum_is_of_three_at_least_and_not_mostly_of_one_or_two[shares8-False]"),
    ("magnitude", "np.maximum(PRECISION * first,", "np.maximum(0 * first,",
     "test_magnitude.py::test_nobody_who_contributes_comes_near_to_another_by_what_is_left_possible"),
    ("magnitude", "(first + second) / DOMINANCE - total", "first / DOMINANCE - total",
     "test_magnitude.py::test_nobody_who_contributes_comes_near_to_another_by_what_is_left_possible"),
    ("figures", "asked.margin(figures[rows], magnitude.within_reach(in_units))", "pass",
     "test_magnitude.py::test_a_sum_of_too_few_is_refused_and_a_mean_that_tells_it"
     "[where0-measures0-of too few]"),
    ("figures", "told[measure.name] = np.stack([*columns, *amounts], axis=1)",
     "told[measure.name] = np.stack(columns, axis=1)",
     "test_magnitude.py::test_an_amount_of_persons_is_hidden_with_their_count_in_every_table"),
    ("protection", "if (amounts := figures.beside(hidden)) is not None:", "if False:",
     "test_magnitude.py::test_an_amount_of_persons_is_hidden_with_their_count_in_every_table"),
    ("reader", "{contributors} < {LEAST_CONTRIBUTORS}", "FALSE",
     "test_magnitude.py::test_each_rule_is_judged_by_the_audit_on_its_own[contributors]"),
    ("reader", "< {PRECISION} * {first}", "< 0",
     "test_magnitude.py::test_each_rule_is_judged_by_the_audit_on_its_own[precision]"),
    ("reader", "> {DOMINANCE} * {total})", "> {total})",
     "test_magnitude.py::test_each_rule_is_judged_by_the_audit_on_its_own[dominance]"),
    ("audit", "known.truth + margin, high)", "known.truth, high)",
     "test_magnitude.py::test_an_amount_that_could_not_be_larger_is_refused"),
    ("audit", "abs({value} - {top}) > {leeway}", "FALSE",
     "test_magnitude.py::test_what_is_shown_is_what_was_counted"),
    # Sensitive categories.
    ("figures", "found |= above & np.isin(codes, dimension.sensitive.get(column, ()))", "pass",
     "test_sensitive.py::test_the_audit_finds_what_tells_of_everybody[counts0-hoa]"),
    ("figures", "asked.category(figures, everybody[0])", "pass",
     "test_sensitive.py::test_a_filter_by_a_sensitive_code_tells_of_nobody_and_of_everybody_neither"
     "[40-40]"),
    ("reader", "bool_or(k.truth = 0) AS nobody", "FALSE AS nobody",
     "test_sensitive.py::test_the_audit_finds_what_tells_of_everybody[counts0-hoa]"),
    ("reader", "bool_or(k.truth = w.truth) AS everybody", "FALSE AS everybody",
     "test_sensitive.py::test_the_audit_finds_what_tells_of_everybody[counts1-hoa]"),
    # Who is who.
    ("coordinates", "found[:, place] = number", "pass",
     "test_coordinates.py::test_a_filter_is_a_code_like_that_of_a_dimension"),
    ("coordinates", "above[known > 0] = known[known > 0]", "pass",
     "test_coordinates.py::test_a_code_brings_those_above_it_into_every_table"),
    ("coordinates", "for code in sorted(codes):", "for code in codes:",
     "test_protection.py::test_the_same_cells_in_any_order_are_protected_alike[money]"),
    ("coordinates", "_check_crossings(tables, crossed, versions or {})", "pass",
     "test_coordinates.py::test_parents_by_a_code_list_are_linked_as_well"),
    # What lies between tables.
    ("crossings", "one[unit] <= other[unit] or other[unit] <= one[unit]", "True",
     "test_crossings.py::test_tables_on_old_and_new_areas_are_refused_without_what_lies_between"),
    ("crossings", "if fellows and name not in fellows", "if False and name not in fellows",
     "test_crossings.py::test_a_filter_that_crosses_what_another_table_counts_by_is_refused"),
    ("crossings", "max(use.k for table", "min(use.k for table",
     "test_crossings.py::test_a_crossing_has_the_highest_threshold_and_the_counts_that_both_tell"),
    ("figures", "for table in every for one in _lines", "for table in tables for one in _lines",
     "test_crossings.py::test_three_pupils_cannot_be_told_by_a_difference"),
    ("figures", "_ask_of_slivers(asked, one, tables, cells[one.table.name], figure, versions)",
     "pass",
     "test_crossings.py::test_three_pupils_cannot_be_told_by_a_difference"),
    ("coordinates", "np.where(least == greatest, greatest, 0)", "greatest",
     "test_crossings.py::test_three_pupils_cannot_be_told_by_a_difference"),
    ("regions", "if first != second:", "if False:",
     "test_crossings.py::test_wards_that_share_an_old_one_are_worked_on_together"),
    ("regions", "~(follows & (most > least))", "~follows",
     "test_crossings.py::test_no_sliver_of_a_split_ward_is_told[names2-True]"),
    ("protection", "if name in in_the_way]", "if name not in in_the_way]",
     "test_crossings.py::test_the_table_that_crosses_the_others_gives_way"),
    ("slivers", "if lacking or not counts or not", "if not",
     "test_slivers.py::test_cells_between_that_lack_a_column_are_refused[level]"),
    ("slivers", "return f\"both sum", "return None and f\"both sum",
     "test_slivers.py::test_what_nobody_works_out_between_tables_is_refused_on_both_sides[amounts]"),
    ("reader", "if not {(name, version, other) for version in versions} <= known:", "if False:",
     "test_slivers.py::test_a_table_that_crosses_one_of_other_records_is_refused"),
    ("protection", "        if told is None:", "        if True:",
     "test_versions.py::test_a_small_figure_whose_change_nothing_hides_is_for_a_person_to_decide"),
    ("audit", "found.low <= lowest + change)", "found.low < -1)",
     "test_versions.py::test_a_small_figure_whose_change_nothing_hides_is_for_a_person_to_decide"),
    ("protection", "crossed = [*crossed, *(crossing for crossing, _ in earlier)]", "pass",
     "test_slivers.py::test_a_revision_is_protected_with_what_lay_between_before[names0]"),
    ("slivers", "if {finest(one, name) for name in alone}", "if set() & {name for name in alone}",
     "test_slivers.py::test_what_lies_between_has_to_be_known"),
    ("reader", "self.lines(component)\n            self.filters(component)",
     "self.filters(component)",
     "test_slivers.py::test_a_sliver_that_a_difference_tells_is_refused[names0-new]"),
    ("reader", "THEN 0 ELSE {self.found.k} END", "THEN 0 ELSE 0 END",
     "test_slivers.py::test_a_sliver_that_a_difference_tells_is_refused[names0-new]"),
    ("reader", "OR count(DISTINCT truth) FILTER (field IS NULL) > 1", "",
     "test_slivers.py::test_cells_between_that_do_not_add_up_to_the_tables_are_refused"),
    ("coordinates", "_check_filters(tables, filters)\n        for", "pass\n        for",
     "test_coordinates.py::test_filters_may_not_overlap[first4-second4-False]"),
    # What adds up.
    ("figures", "for one in _lines(table, lines[table.name], counted)]",
     "for one in _lines(tables[0], cells[tables[0].name], counted)]",
     "test_figures.py::test_a_sum_joins_what_stands_in_different_tables"),
    ("figures", "for number in range(1, len(places) + 1)", "for number in range(0)",
     "test_figures.py::test_those_who_are_left_are_figures_that_nobody_publishes"),
    ("figures", "asked.rest(some)", "pass",
     "test_protection.py::test_those_who_are_left_over_are_protected_too"),
    ("figures", "known[figures].any(axis=1) | self.ends[table][name]",
     "known[figures].all(axis=1) | self.ends[table][name]",
     "test_figures.py::test_rows_are_suppressed_with_any_of_their_figures"),
    ("figures", "(value[np.searchsorted(keys[version], key[~nobody])] != here[~nobody]).any()",
     "False",
     "test_figures.py::test_a_figure_with_two_values_is_refused"),
    ("protection", 'for one in before), *tables]', 'for one in ()), *tables]',
     "test_protection.py::test_a_table_that_comes_late_keeps_to_what_is_published"
     "[one-line-by-school]"),
    # What has to be hidden.
    ("block", "value >= self._high[move.figures] - _TOLERANCE",
     "value >= self._low[move.figures] - _TOLERANCE",
     "test_secondary.py::test_blocks_protect_as_the_whole_does"),
    ("block", "value <= self._low[move.figures] + _TOLERANCE",
     "value <= self._high[move.figures] + _TOLERANCE",
     "test_secondary.py::test_blocks_protect_as_the_whole_does"),
    ("moves", "return column if known else None", "return column",
     "test_secondary.py::test_a_small_figure_that_stands_open_cannot_be_protected"),
    ("moves", "np.where(rows == terms.rows, 1.0, 0.0)", "np.where(rows == terms.rows, 2.0, 0.0)",
     "test_moves.py::test_sums_may_be_off_by_shares_of_what_is_shared_up_to_a_whole"),
    ("nearby", "if move is None and group and self._far:", "if False:",
     "test_secondary.py::test_what_helps_far_away_is_found_as_well"),
    ("block", "movable & ~system.open[own]", "movable",
     "test_secondary.py::test_where_all_others_stand_open_nothing_can_be_done"),
    ("secondary", "_require(top, top.cover())", "top.cover()",
     "test_secondary.py::test_where_all_others_stand_open_nothing_can_be_done"),
    # What a reader knows.
    ("reader", "FROM rest r", "FROM (SELECT * FROM rest LIMIT 0) r",
     "test_reader.py::test_a_filtered_count_is_the_figure_of_a_dimension_and_leaves_a_rest"),
    ("reader", "half = 0.5 * 10.0", "half = 5.0 * 10.0",
     "test_reader.py::test_a_rate_is_known_within_its_rounding"),
    ("reader", "IN ('x', 'z') THEN 0 ELSE", "= 'z' THEN 0 ELSE",
     "test_audit.py::test_who_is_not_delivered_hides_nobody"),
    ("reader", "IN ('x', 'z') THEN 0 ELSE", "= 'x' THEN 0 ELSE",
     "test_audit.py::test_what_does_not_apply_hides_nobody"),
    ("reader", "OR (max(hidden) AND count(value) > 0)", "",
     "test_audit.py::test_a_figure_in_two_tables_is_the_same_in_both"),
    ("intervals", "TOLERANCE = 1e-5", "TOLERANCE = 1.5",
     "test_audit.py::test_each_change_to_a_safe_system_is_refused[a lone cell]"),
    ("intervals", "self.high = np.maximum(self.high, values)",
     "self.high = np.maximum(self.high, values + 1)",
     "test_intervals.py::test_a_rate_narrows_what_it_is_of"),
    ("intervals", "least - counted + moved, greatest - counted + moved,",
     "least - counted + moved - 1, greatest - counted + moved + 1,",
     "test_intervals.py::test_by_pieces_the_same_is_shown_as_of_the_whole_and_nothing_else"),
    ("intervals", "np.full(size, self._most)", "np.full(size, 1e2)",
     "test_intervals.py::test_a_figure_that_several_lines_tell_together_is_found"),
    # What the audit refuses.
    ("audit", "{value} <> 0 AND {value} < {k}", "{value} <> 0 AND {value} < {k} - 1",
     "test_audit.py::test_each_change_to_what_is_safe_is_refused[a small value]"),
    ("audit", "if twice or (other and other[0]):", "if twice:",
     "test_audit.py::test_a_file_of_another_table_or_period_is_refused"),
    ("audit", "AND {value} < {HIGH_END} END", "AND {value} <= {HIGH_END} END",
     "test_audit.py::test_each_change_to_what_is_safe_is_refused[a rate of 95 percent]"),
    ("audit", "AND {of} * {LOW_END} < {k} * 100", "AND FALSE",
     "test_coded.py::test_a_code_of_too_few_is_refused"),
    ("audit", "if told.any():", "if False:",
     "test_coded.py::test_a_numerator_beside_a_code_is_refused"),
    ("audit", "if len(rates_told):", "if False:",
     "test_coded.py::test_a_hidden_rate_of_what_stands_open_is_refused"),
    ("reader", "{LOW_END} WHEN {high} THEN 100 ", "100 WHEN {high} THEN 100 ",
     "test_reader.py::test_a_coded_rate_is_known_within_its_bound"),
    ("reader", "THEN 0 WHEN {high} THEN {HIGH_END} ELSE", "THEN 0 WHEN {high} THEN 0 ELSE",
     "test_reader.py::test_a_coded_rate_is_known_within_its_bound"),
    ("audit", "if wrong.any():", "if False:",
     "test_audit.py::test_each_change_to_a_safe_system_is_refused[one pupil more, and the cells "
     "at hand]"),
    ("audit", 'for rows in ("published", "cells", both)', 'for rows in ("cells", both)',
     "test_audit.py::test_each_change_to_a_safe_system_is_refused[a row that was not counted]"),
    ("audit", 'wrong = [f"{mark} AND c.{number} <> 0"', 'wrong = [f"{mark} AND c.{number} < 0"',
     "test_audit.py::test_somebody_where_nobody_can_be_is_refused"),
    ("audit", 'holds = "<>" if measure.denominator is None else ">"', 'holds = ">"',
     "test_audit.py::test_what_does_not_apply_is_just_what_cannot_be"),
    ("audit", "if (open_ & ~lost).any():", "if False:",
     "test_audit.py::test_a_count_that_a_hidden_rate_is_of_has_the_threshold_of_the_rate"),
    ("audit", "(found.low > lowest + change)", "(found.low > np.inf)",
     "test_audit.py::test_a_small_figure_that_cannot_be_nothing_is_refused"),
    ("audit", "(found.high < high[found.figure] - TOLERANCE)", "(found.high < -np.inf)",
     "test_audit.py::test_each_change_to_a_safe_system_is_refused[two cells that come to less than "
     "the threshold together]"),
    ("audit", "| (hidden & exact)[found.figure]", "| (hidden & ~hidden)[found.figure]",
     "test_audit.py::test_each_change_to_a_safe_system_is_refused[a lone cell]"),
    # What was published before.
    ("figures", "version = versions.get(table.name, 0)", "version = 0",
     "test_versions.py::test_a_difference_of_a_few_is_told_unless_it_cannot_be_worked_out"),
    ("protection", "if one.table.name == table.name and one.version:", "if False:",
     "test_versions.py::test_a_revision_tells_nothing_to_who_has_kept_the_version_before"
     "[by-school]"),
    ("reader", "min(version) OVER (PARTITION BY key, truth)", "version",
     "test_versions.py::test_the_audit_judges_two_versions_as_the_attacker_does[by-school]"),
    ("audit", "offset + np.where(by > 0, k, 0)", "offset + np.where(by > 0, 0, 0)",
     "test_versions.py::test_a_difference_has_to_reach_from_nothing_to_the_threshold"),
    ("audit", "few = np.abs(by) < known.k[now]", "few = by == 0",
     "test_versions.py::test_a_difference_of_a_few_is_told_unless_it_cannot_be_worked_out"),
    # What is explained.
    ("explanation", "0 < known.truth[number] < known.k[number]",
     "0 <= known.truth[number] <= 10 * known.k[number]",
     "test_explanation.py::test_a_figure_hidden_for_others_is_told_so"),
    ("explanation", "low[number], high[number] = -1, np.inf",
     "low[number], high[number] = known.truth[number], known.truth[number]",
     "test_explanation.py::test_a_figure_that_is_too_small_is_told_so"),
    ("explanation", "for one in figures[signs < 0].tolist())",
     "for one in figures[signs > 0].tolist())",
     "test_explanation.py::test_the_lines_with_other_hidden_figures_are_told"),
)  # fmt: skip


def copy_to(folder: Path) -> Path:
    """The packages and these tests, without anything else of the project."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "harvesters", folder / "harvesters", ignore=ignored)
    shutil.copytree(ROOT / "schemas", folder / "schemas", ignore=ignored)
    for file in [*(ROOT / "tests/harvesters").glob("*.py"), *(ROOT / HERE).glob("*.py"),
                 ROOT / "tests/__init__.py", *(ROOT / "tests/schemas").glob("*.py")]:  # fmt: skip
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = unit\npythonpath = .\n")
    return folder


def _run(folder: str, tests: Sequence[str]) -> None:
    # This module came from the project itself, and so did what it is in.
    for name in list(sys.modules):
        if name.partition(".")[0] in ("harvesters", "schemas", "tests"):
            del sys.modules[name]
    sys.path[:] = [folder, *(path for path in sys.path if path not in ("", str(ROOT)))]
    os.chdir(folder)
    with open("output", "wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode = False
    options = ["-x", "-q", "--import-mode=importlib", "-p", "no:cacheprovider"]
    os._exit(pytest.main([*options, *(f"{HERE}/{test}" for test in tests)]))


def outcome(folder: Path, tests: Sequence[str]) -> int:
    """The exit code of pytest over `tests`, in a process that knows only the packages there."""
    process = _processes.Process(target=_run, args=(str(folder), tests))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages as they are, which pass."""
    folder = copy_to(tmp_path_factory.mktemp("copy"))
    assert outcome(folder, sorted({test for *_, test in MUTATIONS})) == pytest.ExitCode.OK
    return folder


@pytest.mark.parametrize(
    ("module", "rule", "broken", "test"),
    MUTATIONS,
    ids=[f"{module}-{number}" for number, (module, *_) in enumerate(MUTATIONS)],
)
def test_a_broken_rule_is_noticed(
    module: str, rule: str, broken: str, test: str, copy: Path
) -> None:
    file = copy / f"harvesters/disclosure/{module}.py"
    text = file.read_text(encoding="utf-8")
    assert text.count(rule) == 1
    try:
        _put(file, text.replace(rule, broken))
        assert outcome(copy, [test]) == pytest.ExitCode.TESTS_FAILED
    finally:
        _put(file, text)


def _put(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    # What was compiled may look as new as this.
    Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)
