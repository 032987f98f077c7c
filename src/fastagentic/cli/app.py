"""The commands of `fastagentic` put together. A command is a function in a file of its own and a line of `COMMANDS`."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from fastagentic._version import __version__

from .budgets import budgets
from .costs import costs
from .dashboard import dashboard
from .demo import demo
from .doctor import doctor
from .errors import Commands, told
from .export import export
from .import_file import import_file
from .prices import prices
from .prune import prune
from .reprice import reprice
from .run_program import PASSED_ON, run
from .runs import runs
from .serve import serve
from .show import show
from .spool import spool
from .status import status

COMMANDS: Final = (
    costs, runs, show, dashboard, reprice, budgets, status, doctor, export, import_file, prune, run, serve, demo,
)  # fmt: skip
NAMES: Final[dict[object, str]] = {import_file: "import"}
"""Of commands that are called as no function can be."""

app = typer.Typer(
    name="fastagentic",
    cls=Commands,
    help="What every LLM call cost, whether a cache answered, and which target served it.",
    epilog="Exit status: 0 done; 1 not done, or something found; 2 wrong usage; 130 after Ctrl-C.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"fastagentic {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """What every LLM call cost, whether a cache answered, and which target served it."""


for command in COMMANDS:
    app.command(NAMES.get(command), context_settings=PASSED_ON if command is run else None)(told(command))
app.add_typer(prices)
app.add_typer(spool)
