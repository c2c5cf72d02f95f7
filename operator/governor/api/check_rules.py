"""What must hold of a check and of its objective, beyond each field on its own."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from governor.probes.base import Probe, PromProbe
from governor.values.objectives import Direction, Objective
from governor.values.rules import Rule

_ABOVE = "has(self.direction) && self.direction == 'Above'"
_BOTH_LINES = "has(self.target) && has(self.redLine)"


@cache
def objective_rules() -> tuple[Rule, ...]:
    """Target and red line on the right sides; no direction means Below."""
    return (
        Rule(
            message="with direction Above, target must be at or above redLine",
            cel=f"!({_ABOVE} && {_BOTH_LINES}) || self.target >= self.redLine",
            holds=lambda o: not (_both_lines(o) and _above(o)) or o.target >= o.red_line,
        ),
        Rule(
            message="with direction Below (as the built-in checks are), "
            "target must be at or below redLine",
            cel=f"({_ABOVE}) || !({_BOTH_LINES}) || self.target <= self.redLine",
            holds=lambda o: _above(o) or not _both_lines(o) or o.target <= o.red_line,
        ),
    )


def check_rules(kinds: Mapping[str, type[Probe]]) -> tuple[Rule, ...]:
    """Exactly one probe, and an objective that suits it.

    Args:
        kinds: every kind of probe, by its field's name in a manifest.
    """
    return _check_rules(tuple(kinds.items()))


@cache
def _check_rules(kinds: tuple[tuple[str, type[Probe]], ...]) -> tuple[Rule, ...]:
    built_in = {name: kind.OBJECTIVE for name, kind in kinds if kind.OBJECTIVE}
    free = [name for name, _ in kinds if name not in built_in]
    unsampled = [name for name, kind in kinds if issubclass(kind, PromProbe)]
    return (
        _exactly_one_probe([name for name, _ in kinds]),
        _needs_objective(free),
        _no_direction(built_in),
        _no_samples(unsampled),
        _ratios(built_in),
        *(_target_within_default(name, default) for name, default in built_in.items()),
    )


def _exactly_one_probe(names: Iterable[str]) -> Rule:
    given = ", ".join(f"has(self.{name})" for name in names)
    return Rule(
        message=f"give the check exactly one of {', '.join(names)}",
        cel=f"[{given}].exists_one(given, given)",
        holds=lambda check: len(check.probes) == 1,
    )


def _needs_objective(free: Iterable[str]) -> Rule:
    return Rule(
        message=f"{' and '.join(free)} need objective.direction (Above or Below) and "
        "objective.redLine",
        cel=f"!({_any(free)}) || (has(self.objective) && has(self.objective.direction)"
        " && has(self.objective.redLine))",
        holds=lambda check: (
            not any(probe.OBJECTIVE is None for probe in check.probes)
            or _objective(check, "direction", "red_line")
        ),
    )


def _no_direction(built_in: Iterable[str]) -> Rule:
    return Rule(
        message="remove objective.direction: the built-in checks are always Below",
        cel=f"!({_any(built_in)}) || !has(self.objective) || !has(self.objective.direction)",
        holds=lambda check: not (_is_built_in(check) and _objective(check, "direction")),
    )


def _no_samples(unsampled: Iterable[str]) -> Rule:
    return Rule(
        message=f"remove objective.minimumSamples: {' and '.join(unsampled)} knows no samples",
        cel=f"!({_any(unsampled)}) || !has(self.objective) || !has(self.objective.minimumSamples)",
        holds=lambda check: (
            not (
                any(isinstance(probe, PromProbe) for probe in check.probes)
                and _objective(check, "minimum_samples")
            )
        ),
    )


def _ratios(built_in: Iterable[str]) -> Rule:
    """A red line of 20 where 0.20 was meant could never be passed: a silent pass."""
    line = "(!has(self.objective.{0}) || (self.objective.{0} >= 0.0 && self.objective.{0} <= 1.0))"
    return Rule(
        message="the built-in checks measure ratios: "
        "choose objective.redLine and objective.target from 0 to 1",
        cel=f"!({_any(built_in)}) || !has(self.objective)"
        f" || ({line.format('redLine')} && {line.format('target')})",
        holds=lambda check: (
            not (_is_built_in(check) and check.objective)
            or all(
                line is None or 0 <= line <= 1
                for line in (check.objective.red_line, check.objective.target)
            )
        ),
    )


def _target_within_default(name: str, default: Objective) -> Rule:
    """Without a red line of its own the check is judged by its kind's."""

    def holds(check: Any) -> bool:
        mine = any(probe.OBJECTIVE is default for probe in check.probes)
        if not (mine and _objective(check, "target")) or _objective(check, "red_line"):
            return True
        return bool(check.objective.target <= default.red_line)

    line = float(default.red_line)
    return Rule(
        message=f"objective.target must be at or below the red line, which for {name} is"
        f" {line:g} by default: lower target or set objective.redLine",
        cel=f"!has(self.{name}) || !has(self.objective) || !has(self.objective.target)"
        f" || has(self.objective.redLine) || self.objective.target <= {line}",
        holds=holds,
    )


def _any(names: Iterable[str]) -> str:
    return " || ".join(f"has(self.{name})" for name in names)


def _is_built_in(check: Any) -> bool:
    return any(probe.OBJECTIVE for probe in check.probes)


def _objective(check: Any, *fields: str) -> bool:
    """Whether the check has an objective with all these fields."""
    return check.objective is not None and all(
        getattr(check.objective, field) is not None for field in fields
    )


def _above(objective: Any) -> bool:
    return bool(objective.direction is Direction.ABOVE)


def _both_lines(objective: Any) -> bool:
    return objective.target is not None and objective.red_line is not None
