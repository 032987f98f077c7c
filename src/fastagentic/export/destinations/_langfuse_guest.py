"""The user's own `Langfuse()` beside our destination: each span reaches Langfuse once, ours dressed, others as it sends them.

Its span processor sits on the same provider and would send our spans too, undressed. While the destination is open, the
processor of the same project leaves our spans to us, and we leave everybody else's to it. The class is private to the SDK:
where it is not as expected, nothing is patched. It is never imported by us: an import hook waits for it.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final

import wrapt

from fastagentic.core import names
from fastagentic.core.guard import never_break
from fastagentic.core.patch import Patch

if TYPE_CHECKING:
    from types import ModuleType

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

logger = logging.getLogger("fastagentic")

MODULE: Final = "langfuse._client.span_processor"
PROCESSOR: Final = "LangfuseSpanProcessor"
EXPECTED: Final = ("on_start", "on_end", "_cleanup_app_root_state")
SDK_SCOPE: Final = "langfuse-sdk"

PATCH: Final = never_break("patch Langfuse's span processor")
LOOK: Final = never_break("tell whose span Langfuse's processor has")


class Guests:
    """The processors of the user's own Langfuse SDK that send to the project of `public_key`."""

    def __init__(self, public_key: str) -> None:
        self._public_key = public_key
        self._lock = threading.Lock()
        self._patches: list[Patch] = []
        self._is_on = False
        # A provider's spans carry its one resource: by it we know which processors see them. Kept, so that no id is reused.
        self._seen: dict[int, tuple[Resource, list[Any]]] = {}

    def put_on(self) -> None:
        """Patch the processor's class now, or when it is imported."""
        with self._lock:
            is_new, self._is_on = not self._is_on, True
        if is_new:
            wrapt.register_post_import_hook(self._hook, MODULE)

    def take_off(self) -> None:
        """Give the class back as it was. A hook that still waits will do nothing: it cannot be unregistered."""
        with self._lock:
            self._is_on = False
            while self._patches:
                with PATCH:
                    self._patches.pop().take_off()
            self._seen.clear()

    def see(self, span: ReadableSpan) -> bool:
        """Whether such a processor sits on the span's provider, and decides what becomes of it."""
        return id(span.resource) in self._seen

    def send(self, span: ReadableSpan) -> bool:
        """Whether one of them sends the span."""
        _, processors = self._seen[id(span.resource)]
        return any(processor._should_export_span(span) for processor in processors)

    def _hook(self, module: ModuleType) -> None:
        with PATCH, self._lock:  # an exception in here would fail the user's import
            processor = getattr(module, PROCESSOR, None)
            if not self._is_on or self._patches:
                return
            if not all(hasattr(processor, name) for name in EXPECTED):
                logger.warning("This version of the Langfuse SDK is not known to us: its own client may send our spans twice")
                return
            self._patches += [Patch(processor, "on_start", self._on_start), Patch(processor, "on_end", self._on_end)]

    def _on_start(self, wrapped: Any, processor: Any, args: Any, kwargs: Any) -> Any:
        with LOOK:
            resource = (args[0] if args else kwargs["span"]).resource
            if processor.public_key == self._public_key:
                _, processors = self._seen.setdefault(id(resource), (resource, []))
                if processor not in processors:
                    processors.append(processor)
        return wrapped(*args, **kwargs)

    def _on_end(self, wrapped: Any, processor: Any, args: Any, kwargs: Any) -> Any:
        with LOOK:
            span = args[0] if args else kwargs["span"]
            if processor.public_key == self._public_key and is_ours(span):
                processor._cleanup_app_root_state(span)  # what its `on_start` has noted
                return None
        return wrapped(*args, **kwargs)


def is_ours(span: ReadableSpan) -> bool:
    """Whether a span is of our scope."""
    scope = span.instrumentation_scope
    return scope is not None and scope.name == names.SCOPE


def is_the_sdks(span: ReadableSpan) -> bool:
    """Whether the Langfuse SDK itself made the span, by `@observe` or by hand: its own processor sends it."""
    scope = span.instrumentation_scope
    return scope is not None and scope.name == SDK_SCOPE
