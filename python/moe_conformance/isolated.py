"""Runs cases in a process of their own: one that crashes or blocks it has failed, and the next runs in a new one."""

import importlib
import multiprocessing
import os
import sys

from .cases import read_cases
from .levels import Agreement
from .runner import Runner, failed

#: for the process to start and load the backend, in seconds
_START_LIMIT = 120
# Not forked: a library that has threads, or a GPU, may stand still in a fork.
_context = multiprocessing.get_context("spawn")


class BackendError(Exception):
    """The backend could not be loaded."""


class IsolatedRunner:
    """As a Runner, for a backend by its name."""

    def __init__(self, folder, backend, timeout):
        self._given = (folder, backend)
        self._timeout = timeout
        self._start()

    def run(self, case):
        """The result of a case as a report has it, and what its calls reach."""
        if self._process is None:
            self._start()
        self._connection.send(case.id)
        ended = self._wait(self._timeout)
        if ended is None:
            return self._answer
        self.close()
        return failed(case.id, "ProcessError", ended), Agreement()

    def close(self):
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process = None

    def _start(self):
        self._connection, theirs = _context.Pipe()
        self._process = _context.Process(target=_serve, args=(theirs, *self._given))
        self._process.start()
        theirs.close()
        ended = self._wait(_START_LIMIT)
        if ended is None:
            self.claims, ended = self._answer
        if ended is not None:
            self.close()
            raise BackendError(ended)

    def _wait(self, seconds):
        """Takes an answer; if none comes, returns what happened instead."""
        try:
            if not self._connection.poll(seconds):
                return f"took more than {seconds:g} s"
            self._answer = self._connection.recv()
            return None
        except (EOFError, OSError):
            self._process.join()
            code = self._process.exitcode
            return f"its process ended with {f'signal {-code}' if code < 0 else f'code {code}'}"


def load_backend(name):
    """What ``module:attribute`` names: a backend, or a function that makes one. The working directory is looked in first."""
    module_name, _, attribute = name.partition(":")
    if not attribute:
        raise ValueError(f"--backend: expected module:attribute, found {name!r}")
    if "" not in sys.path:
        sys.path.insert(0, "")
    found = getattr(importlib.import_module(module_name), attribute)
    return found() if callable(found) else found


def _serve(connection, folder, name):
    try:
        runner = Runner(load_backend(name))
        cases = {case.id: case for case in read_cases(folder)[1]}
    except Exception as error:  # noqa: BLE001 - a backend may throw anything
        connection.send((None, f"{type(error).__name__}: {error}"))
        return
    connection.send((runner.claims, None))
    while True:
        try:
            case_id = connection.recv()
        except EOFError:
            # The runner is gone; threads of the backend must not keep this process.
            os._exit(0)
        connection.send(runner.run(cases[case_id]))
