"""The row of those who mean it ill, and what the others notice of them."""

import statistics

from usher_bench.load import Measured
from usher_bench.result import Line, Result
from usher_bench.system import sockets_gone, sockets_of
from usher_bench.victims import NOTE, Victims

# Name, bench_hostile's mode, its connections and its rate a second, what the rate is of, and how long
# it goes on before it counts: who never reads is closed after five seconds, and others see that too.
KINDS = (
    ("4 that never read", "deaf", 4, 2000, "requests", 5.0),
    ("500 that say nothing", "silent", 500, 100, "looks at them", 0.3),
    ("5,000 idle connections", "idle", 5000, 200, "looks at them", 0.3),
    ("connections that die in every state", "dying", 1, 320, "deaths", 0.3),
    ("connecting and closing", "churn", 1, 2000, "connections", 0.3),
    ("lengths of a gibibyte", "lengths", 1, 500, "lengths", 0.3),
    ("random payloads", "payloads", 8, 1000, "envelopes", 0.3),
)
TIMES_MOST = 2.0
# Those that are also sent to another usherd, on the same two cores: what others notice of them then
# is the machine's.
LOADING = ("deaf", "dying", "churn")


class Hostile(Victims):
    """calm: the same without the hostile ones, a round before each round of this. usherd: the
    process that they are at, and its URL."""

    def __init__(self, calm, kind, where, usherd, url):
        name, mode, connections, rate, self.what, ahead_s = kind
        arguments = ["--mode", mode, "--connections", connections, "--rate", rate]
        arguments += ["--requests", calm.system.requests("hostile")]
        beside = ("bench_hostile", arguments, url)
        super().__init__(f"{where} {name}", calm.bench, calm.system, beside, ahead_s)
        self.calm, self.usherd = calm, usherd

    def round(self, timing):
        self.calm.round(timing)
        connections = sockets_of(self.usherd)
        figures = super().round(timing)
        # What it takes to be rid of them must not burden the next one.
        sockets_gone(self.usherd, connections)
        return figures

    def ratio(self, most):
        """By round, to the median of the calm rounds of the same turn."""
        calm_us, own_us = self.calm.each("p99_us"), self.each("p99_us")
        turns = zip(*[iter(calm_us)] * (len(calm_us) // len(own_us)))
        values = [us / statistics.median(turn) for us, turn in zip(own_us, turns)]
        what = f"p99, times the calm one: {self.name}"
        return Line(what, values, most, more_is_better=False)

    def note(self):
        standing = statistics.median(figures["standing"] for figures in self.others)
        text = f"{self.name}: {self.other_rate():,.0f} {self.what} a second"
        if standing > 1:
            text += f", {standing:,.0f} connections stand"
        failed = self.other_sum("failed") / max(self.other_sum("answered"), 1)
        if failed >= 0.01:
            text += f"; {failed:.0%} could not be made or sent"
        return text


def hostile(bench):
    system = bench.main()
    system.ready("small")
    calm = Victims("Resolve, nobody hostile", bench, system)
    with system.second_node() as (node, url):
        peers = [Hostile(calm, kind, "beside", system.usherd, system.url) for kind in KINDS]
        controls = [
            Hostile(calm, kind, "at another usherd:", node, url) for kind in KINDS if kind[1] in LOADING
        ]
        bench.rounds([*peers, *controls], "hostile", bench.short_rounds())
    times = [us / 1000 for us in calm.each("p99_us")]
    calm_ms = Line(f"p99, ms: {calm.name}", times, more_is_better=False, unit="ms")
    lines = [calm_ms, *(peer.ratio(TIMES_MOST) for peer in peers), *(peer.ratio(None) for peer in controls)]
    loads: list[Measured] = [calm, *peers, *controls]
    return Result(lines, loads, [*(peer.note() for peer in peers), NOTE])
