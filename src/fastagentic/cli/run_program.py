"""`fastagentic run`: a program under observation, without a line changed in it.

The program takes the place of this process: its signals, its exit status and its terminal are its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from fastagentic._settings_file import load_settings_file
from fastagentic.core.config import SETTINGS, setting
from fastagentic.core.errors import ConfigError

from .errors import say, stop

if TYPE_CHECKING:
    from collections.abc import Mapping

BOOTSTRAP: Final = Path(__file__).parents[1] / "_bootstrap"
"""A folder with our `sitecustomize`, which every Python imports that finds it on its path."""

NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
"""As a shell ends for a command that it cannot run."""

PASSED_ON: Final = {"allow_interspersed_args": False, "ignore_unknown_options": True}
"""How the arguments are parsed: from the name of the program on, they are the program's."""


def run(
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND", help="python app.py, -m module, gunicorn ..., with its arguments.")
    ],
    service_name: Annotated[str | None, typer.Option(metavar="NAME", help="Sets OTEL_SERVICE_NAME.")] = None,
    destinations: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Where spans go: local, otlp, langfuse, console.")
    ] = None,
    clients: Annotated[str | None, typer.Option(metavar="NAMES", help="What is observed; all unless said.")] = None,
    capture_content: Annotated[
        bool | None, typer.Option("--capture-content/--no-capture-content", help="Put prompts and answers on spans.")
    ] = None,
    durability: Annotated[str | None, typer.Option(metavar="WORD", help="normal, or crash.")] = None,
    logs: Annotated[bool | None, typer.Option("--logs/--no-logs", help="Put run and trace ids on log records.")] = None,
) -> None:
    """Run a program under observation, as it is: fastagentic run -- python app.py

    Every Python process that it starts is observed too.

    Exit status: the program's; 127 when there is no such program, 126 when it cannot be run.
    """
    named = {
        "destinations": destinations,
        "clients": clients,
        "capture_content": capture_content,
        "durability": durability,
        "logs": logs,
    }
    variables = _variables(named) | ({} if service_name is None else {"OTEL_SERVICE_NAME": service_name})
    program = _program(command)
    _become(program, in_environment({**os.environ, **variables}))


def _variables(named: Mapping[str, Any]) -> dict[str, str]:
    """The options that were given, as our variables. Raises: ConfigError for a value that no program could use."""
    variables = {}
    for name, value in named.items():
        if value is None:
            continue
        row = SETTINGS[name]
        text = str(value).lower() if isinstance(value, bool) else value
        try:
            row.read(text)
        except ValueError:
            raise ConfigError.of(f"--{name.replace('_', '-')}", text, row.accepted, source="option") from None
        variables[row.env] = text
    return variables


def in_environment(environ: dict[str, str]) -> dict[str, str]:
    """`environ` in which every Python starts with our `sitecustomize`."""
    others = [folder for folder in environ.get("PYTHONPATH", "").split(os.pathsep) if folder and folder != str(BOOTSTRAP)]
    environ["PYTHONPATH"] = os.pathsep.join([str(BOOTSTRAP), *others])
    environ["FASTAGENTIC_RUN_PID"] = str(os.getpid())  # kept by exec: the program itself may complain, its helpers may not
    try:
        load_settings_file()
        if setting("logs", environ=environ):
            environ[SETTINGS["logs"].env] = "true"  # must be known before anything is read: see `_auto`
    except ConfigError as error:  # the program says so again when it needs them, and runs all the same
        say(f"fastagentic: {error}")
    return environ


def _program(command: list[str]) -> list[str]:
    """The command with what is to be executed first."""
    first = command[0]
    if first == "-m":
        return [sys.executable, *command]
    if first.startswith("-"):
        raise ConfigError(f"{first} is no option of fastagentic run; see --help. Options of the program come after its name")
    if first.endswith(".py") and Path(first).is_file() and shutil.which(first) is None:
        return [sys.executable, *command]
    return command


def _become(program: list[str], environ: dict[str, str]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        if os.name == "nt":  # exec there ends this process at once, and whoever waits for it
            raise typer.Exit(subprocess.run(program, env=environ, check=False).returncode)  # noqa: S603  # what was asked for
        os.execvpe(program[0], program, environ)  # noqa: S606  # without a shell on purpose
    except FileNotFoundError:
        stop(f"{program[0]}: not found", NOT_FOUND)
    except OSError as error:
        stop(f"{program[0]} cannot be run: {error.strerror}", NOT_EXECUTABLE)
