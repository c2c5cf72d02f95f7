"""Which query stays between the brackets that it is put in, whatever it is. Pure.

A query can't forge its neighbour's answer if it closes no bracket and no text that it did not
open, and has no comma outside of brackets: then it is one argument, or none that a server
understands. That shows in its words, as all servers read brackets and texts as Prometheus does:
https://github.com/prometheus/prometheus/blob/main/promql/parser/lex.go
"""

import re

_PIECE = re.compile(
    r"""
      "(?:[^"\\\n]|\\.)*"
    | '(?:[^'\\\n]|\\.)*'
    | `[^`]*`
    | [^"'`\\\#()\[\]{},]+
    | [()\[\]{},]
    """,
    re.VERBOSE,
)
"""A whole text, a bracket or comma outside of one, or what is between. A comment is none of
these, nor is a backslash, by which MetricsQL lets a name have any character: that is for a server
to judge."""

_OPENED_BY = {")": "(", "]": "[", "}": "{"}


def contained(query: str) -> bool:
    """Whether a query is surely one argument at most where it is put among others.

    False says nothing: it may be one all the same.
    """
    opened: list[str] = []
    end = 0
    for piece in _PIECE.finditer(query):
        if piece.start() != end:
            return False  # what is between is no piece
        end = piece.end()
        match piece.group():
            case "(" | "[" | "{" as bracket:
                opened.append(bracket)
            case ")" | "]" | "}" as bracket:
                if not opened or opened.pop() != _OPENED_BY[bracket]:
                    return False
            case "," if not opened:
                return False
    return end == len(query) and not opened
