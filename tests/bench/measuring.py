"""One run of the bench: start, warm up, measure, apply, and what came of it."""

import json
import time
from collections.abc import Callable

from tests.bench import reckoning
from tests.bench.estate import CHECKS, PROMQL_CHECKS, Estate
from tests.bench.readings import Reader
from tests.bench.results import Observations
from tests.bench.rig import SCRAPE_SECONDS, Rig
from tests.bench.watching import StatusWatch

from governor.settings import Settings
from governor_local.operator_process import SINK_DATABASE

Say = Callable[[str], None]

START_SECONDS = 900
"""So long it may take until every policy is evaluated."""
PATIENCE = 60
"""So long a policy that is applied later may."""
MEMORY_SECONDS = 5
WITH_SERIES = Settings.model_fields["metrics_checks"].default // CHECKS
"""So many policies' checks have series: the operator's default."""
LOOKING_SECONDS = 2
APPLIES = 5
_LATE = "late"
"""What the names of policies begin with that are applied while the others run."""


def measure(rig: Rig, estate: Estate, minutes: int, say: Say) -> Observations:
    """Has the operator carry the estate for so many minutes after it has warmed up.

    Whole minutes, as every check of the estate has one run in each.
    """
    applying = time.monotonic()
    rig.apply(estate)
    applied = time.monotonic() - applying
    say(f"{estate.policies} policies are applied, in {applied:.0f} s; the operator starts")
    with StatusWatch(rig.stack) as watch:
        started = time.monotonic()
        rig.operator.start()
        everybody = watch.wait(estate.name, estate.policies, START_SECONDS)
        evaluated = max(each.at for each in everybody) - started
        uids = watch.uids()
        say(f"all are evaluated, {evaluated:.1f} s after the start; warming up")
    reader = Reader(rig)
    # A whole interval: the first slots of the grid follow all at once upon the start.
    time.sleep(estate.interval)
    say(f"measuring for {minutes:g} minutes")
    seconds = 60 * minutes
    before, began = reader.read(), time.time()
    memory = [(time.monotonic(), reader.memory())]
    while (left := before.at + seconds - time.monotonic()) > 0:
        time.sleep(min(left, MEMORY_SECONDS))
        memory.append((time.monotonic(), reader.memory()))
    after, ended = reader.read(), time.time()
    say("measured; now policies are applied one by one")
    to_status = [_applied(rig, number) for number in range(APPLIES)]
    # The last runs of the window have been scraped by then.
    time.sleep(max(ended + SCRAPE_SECONDS + 1 - time.time(), 0))
    runs = []
    for policy, check, values in reader.values(time.time() - began):
        if policy in uids:
            moments = (estate.evaluated_at(policy, check, each) for each in dict.fromkeys(values))
            runs += [
                (moment, reckoning.offset(moment, uids[policy], estate.interval))
                for moment in moments
                if began <= moment < began + seconds
            ]
    return Observations(
        before=before,
        after=after,
        memory=memory,
        runs=sorted(runs),
        expected_runs=PROMQL_CHECKS * min(estate.policies, WITH_SERIES) * minutes,
        expected_checks=estate.checks * minutes,
        applied_seconds=applied,
        evaluated_seconds=evaluated,
        to_status=to_status,
    )


_MEASURED_AGAIN = """
SELECT count(*), coalesce(extract(epoch FROM max(first)), 0) FROM (
  SELECT min(measured_at + duration_seconds * interval '1 s') AS first
  FROM governance.governance_measurements
  WHERE policy LIKE '{name}-%' AND slot > to_timestamp({since}) - interval '2 min'
    AND measured_at >= to_timestamp({since})
  GROUP BY policy_uid, check_name) AS checks
"""


def restarted(rig: Rig, estate: Estate) -> float | None:
    """Seconds from a second start until each check has been measured once more.

    As the sink says, which has every measurement; statuses are written every five minutes.
    None: not within a quarter of an hour.
    """
    rig.operator.stop()
    started = time.time()
    rig.operator.start()
    while time.time() < started + START_SECONDS:
        sql = _MEASURED_AGAIN.format(name=estate.name, since=started)
        measured, last = rig.stack.sink.execute(sql, database=SINK_DATABASE).split("\t")
        if int(measured) >= estate.checks:
            return float(last) - started
        time.sleep(LOOKING_SECONDS)
    return None


def _applied(rig: Rig, number: int) -> float | None:
    """Seconds from the start of `kubectl apply` of a new policy to its status; None: too many."""
    manifest = Estate(policies=APPLIES, name=_LATE).manifest(number)
    name = manifest["metadata"]["name"]
    with StatusWatch(rig.stack) as watch:
        began = time.monotonic()
        rig.stack.kubectl("apply", "-f", "-", input=json.dumps(manifest))
        try:
            return watch.wait(name, 1, PATIENCE)[0].at - began
        except TimeoutError:
            return None
