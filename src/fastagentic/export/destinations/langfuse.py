"""Langfuse: its OTLP endpoint, which spans it is to see, and the attributes that its copy of a span gets on top.

Langfuse's own SDK is not imported: it would bring threads, a global provider and batching of its own. Where the user has a
`Langfuse()` client beside us, `_langfuse_guest.py` keeps a span from being sent twice.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fastagentic.export.destination import Later
from fastagentic.export.otlp_settings import HTTP
from fastagentic.export.trace_ids import RANDOM_BITS

from ._langfuse_content import Conversations
from ._langfuse_dress import ENVIRONMENT, RELEASE, dressed, guest_dress
from ._langfuse_guest import Guests, is_ours, is_the_sdks
from ._langfuse_settings import LangfuseSettings
from .otlp import OTLPDestination

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.util.types import AttributeValue

    from fastagentic.export.destination import Answer, Payload

    from ._langfuse_scores import LangfuseScores

OF_KEYS: Final = (
    "Check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, and that LANGFUSE_BASE_URL is the server or region they belong to."
)
OF_ADDRESS: Final = "Check LANGFUSE_BASE_URL: it is the address of the Langfuse server, without a path of its API."
HINTS: Final = {"401": OF_KEYS, "403": OF_KEYS, "404": OF_ADDRESS, "405": OF_ADDRESS, "dns": OF_ADDRESS}

KNOWN_SCOPES: Final = frozenset(
    {
        "agent_framework", "ai", "autogen-core", "haystack", "langsmith", "litellm", "openinference", "pydantic-ai",
        "strands-agents", "vllm",
        *(
            f"opentelemetry.instrumentation.{library}"
            for library in (
                "agno", "alephalpha", "anthropic", "bedrock", "cohere", "crewai", "google_generativeai", "groq", "haystack",
                "langchain", "llamaindex", "mistralai", "ollama", "openai", "openai_agents", "openai_v2", "replicate",
                "sagemaker", "together", "transformers", "vertexai", "voyageai", "watsonx", "writer",
            )
        ),
    }
)  # fmt: skip
"""Instrumentations of LLM libraries, which Langfuse's SDK sends by default; a test compares the two lists."""


class LangfuseDestination:
    """Spans to one project of Langfuse, cloud or self-hosted.

    Args:
        public_key: of the project; None: `LANGFUSE_PUBLIC_KEY`.
        secret_key: of the project; None: `LANGFUSE_SECRET_KEY`.
        base_url: of the server; None: `LANGFUSE_BASE_URL`, else `LANGFUSE_HOST`, else Langfuse's cloud in the EU.
        name: tells destinations of one process apart: give each project a name of its own.
        environment: `production`, `staging` ...; None: `LANGFUSE_TRACING_ENVIRONMENT`, if any.
        release: of the application; None: `LANGFUSE_RELEASE`, if any.
        timeout_s: of one request; None: `LANGFUSE_TIMEOUT`, else the pipeline's.
        sample_rate: the share of traces that go there, 0 to 1; None: `LANGFUSE_SAMPLE_RATE`, else all.
        all_spans: also what has nothing to do with LLMs, such as the spans of an HTTP server.
        only_ours: leave the spans of all other instrumentations out; so it is on a provider that is not ours.

    Raises: ConfigError that names an argument or variable that is missing or cannot be used.

    Example:
        >>> langfuse = LangfuseDestination("pk-lf-1", "sk-lf-1", "http://localhost:3000", environment="staging")
        >>> langfuse.endpoint
        'http://localhost:3000/api/public/otel/v1/traces'
    """

    def __init__(
        self,
        public_key: str | None = None,
        secret_key: str | None = None,
        base_url: str | None = None,
        *,
        name: str = "langfuse",
        environment: str | None = None,
        release: str | None = None,
        timeout_s: float | None = None,
        sample_rate: float | None = None,
        all_spans: bool = False,
        only_ours: bool = False,
    ) -> None:
        self.name = name
        self.settings = LangfuseSettings.read(public_key, secret_key, base_url, environment, release, timeout_s, sample_rate)
        self._all_spans = all_spans
        self._only_ours = only_ours
        self._bound = round(self.settings.sample_rate * (RANDOM_BITS + 1))
        place = {ENVIRONMENT: self.settings.environment, RELEASE: self.settings.release}
        self._place = {key: value for key, value in place.items() if value is not None}
        self._guests = Guests(self.settings.public_key)
        self._conversations = Conversations()
        self._otlp = OTLPDestination(
            self.settings.traces_url,
            protocol=HTTP,
            compression="gzip",
            headers=self.settings.headers,
            timeout_s=self.settings.timeout_s,
        )
        self.endpoint = self._otlp.endpoint
        self.identity = self.settings.public_key
        """The project: what waits for one is never sent to another at the same address."""

    def start(self) -> None:
        """Spans begin to come: from here on those of ours are sent by nobody else."""
        if self.settings.is_on:
            self._guests.put_on()

    def wants(self, span: ReadableSpan) -> bool:
        """Spans of ours, and those of other LLM instrumentations where nobody else sends them to the project."""
        if not self.samples(span.context.trace_id):
            return False
        if is_ours(span):
            return True
        if self._only_ours or is_the_sdks(span):
            return False
        if self._guests.see(span):  # the user's own client of the project decides about the spans of others
            return self._all_spans and not self._guests.send(span)
        return self._all_spans or is_about_llms(span)

    def samples(self, trace_id: int) -> bool:
        """Whether a trace is among those that Langfuse gets: whole ones, and the same in every process."""
        return self.settings.is_on and trace_id & RANDOM_BITS < self._bound

    def dress(self, span: ReadableSpan) -> Mapping[str, AttributeValue] | None:
        """What Langfuse's server is to read on a span, for its copy alone."""
        if not is_ours(span):
            return guest_dress(span, self._place)
        return {**dressed(span, self._place), **self._conversations.of(span)}

    def send(self, payload: Payload, timeout_s: float) -> Answer:
        """Send a batch once."""
        return hinted(self._otlp.send(payload, timeout_s))

    def scores(self) -> LangfuseScores:
        """Where scores of the project go: a destination beside this one."""
        from ._langfuse_scores import LangfuseScores

        return LangfuseScores(self)

    def close(self) -> None:
        """Give connections back, and the user's own Langfuse client as it was."""
        self._guests.take_off()
        self._otlp.close()


def is_about_llms(span: ReadableSpan) -> bool:
    """Whether Langfuse's own SDK would send a span: it has a `gen_ai.*` attribute, or an LLM instrumentation made it."""
    if any(key.startswith("gen_ai.") for key in span.attributes or ()):
        return True
    scope = "" if span.instrumentation_scope is None else span.instrumentation_scope.name
    return any(scope == known or scope.startswith(f"{known}.") for known in KNOWN_SCOPES)


def hinted(answer: Answer) -> Answer:
    """The answer, with what a person can do about it in terms of Langfuse's variables."""
    return replace(answer, hint=HINTS.get(answer.why, "")) if isinstance(answer, Later) else answer
