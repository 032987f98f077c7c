"""`fastagentic dashboard`: the store in a browser."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import webbrowser
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fastagentic._settings_file import load_settings_file
from fastagentic.core.errors import ConfigError

from .errors import say

if TYPE_CHECKING:
    from collections.abc import Collection

    from fastagentic.dashboard import Dashboard

TOKEN_VARIABLE: Final = "FASTAGENTIC_DASHBOARD_TOKEN"  # noqa: S105  # its name
ANY: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # what people write for all addresses
GRACE_S: Final = 2
SAFE: Final = "a loopback address (127.0.0.1, ::1, localhost), or --token TOKEN beside it"


def dashboard(
    host: Annotated[str, typer.Option(help="The address to listen on; another than loopback needs --token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 for a free one.")] = 8765,
    token: Annotated[
        str | None,
        typer.Option(metavar="TOKEN", envvar=TOKEN_VARIABLE, show_envvar=False, help="Ask for this before anything is shown."),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A name by which browsers may ask for it; repeat for several.")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the browser.")] = True,
) -> None:
    """Show the store in a browser: what calls cost, by run, model and user, as they are made."""
    made = _made(host, token, allow_host or ())
    load_settings_file()
    with _listening(host, port) as listening:
        address = _address(host, listening.getsockname()[1])
        where = "this machine only" if token is None else "asks for the token"
        say(f"fastagentic dashboard: {address} ({where}); Ctrl-C ends it")
        if open_browser:
            # On a thread: some browsers are only told once they are running.
            url = address if token is None else f"{address}login"
            threading.Thread(target=_open, args=(url,), daemon=True).start()
        _serve(made, listening)


def _made(host: str, token: str | None, names: Collection[str]) -> Dashboard:
    """Raises: ConfigError, without the extra, or for an address that others can reach without a token."""
    try:
        from fastagentic.dashboard.access import ByToken
        from fastagentic.dashboard.application import Dashboard
        from fastagentic.dashboard.gate import Hosts, is_loopback
    except ImportError as error:
        raise ConfigError(str(error)) from None
    if token is None and not is_loopback(host.strip("[]")):
        raise ConfigError.of("--host", host, SAFE, source="option")
    if token is None:
        return Dashboard(Hosts(names), None)
    return Dashboard(Hosts((*names, host, socket.gethostname()), with_addresses=True), ByToken(token))


def _listening(host: str, port: int) -> socket.socket:
    """Raises: ConfigError that says what is in the way."""
    name = host.strip("[]")
    try:
        family = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((name, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError.of(
                "--port", port, "a free port, such as --port 0; another program listens there", source="option"
            ) from None
        if error.errno == errno.EACCES:
            raise ConfigError.of("--port", port, "a port from 1024 on; this one is the system's", source="option") from None
        raise ConfigError.of(
            "--host", host, f"an address of this machine ({error.strerror or error})", source="option"
        ) from None


def _address(host: str, port: int) -> str:
    name = host.strip("[]")
    shown = "127.0.0.1" if name in ANY else f"[{name}]" if ":" in name else name
    return f"http://{shown}:{port}/"


def _serve(made: Dashboard, listening: socket.socket) -> None:
    import uvicorn

    config = uvicorn.Config(
        made,
        log_level="warning",
        access_log=False,  # addresses have filters in them
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
    )
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run([listening])


def _open(url: str) -> None:
    with contextlib.suppress(OSError, webbrowser.Error):
        if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.name == "nt" or os.uname().sysname == "Darwin":
            webbrowser.open(url)
