"""`fastagentic serve`: an `App`, or any ASGI application, on uvicorn."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from fastagentic.core.errors import ConfigError


def serve(
    application: Annotated[str, typer.Argument(metavar="MODULE:APP", help="Where the application is, such as main:app.")],
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for all of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 for a free one.")] = 8000,
    reload: Annotated[bool, typer.Option("--reload", help="Start again when a file changes; for development.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="How many processes.")] = 1,
) -> None:
    """Serve an application: fastagentic serve main:app

    The module is looked for in the current directory first.
    """
    for package in ("uvicorn", "fastapi"):
        if find_spec(package) is None:
            raise ConfigError(f"serve needs {package}, which is not installed: pip install 'fastagentic[app]'")
    module, _, name = application.partition(":")
    if not module or not name:
        raise typer.BadParameter(f"{application!r} is no module with a name in it, such as main:app", param_hint="MODULE:APP")
    if reload and workers > 1:
        raise ConfigError("--reload and --workers exclude each other: a process that starts again is one process")
    import uvicorn

    sys.path.insert(0, "")
    if find_spec(module.partition(".")[0]) is None:
        raise typer.BadParameter(f"there is no module {module!r} here", param_hint="MODULE:APP")
    uvicorn.run(application, host=host, port=port, reload=reload, workers=workers)
