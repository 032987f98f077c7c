"""From the destinations that were chosen to what the pipeline hands spans to: sinks, and deliveries with their spools.

A name is a row; its module is imported when it is chosen. A destination of the user's own is taken as it is.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.config import setting
from fastagentic.core.errors import ConfigError
from fastagentic.store.location import store_home, store_path

from .destination import Destination

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .delivery import Delivery
    from .destinations.local import LocalDestination
    from .pipeline import Sink


logger = logging.getLogger("fastagentic")

SEND_WINDOW_S: Final = 0.75
"""How long records on disk gather before they are sent: with the quarter of a second in which spans gather, a second in all. A
request costs what encoding some fifty spans costs."""


@dataclass(slots=True, frozen=True)
class Terms:
    """What holds for every destination."""

    only_ours: bool = False
    """On a provider of the user's own, whose other spans are the user's to export."""
    is_durable: bool = False
    request_timeout_s: float = 10.0
    spool_bytes: int = 512 << 20
    spool_age_s: float | None = 7 * 86_400.0
    keep_s: float | None = None


@dataclass(slots=True)
class Chosen:
    """The destinations of one `instrument()`."""

    is_durable: bool = False
    sinks: list[Sink] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    local: LocalDestination | None = None

    def delivery(self, name: str) -> Delivery | None:
        """The delivery of the destination of this name, if it is among them."""
        return next((one for one in self.deliveries if one.destination.name == name), None)


def _otlp(endpoint: str | None, terms: Terms) -> Destination:
    from .destinations.otlp import OTLPDestination

    destination = OTLPDestination(endpoint, only_ours=terms.only_ours)
    if endpoint is not None:  # one of several, told apart by its address: as the destination spells it, without secrets
        destination.name = f"otlp={destination.endpoint}"
    return destination


def _langfuse(_: str | None, terms: Terms) -> Destination:
    from .destinations.langfuse import LangfuseDestination

    return LangfuseDestination(only_ours=terms.only_ours)


def _console() -> Sink:
    from .destinations.console import ConsoleDestination

    return ConsoleDestination()


SENDS: Final[dict[str, Callable[[str | None, Terms], Destination]]] = {"otlp": _otlp, "langfuse": _langfuse}
NAMES: Final = ("local", "console", *SENDS)


def choose(asked: Sequence[str | Destination], terms: Terms, source: str) -> Chosen:
    """Make what is asked for. Nothing is opened and nothing started yet.

    Raises: ConfigError for a name that is none, an object that is no destination, or two of one name; and whatever a
    destination finds wrong with its own settings.
    """
    chosen = Chosen(terms.is_durable)
    for one in asked:
        if one == "local":
            chosen.local = _local(terms)
            chosen.sinks.append(chosen.local)
        elif one == "console":
            chosen.sinks.append(_console())
        else:
            _add(chosen, _destination(one, terms, source), terms, source)
    if chosen.local is not None and not chosen.deliveries:
        _warn_of_the_store_that_is_read()
    return chosen


def _warn_of_the_store_that_is_read() -> None:
    """Who reads a fleet's ClickHouse and writes to this machine alone would look for these calls there."""
    with contextlib.suppress(ConfigError):  # told to who reads
        if setting("store") is not None:
            logger.warning(
                "FASTAGENTIC_STORE names a ClickHouse, which is only read: calls go to the local store %s. A collector brings "
                "them there: set OTEL_EXPORTER_OTLP_ENDPOINT",
                store_path(),
            )


def _destination(asked: Any, terms: Terms, source: str) -> Destination:
    from .spool.notes import without_secrets

    told = asked
    if isinstance(asked, str):
        name, _, endpoint = asked.partition("=")
        told = f"{name}={without_secrets(endpoint)}" if endpoint else name
        if name in SENDS and (not endpoint or name == "otlp"):
            return SENDS[name](endpoint or None, terms)
    elif isinstance(asked, Destination):
        return asked
    protocol = "fastagentic.export.destination.Destination"
    accepted = f"any of: {', '.join(NAMES)}, otlp=<endpoint>; or an object with the names of {protocol}"
    raise ConfigError.of("destinations", told, accepted, source=source)


def _add(chosen: Chosen, destination: Destination, terms: Terms, source: str) -> None:
    if chosen.delivery(destination.name) is not None:
        raise ConfigError.of("destinations", destination.name, "names that differ, as each has a spool", source=source)
    chosen.deliveries.append(deliver_to(destination, store_home(), terms))
    if (scores := getattr(destination, "scores", None)) is not None:  # not of the protocol: Langfuse alone takes any
        chosen.deliveries.append(deliver_to(scores(), store_home(), terms))


def deliver_to(destination: Destination, home: Path, terms: Terms) -> Delivery:
    """A delivery with its spool under `home`."""
    from .delivery import Delivery
    from .spool import Spool, spool_directory

    name, endpoint = destination.name, destination.endpoint
    identity: str = getattr(destination, "identity", "")  # not of the protocol: mostly the address says it all
    spool = Spool(
        spool_directory(home, name, endpoint, identity),
        max_bytes=terms.spool_bytes,
        max_age_s=terms.spool_age_s,
        on_dropped=lambda spans, reason: delivery.note_drop(spans, reason),
        name=name,
        endpoint=endpoint,
        identity=identity,
        earlier=spool_directory(home, name, endpoint),  # where it lay before the identity counted
    )
    delivery = Delivery(destination, spool, request_timeout_s=terms.request_timeout_s, window_s=SEND_WINDOW_S)
    return delivery


def _local(terms: Terms) -> LocalDestination:
    from .destinations.local import LocalDestination

    return LocalDestination(store_path(), terms.keep_s, is_durable=terms.is_durable)
