"""What kubectl makes of YAML, `governor check` makes of it, too."""

import json
import subprocess
from pathlib import Path

from governor.cli.documents import read
from governor_local.stack import Stack

SCALARS = """
1e3 1e-3 1E+2 1. .5 -.5 +.5e1 12e03 1_0.5 0. 09.5 1e
+1 -0 010 0o10 08 0x1F 0b11 1_000 1__0 123456789
1:30 1:30.5 190:20:30 2026-12-01 2026-12-01T08:00:00Z
y n yes No ON off true FALSE 'on' ~ null Null '1' "2e3" text
"""


def test_a_scalar_is_what_kubectl_reads(stack: Stack, tmp_path: Path) -> None:
    """A number, a text, true or nothing."""
    scalars = SCALARS.split()
    file = tmp_path / "object.yaml"
    file.write_text(f"apiVersion: v1\nkind: X\nmetadata: {{name: x}}\nspec: [{', '.join(scalars)}]")
    command = [stack.binaries.kubectl, "annotate", "--local", "-f", file, "-o", "json", "b=c"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    [document] = read([str(file)])

    assert _typed(scalars, document.body["spec"]) == _typed(scalars, json.loads(told)["spec"])


def _typed(scalars: list[str], values: list[object]) -> dict[str, tuple[str, object]]:
    """Each scalar's value and type; 1 and 1.0 are the same number to JSON."""
    types = {int: "number", float: "number"}
    return {
        scalar: (types.get(type(value), type(value).__name__), value)
        for scalar, value in zip(scalars, values, strict=True)
    }
