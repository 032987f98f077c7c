"""The `fastagentic` command: one file a command group. It prints, asks `store/queries/`, decides nothing."""

from __future__ import annotations

import contextlib
import os
import sys
from io import TextIOWrapper


def main() -> None:
    """Run the command line. Exit status: 0 done, 1 not done or something found, 2 wrong usage, 130 after Ctrl-C."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # whoever started us has closed it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # for as long as this process lives
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors="replace")  # a terminal that cannot show a letter still shows the rest
    from .app import app

    app(prog_name="fastagentic")
