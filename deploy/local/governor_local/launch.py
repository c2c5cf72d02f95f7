"""Becomes the program it is told to run, having set what only the child itself can set.

Run as a script by :mod:`governor_local.processes`, with nothing but the standard
library (``python -I -S``). It is a script because ``subprocess``'s
``preexec_fn`` is unsafe in a process with threads, and the stack starts its
parts from threads.

Arguments: a JSON object, then the program and its arguments.
    parent: pid that must still be our parent, or null
    death_signal: what the kernel sends us when the parent dies, or 0
    user: [uid, gid] to become, or null
    directory: working directory
"""

import ctypes
import json
import os
import signal
import struct
import sys

_PR_SET_PDEATHSIG, _PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 28, 47, 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


def main() -> None:
    options, program = json.loads(sys.argv[1]), sys.argv[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    os.setsid()  # Ctrl-C in the terminal is ours to handle, in our order
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(name, signal.SIG_DFL)  # an ignored signal would stay ignored past exec
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.chdir(options["directory"])
    if options["user"]:
        _become(libc, *options["user"])
    if options["death_signal"]:  # after _become, which resets it
        _call(libc.prctl, _PR_SET_PDEATHSIG, options["death_signal"], 0, 0, 0)
        if os.getppid() != options["parent"]:
            sys.exit("the parent process is gone")
    os.execv(program[0], program)  # noqa: S606 - becoming it is the purpose


def _become(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    """Change from root to another user that can still read and reach all files.

    The user may have no right to enter the folders above the program (a home
    folder, say). Keeping that one capability avoids opening them to everybody.
    """
    # Capabilities stay over setuid, and count in access(2), by which initdb looks for
    # the programs beside it.
    _call(libc.prctl, _PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    mask = 1 << _CAP_DAC_OVERRIDE
    _call(libc.capset, header, struct.pack("6I", mask, mask, mask, 0, 0, 0))
    _call(libc.prctl, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _call(function: "ctypes._NamedFuncPointer", *arguments: object) -> None:
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function.__name__}: {os.strerror(number)}")


if __name__ == "__main__":
    main()
