"""Which queries may be put among others unseen: none that could leave its brackets."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governor.adapters.prometheus.containment import contained

CONTAINED = [
    "up",
    "vector(time() + 7)",
    'sum by (job, le) (rate(errors_total{job=~"a|b",code!="200"}[5m])) / 2 > bool 1',
    "max_over_time(deriv(x[5m:1m])[1h:] offset 1h)",
    '{"a.b"="c)", d=\'e"\', f=`g\\d`, h=``}',
    'label_replace(up, "a", "$1", "b", "(\\\\d+)\\"")',
    "up\n",
    "count(a or b) without (c)",
]
NOT_SURELY = [
    # what would leave its brackets
    "up)",
    ") or (up",
    'vector(1)\n,"__q__","1","","") or label_replace(vector(99)',
    "(up",
    "up[5m",
    "{a}}",
    "(]",
    "[(])",
    "up, up",
    'up, "__q__", "1"',
    # what would swallow what follows
    'vector(1) or vector(99) "',
    "up '",
    "up `",
    '"a\nb"',
    '"a\\',
    # what another server could read otherwise
    "up # )",
    "up\\)",
    '"\\\n"',
    "{f=`g\\`}",
    'WITH (x = `\\`, y = `) vector(1), "__q__","0","","") or label_replace(vector(9) #`) vector(1)',
    "up[5m]",
    "((up[5m]))",
    "rate(up[5m])[1h:1m]",
    "(rate(up[5m])[1h:1m])",
]


@pytest.mark.parametrize("query", CONTAINED)
def test_people_s_queries_are(query: str) -> None:
    """Whatever their texts hold."""
    assert contained(query)


@pytest.mark.parametrize("query", NOT_SURELY)
def test_what_could_leave_its_brackets_is_not(query: str) -> None:
    """Nor what has comments, or backslashes outside of texts."""
    assert not contained(query)


pieces = st.lists(
    st.sampled_from(
        [*"()[]{},\"'`\\#\n x", '"a)"', "'b,'", "`c(`", "`\\`", "`)`", "f(x, y)", "{z='1'}"]
    ),
    max_size=12,
).map("".join)


@given(pieces, pieces)
def test_two_of_them_are_two_arguments(one: str, other: str) -> None:
    """And only those: together in brackets they are contained just if each is by itself."""
    both = contained(f"f({one}\n) or f({other}\n)")

    assert both or not (contained(one) and contained(other))


def leaves_its_place_by_metricsql(query: str) -> bool:
    """As its lexer.go reads texts: a quote after an odd number of backslashes is part of them."""
    outside, at = "", 0
    while at < len(query):
        sign, at = query[at], at + 1
        if sign not in "\"'`":
            outside += sign
            continue
        while True:
            end = query.find(sign, at)
            if end < 0:
                return True
            backslashes = end - at - len(query[at:end].rstrip("\\"))
            at = end + 1
            if backslashes % 2 == 0:
                break
    depths = list(accumulate((sign in "([{") - (sign in ")]}") for sign in outside))
    commas = [depth for sign, depth in zip(outside, depths, strict=True) if sign == ","]
    return min(depths, default=0) < 0 or depths[-1:] not in ([], [0]) or 0 in commas


@given(pieces)
def test_victoria_metrics_reads_no_more_in_it(query: str) -> None:
    """Though its texts end otherwise: one that is contained here stays in its place there."""
    if contained(query):
        assert not leaves_its_place_by_metricsql(query)


@given(pieces)
def test_one_that_is_opens_and_closes_nothing(query: str) -> None:
    """What follows it is read as if it were not there."""
    if contained(query):
        for after in ("(", ")", ",", '"', "]", "}"):
            assert not contained(f"{query}\n{after}"), after
