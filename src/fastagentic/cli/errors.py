"""How a command ends that cannot do what was asked: one line on stderr, an exit status, no traceback."""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn, ParamSpec

import typer
from typer.core import TyperGroup

from fastagentic.core.errors import ConfigError, FastagenticError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

P = ParamSpec("P")

FAILED: Final = 1
WRONG_USAGE: Final = 2

_USAGE_ERROR: Final[Any] = typer.BadParameter.__base__
"""What typer raises for wrong usage: click's class, which later releases of typer bring along under a name of their own."""


class Commands(TyperGroup):
    """The commands together. Wrong usage is told as every other error is: in one line, with exit status 2."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **more: Any,
    ) -> Any:
        """Run a command. With `standalone_mode`, as it is from a shell, also tell what went wrong, and exit."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, windows_expand_args, **more)
        try:
            status = super().main(args, prog_name, complete_var, False, windows_expand_args, **more)
        except typer.Abort:
            say("fastagentic: stopped; nothing was done")
            status = FAILED
        except _USAGE_ERROR as error:
            if type(error).__name__ != "NoArgsIsHelpError":  # that one has printed the help already
                say(f"fastagentic: {_wrong_usage(error)}")
            status = WRONG_USAGE
        except OSError as error:  # not a broken pipe, for which typer ends without a word
            if error.filename is not None:
                raise
            _let_go_of(sys.stdout)
            say(f"fastagentic: stdout cannot be written ({error.strerror or error})")
            status = FAILED
        sys.exit(status)


def _wrong_usage(error: Any) -> str:
    text = str(error.format_message()).replace("Value error, ", "").rstrip(".")
    command = error.ctx.command_path if error.ctx is not None else "fastagentic"
    return f"{text[:1].lower()}{text[1:]}" + ("" if text.endswith("?") else f"; see {command} --help")


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


def _let_go_of(stream: Any) -> None:
    """What is left in its buffer would fail once more when the interpreter ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def say(message: str) -> None:
    """A line for the person, on stderr: stdout is for what was asked."""
    typer.echo(message, err=True)


def stop(message: str, status: int) -> NoReturn:
    """Say why, and end with `status`."""
    say(f"fastagentic: {message}")
    raise typer.Exit(status)
