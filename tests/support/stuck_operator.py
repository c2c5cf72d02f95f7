"""The very operator, in which one policy's writes never end, and whose patience is short.

    stuck_operator.py POLICY

It is `governor run` otherwise. No deadline of ours ends such a write: it stands for a fault
that nobody thought of.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from governor.__main__ import main
from governor.app import sweeping
from governor.app.ports import ObjectKey
from governor.wiring import joining
from governor_local.operator_process import OperatorProcess

PATIENCE = 1.0
"""Seconds, instead of minutes, that a policy may be overdue in vain."""


class StuckOperator(OperatorProcess):
    """It, as a process of the stack."""

    policy = "stuck"

    def _program(self) -> Sequence[str | Path]:
        *program, _, _, _ = super()._program()  # -m governor run
        return [*program, "-P", Path(__file__), self.policy]


def get_stuck(policy: str) -> None:
    """From now on, stores that the wiring makes never write the status of the policy."""
    wiring: Any = joining
    store = wiring.policy_store

    def stuck(connection: Any) -> Any:
        made = store(connection)
        write = made.replace_status

        async def replace_status(key: ObjectKey, version: str, status: Mapping[str, Any]) -> Any:
            if key.name == policy:
                await asyncio.Event().wait()
            return await write(key, version, status)

        made.replace_status = replace_status
        return made

    wiring.policy_store = stuck


if __name__ == "__main__":
    sweeper: Any = sweeping
    sweeper.IN_VAIN = PATIENCE
    get_stuck(sys.argv[1])
    sys.exit(main(["run"]))
