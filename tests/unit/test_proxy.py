"""The proxy of outages does to real connections what it says."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from tests.support.proxy import Proxy, proxy

PATIENCE = 10
MOMENT = 0.2
"""Seconds in which a word would have come, on an idle machine: what stays away has not come."""


@contextmanager
def _echoing() -> Iterator[int]:
    """A server that says everything back."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(connection: socket.socket) -> None:
            with connection:
                try:
                    while data := connection.recv(65536):
                        connection.sendall(data)
                except OSError:
                    return

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def way() -> Iterator[Proxy]:
    """A way to a server that says everything back."""
    with _echoing() as port, proxy(port) as made:
        yield made


def connect(way: Proxy) -> "closing[socket.socket]":
    return closing(socket.create_connection(("127.0.0.1", way.port), PATIENCE))


def said_back(line: socket.socket, word: bytes = b"hello") -> bytes:
    line.sendall(word)
    return line.recv(65536)


def silent(line: socket.socket) -> bool:
    """Whether nothing comes, and nothing ends."""
    line.settimeout(MOMENT)
    try:
        line.recv(1)
    except TimeoutError:
        return True
    finally:
        line.settimeout(PATIENCE)
    return False


def test_what_is_sent_arrives(way: Proxy) -> None:
    with connect(way) as line:
        assert said_back(line) == b"hello"
    assert way.accepted == 1


def test_connections_are_reset_and_new_ones_served(way: Proxy) -> None:
    with connect(way) as line, connect(way) as other:
        said_back(line)
        said_back(other)
        way.cut()
        with pytest.raises(ConnectionResetError):
            line.recv(1)
        with connect(way) as later:
            assert said_back(later) == b"hello"


def test_nobody_listens_until_all_is_well_again_on_the_same_port(way: Proxy) -> None:
    with connect(way) as line:
        said_back(line)
        way.refuse()
        with pytest.raises(ConnectionResetError):
            line.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connect(way)
    way.well()
    with connect(way) as line:
        assert said_back(line) == b"hello"


def test_a_hang_takes_connections_and_lets_what_waited_pass_afterwards(way: Proxy) -> None:
    with connect(way) as line:
        said_back(line)
        way.hang()
        with connect(way) as later:
            line.sendall(b"one")
            later.sendall(b"two")
            assert silent(line)
            assert silent(later)
            way.well()
            assert (line.recv(3), later.recv(3)) == (b"one", b"two")


def test_answers_come_late(way: Proxy) -> None:
    way.slow(2 * MOMENT)
    with connect(way) as line:
        line.sendall(b"hello")
        assert silent(line)
        assert line.recv(5) == b"hello"


def test_an_answer_breaks_off(way: Proxy) -> None:
    way.break_off(2)
    with connect(way) as line:
        assert said_back(line) == b"he"
        assert line.recv(1) == b""


def test_a_half_open_connection_neither_says_anything_nor_ends(way: Proxy) -> None:
    with connect(way) as line:
        said_back(line)
        way.lose()
        line.sendall(b"anybody?")
        assert silent(line)
        way.well()
        assert silent(line)
        with connect(way) as later:
            assert said_back(later) == b"hello"


def test_a_server_that_is_down_ends_the_connection() -> None:
    with _echoing() as port:
        pass
    with proxy(port) as way, connect(way) as line:
        assert line.recv(1) == b""
