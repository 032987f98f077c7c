"""Whether what is observed is priced, stored and delivered. One function a rule."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from fastagentic.core import words
from fastagentic.gateways import portkey

from .finding import Told, calls_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .evidence import Evidence

WAITS_NS: Final = 60_000_000_000
"""What is older than a minute waits because somebody did not take it."""
NEARLY: Final = 0.8
"""The part of a limit from which on somebody should know."""
LARGE_BYTES: Final = 5 * 10**9
"""Some three million calls: 1,000,000 were seen to take 1.75 GB."""
METRICS_EXPORTER: Final = "OTEL_METRICS_EXPORTER"
PUBLIC_KEY, SECRET_KEY = "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"


def models_unpriced(evidence: Evidence) -> Iterator[Told]:
    """Calls of unknown cost."""
    calls: Counter[str] = Counter()
    for row in evidence.unpriced:
        calls[row.model] += row.calls
    for model, number in calls.most_common():
        yield Told(
            f"{model}: {calls_in_words(number)} of unknown cost",
            "neither the gateway nor a price table says what it costs; it counts as unknown, not as free",
            f"`fastagentic prices check` says what to do: a price of your own, newer price data, or `fastagentic reprice`. "
            f"`fastagentic prices {model}` shows who was asked.",
        )


def store_problem(evidence: Evidence) -> Iterator[Told]:
    """The local store cannot be read or written."""
    if evidence.store_problem is not None:
        yield Told("the local store is not in order", evidence.store_problem, "`fastagentic status` says the same in full.")


def store_lost(evidence: Evidence) -> Iterator[Told]:
    """Spans that never reached the local store."""
    for drop in evidence.store_drops:
        yield Told(
            f"{drop.spans:,} spans were not stored: {drop.reason}",
            "the store could not be written while they came",
            "Free space on the disk, make it writable, or set FASTAGENTIC_HOME to another directory.",
        )


def spans_lost(evidence: Evidence) -> Iterator[Told]:
    """Spans that were given up on their way to a destination."""
    for spool in evidence.spools:
        for drop in spool.drops:
            yield Told(
                f"{spool.name}: {drop.spans:,} spans were lost ({drop.reason})",
                "the destination did not take them, and there was no room or time left to keep them",
                "Mend the destination first; FASTAGENTIC_SPOOL_MAX_SIZE and FASTAGENTIC_SPOOL_MAX_AGE say how much may wait.",
            )


def spans_refused(evidence: Evidence) -> Iterator[Told]:
    """Requests that a destination called malformed."""
    for spool in evidence.spools:
        if spool.aside:
            reasons = ", ".join(sorted({one.why for one in spool.aside}))
            yield Told(
                f"{spool.name}: {spool.aside_spans:,} spans were refused ({reasons}) and set aside",
                "the destination says that it will never take them as they are",
                f"`fastagentic spool export {spool.name}` writes them out, to be looked at.",
            )


def spans_wait(evidence: Evidence) -> Iterator[Told]:
    """Spans that have waited for longer than a minute."""
    for spool in evidence.spools:
        age_ns = 0 if spool.oldest_ns is None else evidence.now_ns - spool.oldest_ns
        if spool.spans and age_ns > WAITS_NS:
            dead = f"; {spool.orphaned_spans:,} are of processes that have ended" if spool.orphaned_spans else ""
            yield Told(
                f"{spool.name}: {spool.spans:,} spans have waited, for up to {age_ns / 60e9:,.0f} min{dead}",
                f"{spool.endpoint or 'the destination'} is down, or does not take the key",
                "Mend the destination; `fastagentic spool drain` sends what ended processes left. Nothing is lost meanwhile.",
            )


def spool_fills(evidence: Evidence) -> Iterator[Told]:
    """Spans that will soon be given up: what waits is near one of its limits."""
    for spool in evidence.spools:
        limit = (evidence.spool_max_bytes or 0) * max(1, spool.alive)
        if limit and spool.size_bytes > NEARLY * limit:
            yield Told(
                f"{spool.name}: {words.size(spool.size_bytes)} wait on disk, of {words.size(limit)} that may",
                "beyond that the oldest spans are given up",
                "Mend the destination, or give it more room: FASTAGENTIC_SPOOL_MAX_SIZE.",
            )
        age_s = 0.0 if spool.oldest_ns is None else (evidence.now_ns - spool.oldest_ns) / 1e9
        if spool.spans and evidence.spool_max_age_s and NEARLY * evidence.spool_max_age_s < age_s:
            yield Told(
                f"{spool.name}: the oldest span has waited for {words.duration(age_s)}",
                f"after {words.duration(evidence.spool_max_age_s)} it is given up",
                f"Mend the destination, or wait for longer: FASTAGENTIC_SPOOL_MAX_AGE. `fastagentic spool export {spool.name}` "
                "writes what waits to a file.",
            )


def metrics_stay(evidence: Evidence) -> Iterator[Told]:
    """Spans go to an OTLP backend, and its metrics were switched off."""
    chosen = {one.strip().lower() for one in evidence.environ.get(METRICS_EXPORTER, "").split(",") if one.strip()}
    if chosen and "otlp" not in chosen and any(one.partition("=")[0] == "otlp" for one in evidence.destinations):
        yield Told(
            "spans go to an OTLP backend, and metrics do not",
            f"{METRICS_EXPORTER} is {', '.join(sorted(chosen))}: dashboards and alerts that live on metrics stay empty",
            f"Unset {METRICS_EXPORTER}, unless a MeterProvider of your own exports them.",
        )


def store_is_large(evidence: Evidence) -> Iterator[Told]:
    """A store that has grown to what a person would like to know of."""
    if evidence.store_bytes > LARGE_BYTES:
        yield Told(
            f"the local store takes {words.size(evidence.store_bytes)}",
            "it keeps every call for as long as FASTAGENTIC_KEEP says, 30 days unless said",
            "`fastagentic prune --keep 7d` deletes what is older now, a smaller FASTAGENTIC_KEEP from now on; "
            "`fastagentic export` takes it elsewhere before.",
        )


def langfuse_keys(evidence: Evidence) -> Iterator[Told]:
    """Keys of Langfuse that cannot be right, told by looking at them."""
    public, secret = (evidence.environ.get(name, "").strip() for name in (PUBLIC_KEY, SECRET_KEY))
    if bool(public) != bool(secret):
        there, missing = (PUBLIC_KEY, SECRET_KEY) if public else (SECRET_KEY, PUBLIC_KEY)
        yield Told(
            f"{there} is set and {missing} is not",
            "Langfuse takes both together; nothing is sent there",
            f"Set {missing}: Langfuse shows both in the project's settings, under API keys.",
        )
    elif public.startswith("sk-lf-") or secret.startswith("pk-lf-"):
        yield Told(
            f"{PUBLIC_KEY} and {SECRET_KEY} are in each other's place",
            "public keys begin with pk-lf-, secret ones with sk-lf-",
            "Swap them.",
        )


def langfuse_refuses(evidence: Evidence) -> Iterator[Told]:
    """`--network`: Langfuse does not take the keys."""
    if evidence.langfuse_answer:
        yield Told(
            f"Langfuse did not take a request: {evidence.langfuse_answer}",
            "the keys are of another project or region than LANGFUSE_BASE_URL, or the server is down",
            "Check LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY and LANGFUSE_BASE_URL; spans wait on disk until then.",
        )


def nothing_observed(evidence: Evidence) -> Iterator[Told]:
    """A store without calls, in the time that was asked for, or none at all."""
    if evidence.store_problem is None and not evidence.calls:
        yield Told(
            "the local store has no calls to look at",
            "no observed call was made in that time, or the program stores elsewhere"
            if evidence.has_store
            else "no call has been observed by this user yet",
            "Call fastagentic.instrument() in the program, or start it with `fastagentic run`; set FASTAGENTIC_HOME as there.",
        )


def gateway_not_seen(evidence: Evidence) -> Iterator[Told]:
    """A gateway was written down, and no call went through it."""
    if evidence.portkey and evidence.calls and not evidence.through(portkey.NAME):
        yield Told(
            f"none of {calls_in_words(evidence.calls)} went through Portkey",
            "calls reach a gateway when the client is Portkey's, or is told the gateway's address",
            "Give the gateway to the App, the endpoint or fastagentic.run(gateway=...), and call with portkey_ai in there.",
        )
