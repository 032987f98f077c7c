"""The `fastagentic` command: one file a command group. It prints, asks `store/queries/`, decides nothing."""

from __future__ import annotations

import contextlib
import sys
from io import TextIOWrapper


def main() -> None:
    """Run the command line. Exit status: 0 done, 1 a limit exceeded or something that cannot be read, 2 wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors="replace")  # a terminal that cannot show a letter still shows the rest
    from .app import app

    app(prog_name="fastagentic")
