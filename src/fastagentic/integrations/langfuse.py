"""`LangfuseHook`: a project of Langfuse, as an `App` is given it among its hooks.

It brings a destination, which goes into the one pipeline beside all others, and says on each run for whom it is. The
destination itself is `export/destinations/langfuse.py`; added here is what the hook's options ask of Langfuse's copy.
"""

from __future__ import annotations

import logging
import os
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core import names
from fastagentic.export.destinations.langfuse import LangfuseDestination
from fastagentic.hooks import Hook, HookResult
from fastagentic.observe.context import current_run

from ._metadata import Resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.util.types import AttributeValue

    from fastagentic.export.destination import Destination
    from fastagentic.hooks import HookContext

logger = logging.getLogger("fastagentic")

TRACE_METADATA: Final = "langfuse.trace.metadata."
COST_DETAILS: Final = "langfuse.observation.cost_details"
NO_COST: Final = "{}"
"""Said of a call, it beats `gen_ai.usage.cost` on Langfuse's server, which then goes by its own price list."""
KEPT_RUNS: Final = 1_000

KEYS: Final = {"public_key": "LANGFUSE_PUBLIC_KEY", "secret_key": "LANGFUSE_SECRET_KEY"}


class LangfuseHook(Hook):
    """Everything that an `App` observes to a project of Langfuse, and each run with its user, session and metadata.

    Args:
        public_key: of the project; None or `...`: `LANGFUSE_PUBLIC_KEY`. The same holds for all that follows.
        secret_key: of the project; `LANGFUSE_SECRET_KEY`.
        host: of the server; `LANGFUSE_BASE_URL` or `LANGFUSE_HOST`, else Langfuse's cloud in the EU.
        flush_interval_ms: taken, and not needed: spans leave within a second, and are on disk before they are sent.
        sample_rate: the share of traces that go there, 0 to 1.
        user_id: whom runs are for that name nobody: a text, or a callable of the run's context.
        session_id: the same, the session.
        metadata: put on each trace. A value may be a callable of the run's context; one that raises is left out, with one
            warning.
        max_batch_size: taken, and not needed: a batch is as large as what waits, up to what a server takes.
        track_cost: False: Langfuse is not told what calls cost, and may compute it from its own price list.
        environment: `production`, `staging` ...
        release: of the application.
        name: tells two hooks of one process apart, which are of two projects.
        only_ours: leave the spans of other instrumentations out; for a tracer provider of your own.

    Without keys nothing goes to Langfuse, one warning says so, and all else works.

    Raises: ConfigError for an option or variable that cannot be used.

    Example:
        >>> hook = LangfuseHook("pk-lf-1", "sk-lf-1", host="http://localhost:3000", metadata={"team": "search"})
        >>> hook, [destination.endpoint for destination in hook.destinations]
        (LangfuseHook(), ['http://localhost:3000/api/public/otel/v1/traces'])
    """

    def __init__(
        self,
        public_key: Any = None,
        secret_key: Any = None,
        host: Any = None,
        flush_interval_ms: Any = None,
        sample_rate: Any = None,
        user_id: Any = None,
        session_id: Any = None,
        metadata: Mapping[str, Any] | None = None,
        max_batch_size: Any = None,
        track_cost: bool = True,
        *,
        environment: Any = None,
        release: Any = None,
        name: str = "langfuse",
        only_ours: bool = False,
    ) -> None:
        self.flush_interval_ms = _given(flush_interval_ms)
        self.max_batch_size = _given(max_batch_size)
        self._people = Resolved("LangfuseHook(...)", {"user": _given(user_id), "session": _given(session_id)})
        self._metadata = Resolved("LangfuseHook(metadata=...)", _given(metadata) or {})
        self._of_runs: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._destination = _destination(
            self._metadata_of,
            tracks_cost=track_cost is not False,
            public_key=_given(public_key) or None,
            secret_key=_given(secret_key) or None,
            base_url=_given(host),
            sample_rate=_given(sample_rate),
            environment=_given(environment),
            release=_given(release),
            name=name,
            only_ours=only_ours,
        )

    def __repr__(self) -> str:
        return "LangfuseHook()" if self._destination is not None else "LangfuseHook(without keys)"

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """What `instrument(destinations=[...])` is to be given for this hook; empty without keys."""
        return () if self._destination is None else (self._destination,)

    async def on_request(self, ctx: HookContext) -> HookResult:
        """Say on the run for whom it is, where nobody has, and keep what Langfuse is to be told of it."""
        run = current_run()
        if run is None:
            return HookResult.proceed()
        people = self._people.of(ctx)
        run.user = run.user if run.user is not None else people.get("user")
        run.session = run.session if run.session is not None else people.get("session")
        self._of_runs[run.run_id] = self._metadata.of(ctx)
        while len(self._of_runs) > KEPT_RUNS:
            self._of_runs.popitem(last=False)
        return HookResult.proceed()

    def _metadata_of(self, run_id: str) -> Mapping[str, Any]:
        """Of a run that no `on_request` came for: what does not depend on it."""
        found = self._of_runs.get(run_id)
        return self._metadata.constant if found is None else found


class _HooksDestination(LangfuseDestination):
    """A Langfuse destination that tells of each trace what its hook knows."""

    def __init__(self, metadata_of: Callable[[str], Mapping[str, Any]], *, tracks_cost: bool, **options: Any) -> None:
        super().__init__(**options)
        self._metadata_of = metadata_of
        self._tracks_cost = tracks_cost

    def dress(self, span: ReadableSpan) -> Mapping[str, AttributeValue] | None:
        """What every Langfuse destination adds, and the hook's own."""
        dress = dict(super().dress(span) or {})
        run_id = (span.attributes or {}).get(names.RUN_ID)
        if run_id is not None:
            dress |= {TRACE_METADATA + name: value for name, value in self._metadata_of(str(run_id)).items()}
        if not self._tracks_cost and (COST_DETAILS in dress or names.USAGE_COST in (span.attributes or {})):
            dress[COST_DETAILS] = NO_COST
        return dress


def _destination(
    metadata_of: Callable[[str], Mapping[str, Any]], *, tracks_cost: bool, **options: Any
) -> LangfuseDestination | None:
    """None, with one warning, where a key is not known. Raises: ConfigError for anything else that is wrong."""
    missing = [variable for key, variable in KEYS.items() if not (options[key] or os.environ.get(variable, "").strip())]
    if missing:
        logger.warning(
            "LangfuseHook: %s not given and not set; nothing is sent to Langfuse, all else works. "
            "Langfuse shows the keys in the project's settings, under API keys",
            " and ".join(missing),
        )
        return None
    return _HooksDestination(metadata_of, tracks_cost=tracks_cost, **options)


def _given(value: Any) -> Any:
    """An option as it was given; `...`, as documentation writes it, is none."""
    return None if value is ... else value
