"""The very operator, whose policies freeze at a point of their story: `governor run`, as a script.

    crashing_operator.py ORDERS RECORD

A policy that is frozen is to its effects what a process is that was killed at that point: what
it has sent may arrive, it never learns of it, and it sends nothing more. Once all are frozen
where they should be, one SIGKILL from outside makes it true for each of them.

ORDERS is a JSON object: policy → [effect, "before" or "after"]. RECORD gets a line of JSON for
every moment of an effect, written before anything goes on: it outlives the process.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from governor import wiring
from governor.__main__ import main
from governor.wiring import joining

Named = Callable[..., tuple[str, str]]
"""From the arguments of a call: the policy, and what the effect is called."""


class Stage:
    """Where all policies play, each until it comes to its point."""

    def __init__(self, orders: Mapping[str, Sequence[str]], record: Path) -> None:
        self._orders = orders
        self._record = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._frozen: set[str] = set()

    async def pass_by(self, policy: str, effect: str, do: Callable[[], Awaitable[Any]]) -> Any:
        """Has an effect done, unless its policy is frozen by then."""
        await self._come(policy, effect, "before")
        answer = await do()
        await self._come(policy, effect, "after")
        return answer

    async def _come(self, policy: str, effect: str, moment: str) -> None:
        if policy not in self._frozen:
            frozen = self._orders.get(policy) == [effect, moment]
            line = {"policy": policy, "effect": effect, "moment": moment, "frozen": frozen}
            os.write(self._record, f"{json.dumps(line)}\n".encode())
            if not frozen:
                return
            self._frozen.add(policy)
        await asyncio.Event().wait()


class Port:
    """An adapter whose effects come by the stage; what only reads does not."""

    def __init__(self, stage: Stage, inner: Any, **effects: Named) -> None:
        self._stage = stage
        self._inner = inner
        self._effects = effects

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in self._effects:
            return method

        async def passed(*arguments: Any) -> Any:
            policy, effect = self._effects[name](*arguments)
            return await self._stage.pass_by(policy, effect, lambda: method(*arguments))

        return passed


class Maker:
    """Makes what the operator's own maker makes, its effects by the stage."""

    def __init__(self, stage: Stage, inner: Any, **effects: Callable[[str, Any], Named]) -> None:
        """A maker whose products have these effects, named by name and spec of their resource."""
        self._stage = stage
        self._inner = inner
        self._effects = effects

    def make(self, name: str, spec: Any, secrets: Any) -> Any:
        """As the ports `InstrumentMaker` and `NotifierMaker` say."""
        effects = {effect: named(name, spec) for effect, named in self._effects.items()}
        return Port(self._stage, self._inner.make(name, spec, secrets), **effects)


def status(key: Any, _: str, said: Mapping[str, Any]) -> tuple[str, str]:
    """A write is called after the latest of what it has yet to be told; or it clears all."""
    pending = {entry["transition"] for entry in said["pending"]}
    latest = next((each for each in ("resolve", "remediated", "open") if each in pending), None)
    return key.name, f"status: {latest or 'all told, ' + said['verdict']}"


def row(episode: Any, *_: Any) -> tuple[str, str]:
    """With its work item, if it has one."""
    return episode.policy, f"row: {'resolve' if episode.resolved_at else 'open'}"


def remediation_row(episode: Any, _: Any) -> tuple[str, str]:
    """The row once more, with what came of a remediation."""
    return episode.policy, "row: remediated"


def message(_: str, spec: Any) -> Named:
    """Each channel of a story is told by its policy alone."""
    kind = "chat" if spec.apprise else "CloudEvent"
    return lambda notices: (notices[0].policy, f"{kind}: {notices[0].transition}")


def deprecation(source: str, _: Any) -> Named:
    """The source of a story bears its policy's name."""
    return lambda *_: (source, "playbooks: deprecate")


def put_on(stage: Stage) -> None:
    """What the wiring builds from now on has its effects by the stage."""
    store, sink = joining.policy_store, wiring.PostgresSink
    recorder, notifiers = joining.KubernetesEventRecorder, joining.Notifiers
    instruments = joining.Instruments
    wiring.PostgresSink = lambda *arguments: Port(
        stage,
        sink(*arguments),
        record=row,
        record_remediation=remediation_row,
        record_revision=lambda revision: (revision.policy, f"revision {revision.generation}"),
    )
    joining.policy_store = lambda connection: Port(stage, store(connection), replace_status=status)
    joining.KubernetesEventRecorder = lambda *arguments, **named: Port(
        stage,
        recorder(*arguments, **named),
        record=lambda event: (event.regarding.name, f"Event: {event.reason}"),
    )
    joining.Notifiers = lambda: Maker(stage, notifiers(), tell=message)
    joining.Instruments = lambda *arguments: Maker(
        stage, instruments(*arguments), deprecate=deprecation
    )


if __name__ == "__main__":
    put_on(Stage(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])))
    sys.exit(main(["run"]))
