"""How a command ends that cannot do what was asked: one line on stderr, an exit status, no traceback."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final, NoReturn, ParamSpec

import typer

from fastagentic.core.errors import ConfigError, FastagenticError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")

FAILED: Final = 1
WRONG_USAGE: Final = 2


def told(command: Callable[P, None]) -> Callable[P, None]:
    """`command`, with our own errors told to the person instead of raised."""

    @functools.wraps(command)
    def telling(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ConfigError as error:
            stop(str(error), WRONG_USAGE)
        except FastagenticError as error:
            stop(str(error), FAILED)

    return telling


def say(message: str) -> None:
    """A line for the person, on stderr: stdout is for what was asked."""
    typer.echo(message, err=True)


def stop(message: str, status: int) -> NoReturn:
    """Say why, and end with `status`."""
    say(f"fastagentic: {message}")
    raise typer.Exit(status)
