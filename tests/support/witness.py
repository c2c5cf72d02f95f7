"""`kubectl get --watch` beside a test: every version of every object, as it was."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from governor.adapters.kubernetes.cluster import PLURALS
from governor_local.stack import Stack

KINDS = (*PLURALS, "namespaces")


@contextmanager
def witnessed(stack: Stack, folder: Path) -> Iterator["Witness"]:
    """Watches all objects of the kinds that the operator sees, for the block's time."""
    kubectl = [str(stack.binaries.kubectl), f"--kubeconfig={stack.kubeconfig}"]
    watch = ["get", "--all-namespaces", "--watch", "--output-watch-events"]
    processes = []
    for kind in KINDS:
        command = [*kubectl, *watch, "--show-managed-fields", "-o", "json", kind]
        with (folder / kind).open("w") as output:
            processes.append(subprocess.Popen(command, stdout=output, stderr=output))
    try:
        yield Witness(folder)
    finally:
        for process in processes:
            process.kill()
            process.wait()


class Witness:
    """What was seen."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def objects(self) -> list[dict[str, Any]]:
        """Every version of every object so far."""
        return [body for _, body in self._events()]

    def saw_deleted(self, name: str) -> bool:
        """Whether an object of that name was seen going."""
        return ("DELETED", name) in ((t, body["metadata"]["name"]) for t, body in self._events())

    def _events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for kind in KINDS:
            for event in _whole((self._folder / kind).read_text()):
                yield event["type"], event["object"]


def _whole(text: str) -> Iterator[dict[str, Any]]:
    """The documents of a stream; the last may be half written."""
    decoder, at = json.JSONDecoder(), 0
    while (start := text.find("{", at)) >= 0:
        try:
            document, at = decoder.raw_decode(text, start)
        except json.JSONDecodeError:
            return
        yield document
