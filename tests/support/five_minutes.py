"""Five minutes of an operator with nothing but a steady policy and one that hangs.

They go by on a stack of their own, while other workers run other tests.
"""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.cluster import Cluster, eventually
from tests.support.grid import coming_slots
from tests.support.manifests import policy, prometheus_source, promql
from tests.support.recording_prometheus import Query, recording_prometheus

from governor_local.operator_process import OperatorProcess, install
from governor_local.stack import Stack

STEADY, HUNG = "steady", "hung"
INTERVAL = 5
HUNG_CHECKS = 8
NAMESPACE = "default"
PATIENCE = 60
LENGTH = timedelta(minutes=5)


class FiveMinutes:
    """What happened in them, once they are over.

    Attributes:
        operator: may be restarted afterwards.
        uid: of the steady policy.
        start: its first slot that counts.
    """

    def __init__(self, folder: Path) -> None:
        """Starts everything; the five minutes begin with the next slot.

        Raises:
            StackError: something did not start.
            AssertionError: the policies were not evaluated.
        """
        with ExitStack() as opened:
            self._steady = opened.enter_context(recording_prometheus())
            self._hanging = opened.enter_context(recording_prometheus(hanging=True))
            stack = opened.enter_context(Stack.up(name="five-minutes", directory=folder))
            self.cluster = opened.enter_context(Cluster.of(stack))
            self.operator = OperatorProcess(stack, install(stack))
            self.operator.start()
            self._apply()
            self._opened = opened.pop_all()
        self.uid: str = self.cluster.policy(STEADY, NAMESPACE)["metadata"]["uid"]
        [self.start] = coming_slots(self.uid, INTERVAL, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.close()

    @property
    def end(self) -> datetime:
        """The first slot after them."""
        return self.start + LENGTH

    def wait(self) -> None:
        """Returns when they are over."""
        left = (self.end - datetime.now(UTC)).total_seconds()
        eventually(lambda: self.steady()[-1].time >= self.end, max(left, 0) + PATIENCE)

    def steady(self) -> list[Query]:
        """Every measurement of the steady policy so far."""
        return self._steady.asked(STEADY)

    def hung(self) -> list[Query]:
        """Every measurement of the hanging policy so far; none was answered."""
        return [query for check in _hung_checks() for query in self._hanging.asked(check)]

    def _apply(self) -> None:
        checks = [promql(name, name, red_line=2, source=HUNG) for name in _hung_checks()]
        self.cluster.apply(
            prometheus_source(STEADY, self._steady.url),
            prometheus_source(HUNG, self._hanging.url, timeout="5s"),
            policy(STEADY, NAMESPACE, promql(STEADY, STEADY, red_line=2, source=STEADY)),
            policy(HUNG, NAMESPACE, *checks),
        )
        self.cluster.verdict(STEADY, NAMESPACE, "Ok", PATIENCE)
        self.cluster.verdict(HUNG, NAMESPACE, "Error", PATIENCE)


def _hung_checks() -> list[str]:
    return [f"hung-{number}" for number in range(HUNG_CHECKS)]
