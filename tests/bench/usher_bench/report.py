"""The tables, for people: as text, or as Markdown for docs/performance.md."""

import pathlib

from usher_bench.tools import Failure

BEGIN = "<!-- figures: begin (tests/bench/run --markdown writes what stands here) -->"
END = "<!-- figures: end -->"

TARGETS = ("", "measured", "min - max", "at least", "aim", "")
LOADS = ("", "calls/s", "min - max", "p50", "p99", "p99.9", "server", "bridge", "client", "postgres")


def limit(value, line):
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else line.form.format(value)


def verdict(line):
    if line.least is None:
        return ""
    if line.aim is not None and line.meets(line.aim):
        return "aim"
    return "yes" if line.meets(line.least) else "BELOW"


def spread(values, form):
    return f"{form.format(min(values))} - {form.format(max(values))}" if len(values) > 1 else ""


def target_cells(line):
    return (
        line.what,
        line.form.format(line.measured),
        spread(line.values, line.form),
        limit(line.least, line),
        limit(line.aim, line),
        verdict(line),
    )


def cell(value, form):
    return "-" if value is None else form.format(value)


def load_cells(load):
    times = [cell(load.median(name), "{:,.0f}") for name in ("p50_us", "p99_us", "p999_us")]
    spent = [
        cell(load.median("cpu_us", name), "{:,.1f}") for name in ("server", "bridge", "client", "postgres")
    ]
    rates = load.each("per_second")
    return (load.name, f"{load.median('per_second'):,.0f}", spread(rates, "{:,.0f}"), *times, *spent)


def as_text(head, rows):
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, *rows]:
        first = f"{row[0]:{widths[0]}}"
        rest = [f"{value:>{width}}" for value, width in zip(row[1:], widths[1:])]
        lines.append("  ".join([first, *rest]).rstrip())
    return lines


def as_markdown(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def machine_lines(about, options):
    return [
        f"{about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB, {about['system']}, "
        f"Linux {about['kernel']}; load before: {about['load_before']:.1f}",
        f"{options.users:,} users, {options.keys} keys"
        f"{', each user under each of them' * options.every_key}; "
        f"{options.connections} connections, {options.calls} calls under way on each, where nothing "
        "else is said",
        f"rounds of {options.seconds:g} s in turn, {options.rounds} of the main row; clients on the same "
        f"cores{'; SCHED_RR' * options.realtime}",
    ]


def render(about, options, results, table, fence):
    lines = [line for result in results.values() for line in result.lines]
    loads = [load for result in results.values() for load in result.loads]
    notes = [note for result in results.values() for note in result.notes]
    text = [*machine_lines(about, options), ""]
    text += table(TARGETS, [target_cells(line) for line in lines])
    if loads:
        text += ["", "Times in us; CPU time of each process in us a call:", ""]
        text += table(LOADS, [load_cells(load) for load in loads])
    if fence:
        text += ["", *(f"- {note}" for note in notes)]
    else:
        text += ["", *notes]
    return "\n".join(text)


def text_of(about, options, results):
    return render(about, options, results, as_text, False)


def markdown_into(path: pathlib.Path, about, options, results):
    """Between the two marker lines of that file."""
    whole = path.read_text(encoding="utf-8")
    before, begin, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Failure(f"{path} has no lines that say where the figures stand")
    figures = render(about, options, results, as_markdown, True)
    path.write_text(f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}", encoding="utf-8")


def unit_of(name):
    """Of a figure of a load: its name ends in it, or it is a number of something."""
    by_end = {"per_second": "1/s", "seconds": "s", "_us": "us", "_s": "s", "_bytes": "bytes"}
    return next((unit for end, unit in by_end.items() if name.endswith(end)), "count")


def json_of(about, options, results):
    rounds = [figures for result in results.values() for load in result.loads for figures in load.rounds]
    return {
        "machine": about,
        "options": {name: str(value) for name, value in vars(options).items()},
        # Of what stands in loads; CPU time is that of one call.
        "units": {name: unit_of(name) for name in sorted({name for figures in rounds for name in figures})},
        "rows": {
            name: {
                "lines": [
                    {
                        "what": line.what,
                        "unit": line.unit,
                        "measured": line.measured,
                        "values": line.values,
                        "at_least": line.least,
                        "aim": line.aim,
                        "meets": verdict(line),
                    }
                    for line in result.lines
                ],
                "loads": {load.name: load.rounds for load in result.loads},
                "notes": result.notes,
            }
            for name, result in results.items()
        },
    }
