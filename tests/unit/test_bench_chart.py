"""The chart of how cost grows, from runs that are made up."""

import xml.etree.ElementTree as ET
from typing import Any

from tests.bench.chart import PANELS, drawn


def a_run(policies: int, cost: float, worst: float | None = None) -> dict[str, Any]:
    return {
        "conditions": {"policies": policies},
        "cpu_ms_per_check": {"operator": cost, "all": 2 * cost},
        "memory": {"operator": {"max_mib": 100 * cost}},
        "lateness_seconds": {"p50": cost / 100, "p99": cost / 10, "max": worst},
    }


RUNS = [a_run(1000, 0.75), a_run(100, 1.25)]


def texts(runs: list[dict[str, Any]]) -> list[str]:
    """All that is written in a drawing, in its order."""
    root = ET.fromstring(drawn(runs))  # noqa: S314 - drawn here
    return [each.text.strip() for each in root.iter() if each.text and each.text.strip()]


def test_each_line_has_the_values_of_the_runs() -> None:
    """In the order of their sizes, in every panel."""
    found = texts(RUNS)

    assert set(PANELS) <= set(found)
    assert [text for text in found if text in ("100", "1,000")].count("1,000") == len(PANELS)
    assert "operator: 1.25, 0.75" in found
    assert "all: 2.5, 1.5" in found
    assert "max: 125, 75" in found
    assert "p99: 0.125, 0.075" in found


def test_what_was_not_measured_is_no_line_and_no_point() -> None:
    """A process that no run knows; a figure that one of them lacks."""
    assert not any(text.startswith("etcd") for text in texts(RUNS))
    assert "max: 3" in texts([RUNS[0], a_run(100, 1.25, worst=3.0)])


def test_every_point_lies_in_its_panel() -> None:
    """Also where all values are nothing, or of very different sizes."""
    runs = [a_run(1, 0.0), a_run(10, 9.99), a_run(100, 1e-6)]
    root = ET.fromstring(drawn(runs))  # noqa: S314 - drawn here
    lines = root.findall(".//{http://www.w3.org/2000/svg}polyline")
    points = [point.split(",") for line in lines for point in line.attrib["points"].split()]

    assert len(points) == 3 * 5
    assert all(0 <= float(x) <= 230 and 0 <= float(y) <= 220 for x, y in points)


def test_the_same_runs_give_the_same_drawing() -> None:
    """So that the chart changes in the repository only when figures do."""
    assert drawn(RUNS) == drawn(list(reversed(RUNS)))
