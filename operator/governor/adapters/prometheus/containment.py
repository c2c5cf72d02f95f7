"""Which query stays between the brackets that it is put in, whatever it is. Pure.

A query can't forge its neighbour's answer if it closes no bracket and no text that it did not
open, and has no comma outside of brackets: then it is one argument, or none that a server
understands. That shows in its words. Where servers read them in different ways, it is not sure:

- Prometheus, Thanos, Mimir: https://github.com/prometheus/prometheus/blob/main/promql/parser/lex.go
- VictoriaMetrics: https://github.com/VictoriaMetrics/metricsql/blob/master/lexer.go
"""

import re

_PIECE = re.compile(
    r"""
      "(?:[^"\\\n]|\\.)*"
    | '(?:[^'\\\n]|\\.)*'
    | `(?:[^`]*[^`\\])?`
    | [^"'`\\\#()\[\]{},]+
    | [()\[\]{},]
    """,
    re.VERBOSE,
)
"""A whole text, what is outside of texts, or a bracket or comma there. Neither a comment, nor what
MetricsQL reads otherwise: a backslash lets a name have any character there, and keeps a raw
text open."""

_OPENED_BY = {")": "(", "]": "[", "}": "{"}

_CALL = "call("
"""A bracket after a name."""


def contained(query: str) -> bool:
    """Whether a query is surely one argument at most where it is put among others.

    False says nothing: it may be one all the same. So it does of a range outside of every call,
    which is no vector, but made one where MetricsQL has it as an argument.
    """
    opened: list[str] = []
    named = False
    end = 0
    while end < len(query):
        piece = _PIECE.match(query, end)
        if piece is None:
            return False
        end = piece.end()
        match piece.group():
            case "(":
                opened.append(_CALL if named else "(")
            case "[" if _CALL not in opened:
                return False
            case "[" | "{" as bracket:
                opened.append(bracket)
            case ")" | "]" | "}" as bracket:
                if not opened or opened.pop()[-1] != _OPENED_BY[bracket]:
                    return False
            case "," if not opened:
                return False
        named = piece.group().rstrip()[-1:].isalnum()
    return not opened
