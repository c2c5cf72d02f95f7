"""`make bench-chart`: how cost grows with the number of policies, from the runs in `.bench`."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tests.bench.tables import RESULTS

Run = Mapping[str, Any]
"""The figures of a run, as `make bench` writes them."""

Lines = Mapping[str, Callable[[Run], float | None]]
"""The name of each line, and its value in a run; None: it was not measured."""

_INNER, _PLOT, _PANEL = 230, 220, 330
"""A panel's plot is so wide and so high; panels lie so far apart."""
_TICKS = 4
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555")
"""Told apart by people who see few colours, too: Okabe and Ito's."""


def _cpu(process: str) -> Callable[[Run], float | None]:
    return lambda run: run["cpu_ms_per_check"].get(process)


def _late(what: str) -> Callable[[Run], float | None]:
    return lambda run: run["lateness_seconds"][what]


PANELS: Mapping[str, Lines] = {
    "CPU a check, ms": {
        name: _cpu(name)
        for name in (
            "all",
            "operator",
            "postgresql (governed)",
            "prometheus",
            "kube-apiserver",
            "etcd",
            "postgresql (sink)",
        )
    },
    "Memory of the operator, MiB": {"max": lambda run: run["memory"]["operator"]["max_mib"]},
    "Lateness, s": {name: _late(name) for name in ("p50", "p99", "max")},
}
"""Title → lines. Along the axis: policies of five checks a minute, each run in turn."""


def drawn(runs: Iterable[Run]) -> str:
    """The chart as SVG, the same for the same runs, which are of one mode and differ in size."""
    ordered = sorted(runs, key=_policies)
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    panels = [_panel(number, title, ordered) for number, title in enumerate(PANELS)]
    return templates.get_template("chart.svg.j2").render(
        panels=panels,
        inner=_INNER,
        plot=_PLOT,
        width=_PANEL * len(panels),
        height=_PLOT + 122 + 18 * max(len(panel["lines"]) for panel in panels),
    )


def _panel(number: int, title: str, runs: Sequence[Run]) -> dict[str, Any]:
    values = {name: [of(run) for run in runs] for name, of in PANELS[title].items()}
    measured = {name: of for name, of in values.items() if any(it is not None for it in of)}
    top = _top(max((it for of in measured.values() for it in of if it is not None), default=1.0))
    across = [round(_INNER * (at + 0.5) / len(runs), 1) for at in range(len(runs))]
    return {
        "title": title,
        "left": 60 + number * _PANEL,
        "ticks": [
            {"y": round(_PLOT - _PLOT * at / _TICKS, 1), "label": f"{top * at / _TICKS:g}"}
            for at in range(_TICKS + 1)
        ],
        "labels": [
            {"x": x, "label": f"{_policies(run):,}"} for x, run in zip(across, runs, strict=True)
        ],
        "lines": [
            {
                "name": name,
                "colour": colour,
                "points": [
                    (x, round(_PLOT - _PLOT * value / top, 1), _text(value))
                    for x, value in zip(across, of, strict=True)
                    if value is not None
                ],
            }
            for (name, of), colour in zip(measured.items(), _COLOURS, strict=False)
        ],
    }


def _top(highest: float) -> float:
    """The least of 1, 2, 4 or 8 times a power of ten that is not below: where the axis ends."""
    power = 10.0 ** math.floor(math.log10(highest)) if highest > 0 else 1.0
    return next(factor * power for factor in (1, 2, 4, 8, 10) if factor * power >= highest)


def _text(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _policies(run: Run) -> int:
    return int(run["conditions"]["policies"])


def main() -> int:
    """Draws it."""
    parser = argparse.ArgumentParser(prog="make bench-chart", description=__doc__)
    parser.add_argument("--into", type=Path, default=Path("docs/benchmarks.svg"))
    into: Path = parser.parse_args().into
    runs = []
    for file in sorted(RESULTS.glob("steady-*.json")):
        run = json.loads(file.read_text())
        wrong = run.get("disbelief")
        print(f"{file}: {run['conditions']['command']}{f': left out: {wrong}' if wrong else ''}")
        runs += [] if wrong else [run]
    if len(runs) < 2:
        print(
            f"runs of two sizes at least are needed in {RESULTS}: make bench N=100, then N=1000",
            file=sys.stderr,
        )
        return 1
    try:
        into.write_text(drawn(runs))
    except OSError as error:
        print(f"{into} can't be written: {error.strerror}", file=sys.stderr)
        return 1
    print(f"drawn into {into}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
