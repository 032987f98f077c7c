"""`fastagentic demo`: a few hundred calls against a stand-in provider, and what they cost. The demo is in
`fastagentic.demo`.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # typer reads it at run time
from typing import Annotated

import typer


def demo(
    calls: Annotated[int, typer.Option(min=1, help="How many calls to make.")] = 300,
    seed: Annotated[int, typer.Option(help="The same seed makes the same calls.")] = 7,
    home: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to store them; else $FASTAGENTIC_HOME, else .fastagentic here.")
    ] = None,
    gateway: Annotated[
        bool,
        typer.Option("--gateway/--no-gateway", help="Put the real Portkey gateway in front, when Node is present."),
    ] = True,
) -> None:
    """Make a realistic day of calls on this machine alone, and show what they cost."""
    from fastagentic.demo import main

    raise typer.Exit(main(calls=calls, seed=seed, home=home, gateway=gateway))
