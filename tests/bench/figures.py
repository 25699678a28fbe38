# SPDX-License-Identifier: Apache-2.0
"""Figures: samples, what they are compared with, the goal, and whether it is met."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sample:
    """Repeated measurements of one thing in one unit."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> "Sample":
        return cls(tuple(values))

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def text(self, unit: str) -> str:
        """Median, and minimum to maximum where there is noise: ``0.12 s (0.10-0.15)``."""
        shown = f"{number(self.median)} {unit}".strip()
        if len(self.values) > 1 and min(self.values) != max(self.values):
            shown += f" ({number(min(self.values))}-{number(max(self.values))})"
        return shown


@dataclass(frozen=True)
class Figure:
    name: str
    unit: str
    measured: Sample
    baseline: Sample | None
    value: float       # what the goal speaks of: a ratio, a surplus in percent, or a plain number
    shown: str         # `value` for people
    goal: str          # empty: for information only
    met: bool | None


@dataclass
class Table:
    """Figures that share their two columns."""

    title: str
    measured: str
    baseline: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def number(value: float) -> str:
    """Three significant digits, no exponent, whole numbers whole."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:.0f}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}" if abs(value) >= 0.01 else f"{value:.2g}"


def _factor(name: str, unit: str, ours: Sample, theirs: Sample, factor: float, goal: float | None) -> Figure:
    return Figure(name, unit, ours, theirs, factor, f"{factor:.1f}x",
                  f">= {number(goal)}x" if goal else "", factor >= goal if goal else None)


def times_less(name: str, unit: str, ours: Sample, theirs: Sample, goal: float | None = None) -> Figure:
    """Ours is the smaller one: theirs / ours, of the medians."""
    return _factor(name, unit, ours, theirs, theirs.median / ours.median, goal)


def times_less_in_turns(name: str, unit: str, ours: Sample, theirs: Sample, goal: float | None = None) -> Figure:
    """Ours is the smaller one: the median of theirs / ours of each turn.  Where one measurement takes a minute,
    other work on the machine changes from turn to turn; it hits both of one turn alike."""
    factors = [their / our for our, their in zip(ours.values, theirs.values)]
    return _factor(name, unit, ours, theirs, statistics.median(factors), goal)


def times_more(name: str, unit: str, ours: Sample, theirs: Sample, goal: float | None = None) -> Figure:
    """Ours is the larger one: ours / theirs, of the medians."""
    return _factor(name, unit, ours, theirs, ours.median / theirs.median, goal)


def within(name: str, unit: str, ours: Sample, theirs: Sample, most: float | None = None) -> Figure:
    """Ours may be larger, but only so many times: ours / theirs, of the medians."""
    factor = ours.median / theirs.median
    return Figure(name, unit, ours, theirs, factor, f"{factor:.1f}x", f"<= {number(most)}x" if most else "",
                  factor <= most if most else None)


def surplus(name: str, unit: str, with_it: Sample, without: Sample, limit: float | None = None) -> Figure:
    """What something costs, in percent of the median without it."""
    percent = (with_it.median - without.median) / without.median * 100
    return Figure(name, unit, with_it, without, percent, f"{percent:+.1f} %",
                  "" if limit is None else f"<= +{number(limit)} %",
                  None if limit is None else percent <= limit)


def limited(name: str, unit: str, measured: Sample, limit: float | None = None, below: bool = False) -> Figure:
    """A plain number with an upper limit; the worst sample counts, not the median."""
    worst = max(measured.values)
    sign = "<" if below else "<="
    met = None if limit is None else worst < limit if below else worst <= limit
    return Figure(name, unit, measured, None, worst, f"{number(worst)} {unit}".strip(),
                  "" if limit is None else f"{sign} {number(limit)} {unit}".strip(), met)
