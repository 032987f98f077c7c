"""Programs started as people start them, in a process of their own and with a store of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fastagentic.cli.run_program import in_environment
from fastagentic.store.location import store_path
from tests.store.build import count

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAMS = Path(__file__).parent / "programs"
FASTAGENTIC = (sys.executable, "-m", "fastagentic")
LIMIT_S = 120


def environment(python: str = sys.executable, **variables: str) -> dict[str, str]:
    """This process's, with the interpreter's own folder first on the path."""
    path = os.pathsep.join([str(Path(python).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1", **variables}


def plainly(
    *command: str, cwd: Path = PROGRAMS, given: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """A command to its end."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment(**variables),
        input=given,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def by_command(
    *command: str, options: Sequence[str] = (), cwd: Path = PROGRAMS, given: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """The same under `fastagentic run`."""
    return plainly(*FASTAGENTIC, "run", *options, "--", *command, cwd=cwd, given=given, **variables)


def observed(
    *command: str, cwd: Path = PROGRAMS, given: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """The same with what `fastagentic run` leaves behind when it has become the program, without the time it takes itself."""
    made = in_environment({**os.environ, **variables})
    return plainly(*command, cwd=cwd, given=given, **{**variables, "PYTHONPATH": made["PYTHONPATH"]})


def calls() -> int:
    """How many calls the store has."""
    return count(store_path(), "calls") if store_path().exists() else 0
