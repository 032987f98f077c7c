"""A program under test as a process: its log in a file, waited for by a condition, ended by its own process id."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NotStartedError(RuntimeError):
    """A program ended, or was not ready in time; the message has the end of its log."""


def get(url: str, *, headers: dict[str, str] | None = None, data: bytes | None = None, timeout_s: float = 30.0) -> bytes:
    """The body of an answer, no proxy in between. Raises urllib's errors."""
    request = urllib.request.Request(url, data=data, headers=headers or {})
    with OPENER.open(request, timeout=timeout_s) as answer:
        body: bytes = answer.read()
        return body


def answers(url: str) -> bool:
    """Whether the address answers with a success."""
    with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
        get(url, timeout_s=2)
        return True
    return False


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = 30.0) -> Any:
    """The first true value of the condition; an AssertionError naming `what` when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(0.02)
    return value


class Process:
    """One program. `start` may be called again after it was stopped or killed; its log goes on in the same file."""

    def __init__(self, log: Path) -> None:
        self.log_file = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str], is_ready: Callable[[], bool], environment: dict[str, str] | None = None) -> None:
        """Start it and wait until it is ready."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise NotStartedError(f"{command[0]} did not start:\n" + "\n".join(self.log.splitlines()[-15:]))
            time.sleep(0.02)

    @property
    def log(self) -> str:
        """Everything it has written so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    @property
    def pid(self) -> int:
        """Its process id while it runs."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    def stop(self) -> None:
        """Ask it to end, and wait; safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kill(self) -> None:
        """End it as a crash does, with SIGKILL."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
