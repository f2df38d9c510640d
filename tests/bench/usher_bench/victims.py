"""Calls at a steady rate, alone or while somebody else loads the server."""

from usher_bench.load import Load, Measured

RATE = 1000
CONNECTIONS = 4
NOTE = f"{RATE:,} calls a second on {CONNECTIONS} connections"


class Victims(Measured):
    """beside: the program that loads the server meanwhile, its arguments and whom, or None. It
    begins so many seconds before these."""

    def __init__(self, name, bench, system, beside=None, ahead_s=0.3):
        super().__init__(name)
        self.bench, self.system, self.beside, self.ahead_s = bench, system, beside, ahead_s
        self.others = []

    def round(self, timing):
        other = self._begin()
        run = Load(
            self.bench.bin / "bench_pace_load",
            self.system.url,
            self.system.watched(),
            ["--requests", self.system.requests("victims"), "--rate", RATE]
            + ["--connections", CONNECTIONS, *timing],
        )
        try:
            figures = run.finish()
            if other:
                self.others.append(other.finish())
        finally:
            run.end()
            if other:
                other.end()
        self.system.resolved += figures["answered"]
        self.system.drain()
        self.rounds.append(figures)
        return figures

    def _begin(self):
        if not self.beside:
            return None
        program, arguments, url = self.beside
        # Longer than the victims' part, which begins and ends within it.
        seconds = self.bench.options.seconds + 1.5
        other = Load(
            self.bench.bin / program,
            url,
            {},
            [*arguments, "--seconds", seconds, "--warm-up", self.ahead_s],
            refusals=True,
        )
        other.until_measuring()
        return other

    def other_rate(self):
        """What the others did a second, the median of the rounds."""
        rates = sorted(figures["per_second"] for figures in self.others)
        return rates[len(rates) // 2]

    def other_sum(self, name):
        return sum(figures[name] for figures in self.others)
