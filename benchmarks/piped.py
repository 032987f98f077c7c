"""Processes that work when they are told to: how variants that cannot share a process are measured in turn, in one run.

A `Piped` child reads a line, does what it says and answers with a line of JSON. The parent decides whose turn it is, so that
a machine whose speed drifts slows all variants alike.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

HERE = Path(__file__).parent
FOREIGN = ("OTEL_", "LANGFUSE_", "FASTAGENTIC_")
RESAMPLES = 1000


class Piped:
    """A child process that is asked by lines on its standard input; it ends when that closes."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=HERE.parent, env={**own_environment(), **(environment or {})},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def ask(self, line: str) -> Any:
        """What the child answers to a line. Raises: RuntimeError when it has ended instead."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self.said()

    def said(self) -> Any:
        """The next line that the child says."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args} ended with {self._process.wait(20)}")
        return json.loads(line)


def own_environment() -> dict[str, str]:
    """The environment without what other settings of this machine would change."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}


def asked() -> Iterator[str]:
    """In the child: the lines that the parent asks, until it closes them."""
    for line in sys.stdin:
        yield line.strip()


def answer(found: Any) -> None:
    """In the child: the answer to the line that was asked."""
    print(json.dumps(found), flush=True)


def interval(
    groups: Sequence[Sequence[tuple[Any, Any]]], ratio: Callable[[Sequence[tuple[Any, Any]]], float], seed: int = 1
) -> tuple[float, float]:
    """The 95 % bootstrap interval of a ratio over pairs of blocks.

    Drawn again are the groups, and whole pairs within them: two processes differ for as long as they live (where their memory
    lies, on which core they run), and the calls of a block are not independent of each other.
    """
    chance = random.Random(seed)
    found = []
    for _ in range(RESAMPLES):
        drawn = [pair for group in chance.choices(groups, k=len(groups)) for pair in chance.choices(group, k=len(group))]
        found.append(ratio(drawn))
    found.sort()
    return found[int(RESAMPLES * 0.025)], found[int(RESAMPLES * 0.975)]
