# SPDX-License-Identifier: Apache-2.0
"""Ratios point the right way, goals are judged right, and noise is shown."""

import json

import report
from figures import Sample, Table, limited, number, surplus, times_less, times_less_in_turns, times_more, within


def of(*values: float) -> Sample:
    return Sample.of(values)


def test_a_smaller_figure_of_ours_is_a_factor_above_one():
    figure = times_less("boot", "s", of(0.1, 0.2, 0.1), of(3, 3, 4), goal=25)
    assert (figure.shown, figure.goal, figure.met) == ("30.0x", ">= 25x", True)


def test_a_load_that_grows_from_turn_to_turn_hits_both():
    figure = times_less_in_turns("boot", "s", of(1, 2, 9), of(3, 6, 18), goal=3)
    assert (figure.shown, figure.met) == ("3.0x", True)
    assert times_less_in_turns("boot", "s", of(1, 2, 9), of(3, 4, 18), goal=3).met is False


def test_a_goal_just_missed_is_missed():
    assert times_more("rate", "", of(499), of(100), goal=5).met is False
    assert times_more("rate", "", of(500), of(100), goal=5).met is True


def test_surplus_is_signed_and_limited_from_above():
    assert surplus("x", "", of(106), of(100), 6).met is True
    assert surplus("x", "", of(106.1), of(100), 6).met is False
    assert surplus("x", "", of(90), of(100)).shown == "-10.0 %"


def test_the_worst_sample_counts_against_a_limit():
    assert limited("errors", "", of(0, 0, 1), 0).met is False
    assert limited("gap", "s", of(1.0), 1, below=True).met is False


def test_without_a_goal_there_is_no_verdict():
    assert times_less("boot", "s", of(1), of(2)).met is None


def test_ours_may_be_larger_within_a_limit():
    assert within("rebuild", "s", of(6), of(2), 3).met is True
    assert within("rebuild", "s", of(6.1), of(2), 3).met is False
    assert within("rebuild", "s", of(6), of(2)).met is None


def test_noise_is_printed_as_minimum_to_maximum():
    assert of(0.12, 0.1, 0.15).text("s") == "0.120 s (0.100-0.150)"
    assert of(7).text("MiB") == "7 MiB"


def test_numbers_are_for_reading():
    assert [number(value) for value in (0, 1234567.8, 12.34, 1.234, 0.0123, 0.00123)] == \
        ["0", "1234568", "12.3", "1.23", "0.012", "0.0012"]


def test_the_report_lists_what_was_missed(capsys, tmp_path):
    table = Table("Title", "ours", "theirs", [times_more("rate", "", of(2), of(1), goal=5),
                                              times_less("boot", "s", of(1), of(30), goal=25)])
    report.print_table(table)
    printed = capsys.readouterr().out
    assert "MISSED" in printed and "met" in printed and "2.0x" in printed
    assert [figure.name for figure in report.goals_missed([table])] == ["rate"]
    report.write_json(tmp_path / "out.json", {"machine": "pc"}, [table])
    assert json.loads((tmp_path / "out.json").read_text())["tables"][0]["figures"][0]["measured"]["values"] == [2]
