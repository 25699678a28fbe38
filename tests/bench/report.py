# SPDX-License-Identifier: Apache-2.0
"""Prints tables for people and the same figures as JSON for programs."""

import json
from dataclasses import asdict
from pathlib import Path

from figures import Figure, Table

_VERDICT = {True: "met", False: "MISSED", None: ""}


def _row(figure: Figure) -> tuple[str, ...]:
    baseline = figure.baseline.text(figure.unit) if figure.baseline else ""
    return (figure.name, figure.measured.text(figure.unit), baseline, figure.shown,
            figure.goal, _VERDICT[figure.met])


def print_table(table: Table) -> None:
    rows = [("figure", table.measured, table.baseline, "ratio", "goal", "")]
    rows += [_row(figure) for figure in table.figures]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    print(f"\n{table.title}")
    for number, row in enumerate(rows):
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths).rstrip())
    for note in table.notes:
        print(f"  note: {note}")


def goals_missed(tables: list[Table]) -> list[Figure]:
    return [figure for table in tables for figure in table.figures if figure.met is False]


def write_json(path: Path, circumstances: dict[str, object], tables: list[Table]) -> None:
    """One object: `circumstances`, and `tables` as in figures.Table with every sample."""
    content = {"circumstances": circumstances, "tables": [asdict(table) for table in tables]}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def conclude(circumstances: dict[str, object], tables: list[Table], json_file: Path | None, check: bool) -> int:
    """Prints the tables, writes the JSON if asked to, and says which goals are missed: the exit status."""
    for table in tables:
        print_table(table)
    if json_file:
        write_json(json_file, circumstances, tables)
    missed = goals_missed(tables)
    print(f"\n{len(missed)} goal{'' if len(missed) == 1 else 's'} missed"
          + (": " + "; ".join(figure.name for figure in missed) if missed else ""))
    return 1 if missed and check else 0
