"""Observing a program without a line in it: under `opentelemetry-instrument`, and under `fastagentic run`.

The first finds `Instrumentor` by its entry point. The second has every Python process of the program call
`start_with_a_client` as it starts. That must cost next to nothing, as most of them never call a model: what observing needs
is imported when a client is. What fails here is one line on stderr, and the program goes on.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

CLIENTS: Final = frozenset({"litellm", "openai", "portkey_ai"})
"""The packages of the clients. `clients/` knows more of them and is too heavy to ask at every start of every Python."""

SERVERS: Final = frozenset({"uvicorn"})
"""Ends by raising SIGTERM again for whoever handled it before, and a client that an endpoint imports is imported on a thread,
where nobody can handle a signal: we must be there first."""

WAITED_FOR: Final = CLIENTS | SERVERS

TRUE: Final = frozenset({"true", "1", "yes", "on"})


class Instrumentor:
    """The entry point `fastagentic` in the group `opentelemetry_instrumentor`: the names of OpenTelemetry's BaseInstrumentor.

    The provider of the process exists when this is called, and is used.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: what is not installed is waited for."""
        return ()

    def instrument(self, **given: Any) -> None:
        """`fastagentic.instrument()`, with the providers if they are handed over."""
        start(**{name: given[name] for name in ("tracer_provider", "meter_provider") if name in given})

    def uninstrument(self, **_: Any) -> None:
        """`fastagentic.uninstrument()`."""
        from ._api import uninstrument

        uninstrument()


def start(**arguments: Any) -> None:
    """`fastagentic.instrument()`; what is wrong with its settings stops no program that did not ask for it."""
    try:
        from ._api import instrument

        instrument(**arguments)
    except Exception as error:  # noqa: BLE001  # whatever it is, the program goes on
        tell(error)


def tell(error: Exception) -> None:
    """One line on stderr."""
    words = " ".join(str(error).split()) or type(error).__qualname__
    with contextlib.suppress(Exception):  # stderr is closed, or is None
        print(f"fastagentic: this process is not observed: {words}", file=sys.stderr)


def start_with_a_client() -> None:
    """Start as soon as a client is imported, at once where log records are to carry ids from the first one on."""
    if os.environ.get("FASTAGENTIC_LOGS", "").strip().lower() in TRUE:
        start()
    else:
        sys.meta_path.insert(0, StartWithAClient())


class StartWithAClient:
    """An import finder that finds nothing itself: asked for a client, it starts, leaves, and lets the others find it."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._has_started = False

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """As the import system calls it."""
        if name not in WAITED_FOR:
            return None
        with self._starting:  # a second client on another thread waits until the first has us patch what comes
            if not self._has_started:
                self._has_started = True
                start()
                with contextlib.suppress(ValueError):
                    sys.meta_path.remove(self)
        # Anew from the top: the import goes through the list as it was before we changed it.
        return importlib.util.find_spec(name)
