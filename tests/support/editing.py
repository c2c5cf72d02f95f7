"""Somebody who edits objects without a pause, so that whoever writes them meets conflicts."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from governor_local.stack import Stack

Edit = Callable[[int], Mapping[str, Any]]
"""The merge patch of the spec for the edit of that number."""


@contextmanager
def edited_without_pause(stack: Stack, edits: Mapping[str, Edit]) -> Iterator[None]:
    """Each object is changed again and again, by an editor of its own, until the block ends.

    Args:
        stack: where the objects are.
        edits: path of an object below its API group and version → its edits.
    """
    plane, over = stack.control_plane, threading.Event()
    headers = {
        "Authorization": f"Bearer {plane.token}",
        "Content-Type": "application/merge-patch+json",
    }

    def edit(path: str, spec: Edit) -> None:
        url = f"{plane.url}/apis/governance.aiops.dev/v1alpha1/{path}"
        trust = ssl.create_default_context(cafile=plane.ca)
        with httpx.Client(verify=trust, trust_env=False, headers=headers, timeout=30) as client:
            number = 0
            while not over.is_set():
                number += 1
                answer = client.patch(url, json={"spec": spec(number)})
                failures.extend([answer.text] if answer.is_error else [])

    failures: list[str] = []
    editors = [threading.Thread(target=edit, args=each) for each in edits.items()]
    for editor in editors:
        editor.start()
    try:
        yield
    finally:
        over.set()
        for editor in editors:
            editor.join()
    assert not failures, failures[0]
