"""Where the programs under test are, and free ports for them. What is missing is a skip that says how to get it."""

from __future__ import annotations

import socket
import subprocess
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def find_collector() -> Path:
    """The collector's binary."""
    return _found("collector.sh")


def find_prometheus(line: str = "2") -> Path:
    """The folder of `prometheus` and `promtool`; line 2 is Debian's, 3 is built from Go modules."""
    return _found("prometheus.sh", line)


def _found(script: str, *arguments: str) -> Path:
    """What a script of ours finds; a skip, in the script's words, where it finds nothing."""
    path, why = _asked(script, *arguments)
    if not path:
        pytest.skip(why)
    return Path(path)


@cache
def _asked(script: str, *arguments: str) -> tuple[str, str]:
    done = subprocess.run(
        ["sh", str(ROOT / "scripts" / script), "find", *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else "", done.stderr.strip()


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on. Somebody may take one before it is used: starters try again."""
    with ExitStack() as open_together:
        sockets = [open_together.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]
