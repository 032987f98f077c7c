"""Spools and records for the tests, and processes that write them and die."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from fastagentic.export.record import Frame, Record
from fastagentic.export.spool import Spool

ROOT = Path(__file__).parents[2]
FRAME = Frame(b"a resource", b"a scope")
_numbers = itertools.count()


class Kept:
    """A spool, and what it said was lost."""

    def __init__(self, directory: Path, *, max_bytes: int = 1 << 30, max_age_s: float | None = None, **label: str) -> None:
        self.lost: Counter[str] = Counter()
        self.spool = Spool(directory, max_bytes=max_bytes, max_age_s=max_age_s, on_dropped=self._on_dropped, **label)

    def _on_dropped(self, spans: int, reason: str) -> None:
        self.lost[reason] += spans

    def append(self, *bodies: bytes, **facts: Any) -> list[Any]:
        """Records of these bodies; their positions."""
        return [self.spool.append(record(body, **facts)) for body in bodies]

    def taken_over(self) -> list[bytes]:
        """The bodies of what dead processes left."""
        return [self.body(position) for position in self.spool.take_over()]

    def body(self, position: Any) -> bytes:
        found = self.spool.read(position)
        assert found is not None
        return found.body


def record(body: bytes = b"", *, spans: int = 1, ago_s: float = 0.0, frame: Frame = FRAME) -> Record:
    return Record(frame, body or f"spans {next(_numbers)}".encode(), spans, time.time_ns() - int(ago_s * 1e9))


def owners(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.is_dir() and path.name != "set-aside")


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("*/*.seg"))


WRITE = """
import sys
from pathlib import Path
from tests.export.spools import Kept
kept = Kept(Path(sys.argv[1]), name="otlp", endpoint="http://localhost:4318/v1/traces")
positions = kept.append(*(f"{sys.argv[3]}{n}".encode() for n in range(int(sys.argv[2]))))
kept.spool.acknowledge(*positions[: int(sys.argv[4])])
print("written", flush=True)
sys.stdin.readline()
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def writing(directory: Path, records: int, *, name: str = "r", acknowledged: int = 0) -> subprocess.Popen[str]:
    """A living process that has written so many records and acknowledged the first of them."""
    process = start(WRITE, directory, records, name, acknowledged)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n", process.communicate()[1]
    return process


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def left_by_the_dead(directory: Path, records: int, *, name: str = "r", acknowledged: int = 0) -> list[bytes]:
    """What a process wrote that was killed before it delivered the rest."""
    kill(writing(directory, records, name=name, acknowledged=acknowledged))
    return [f"{name}{n}".encode() for n in range(acknowledged, records)]
