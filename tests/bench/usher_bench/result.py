"""What a row's measuring answers."""

import dataclasses
import statistics

from usher_bench.load import Measured


@dataclasses.dataclass
class Line:
    """One line of the table of targets. values: by round. least and aim may be None: a figure that
    nothing is asked of. unit: for programs; people find it in what."""

    what: str
    values: list
    least: float | None = None
    aim: float | None = None
    form: str = "{:.2f}"
    more_is_better: bool = True
    measured: float | None = None  # the median of values, unless it is said
    unit: str = "ratio"

    def __post_init__(self):
        if self.measured is None:
            self.measured = statistics.median(self.values)

    def meets(self, limit):
        return self.measured >= limit if self.more_is_better else self.measured <= limit


@dataclasses.dataclass
class Result:
    lines: list[Line]
    loads: list[Measured] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)


def ratio(what, ours, other, least, aim):
    """Of the medians; the rounds were taken in turn, so each has its own ratio too."""
    by_round = [a / b for a, b in zip(ours.each("per_second"), other.each("per_second"))]
    measured = ours.median("per_second") / other.median("per_second")
    return Line(what, by_round, least, aim, measured=measured)
