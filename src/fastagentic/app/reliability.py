"""The built-in reliability of an endpoint: retry with exponential backoff (tenacity), a chain of models, a timeout.

Each attempt is a span below the run's. What is retried is what may go better next time: nobody answered, or the answer was
408, 409, 425, 429 or 5xx. A rejection, a bad body, a bug are not.
"""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import tenacity
from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

from fastagentic.core import names
from fastagentic.core.errors import ConfigError
from fastagentic.observe.context import detach
from fastagentic.observe.spans import run_attributes

from .problems import TIMEOUTS, is_unanswered, said_by

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from opentelemetry.trace import Tracer

    from fastagentic.core.run import Run

RETRIED: Final = frozenset({408, 409, 425, 429, *range(500, 600)})
ERROR: Final = Status(StatusCode.ERROR)  # without a description: exception texts can echo a prompt


@dataclass(slots=True, frozen=True)
class Retry:
    """`retry={"attempts": 3, "wait": 0.5, "max_wait": 30}`: attempts in all; seconds before the second, doubled each time.

    Half of each wait is left to chance. What the model's side says in Retry-After is waited for, up to `max_wait`.
    """

    attempts: int = 3
    wait: float = 0.5
    max_wait: float = 30.0


NO_RETRY: Final = Retry(attempts=1)


def retry_of(given: Any, where: str) -> Retry | None:
    """What `retry=` means. Raises: ConfigError."""
    if given is None or isinstance(given, Retry):
        return given
    if isinstance(given, Mapping):
        known = [field.name for field in fields(Retry)]
        if unknown := [name for name in given if name not in known]:
            raise ConfigError(f"{where}: {unknown[0]!r} is not known; it takes {', '.join(known)}")
        retry = Retry(**given)
    elif isinstance(given, int) and not isinstance(given, bool):
        retry = Retry(attempts=given)
    else:
        raise ConfigError(f"{where} is {given!r}; it takes a number of attempts, or {{'attempts': 3, 'wait': 0.5}}")
    for name, least in (("attempts", 1), ("wait", 0), ("max_wait", 0)):
        value = getattr(retry, name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < least:
            raise ConfigError(f"{where}: {name} is {value!r}; it takes a number, {least} or more")
    return retry


def fallback_of(given: Any, where: str) -> tuple[str, ...]:
    """What `fallback=` means: models. Raises: ConfigError."""
    if isinstance(given, (str, Mapping)) or not isinstance(given, (Sequence, type(None))):
        raise ConfigError(f"{where} is {given!r}; it takes a list of models")
    for model in given or ():
        if not isinstance(model, str) or not model:
            raise ConfigError(f"{where}: {model!r} is no model's name")
    return tuple(given or ())


def timeout_of(given: Any, where: str) -> float | None:
    """What `timeout=` means: seconds. Raises: ConfigError."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, (int, float)) or given <= 0:
        raise ConfigError(f"{where} is {given!r}; it takes seconds, more than 0")
    return float(given)


def may_go_better(error: BaseException) -> bool:
    """Whether another attempt makes sense after this exception."""
    if {kind.__name__ for kind in type(error).__mro__} & TIMEOUTS or is_unanswered(error):
        return True
    return said_by(error)[0] in RETRIED


@dataclass(slots=True)
class Attempts:
    """The attempts of one request: `await Attempts(...).make(once)`, which calls `once(model)` until it goes well."""

    run: Run
    tracer: Tracer
    retry: Retry
    models: tuple[str, ...]
    on_retry: Callable[[BaseException, int], Awaitable[None]]
    made: int = 0

    async def make(self, once: Callable[[str | None], Awaitable[Any]]) -> Any:
        """The first answer, of the endpoint's own model or of the chain. Raises what the last attempt failed with."""
        if self.retry.attempts == 1 and not self.models:
            return await once(None)
        *earlier, last = (None, *self.models)
        for model in earlier:
            try:
                return await self._with(model, once)
            except Exception as error:
                if not may_go_better(error):
                    raise
                await self.on_retry(error, self.made)
        return await self._with(last, once)

    async def _with(self, model: str | None, once: Callable[[str | None], Awaitable[Any]]) -> Any:
        """One model's attempts."""
        trying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self.retry.attempts),
            retry=tenacity.retry_if_exception(may_go_better),
            wait=self._wait_s,
            before_sleep=self._before_sleep,
            sleep=sleep,
            reraise=True,
        )
        return await trying(self._once, model, once)

    async def _once(self, model: str | None, once: Callable[[str | None], Awaitable[Any]]) -> Any:
        self.made += 1
        with attempt_span(self.tracer, self.run, self.made, model):
            return await once(model)

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        error = _error_of(state)
        asked = None if error is None else said_by(error)[1]
        if asked is not None:
            return min(asked, self.retry.max_wait)
        doubled = tenacity.wait_exponential(self.retry.wait, self.retry.max_wait)(state)
        return doubled / 2 + tenacity.wait_random(0, doubled / 2)(state)

    async def _before_sleep(self, state: tenacity.RetryCallState) -> None:
        if (error := _error_of(state)) is not None:
            await self.on_retry(error, self.made)


@contextmanager
def attempt_span(tracer: Tracer, run: Run, number: int, model: str | None) -> Iterator[None]:
    """The span of an attempt; the calls made in it are below it."""
    attributes: dict[str, Any] = {names.ATTEMPT_NUMBER: number, names.RUN_ID: run.run_id, **run_attributes(run)}
    if model is not None:
        attributes[names.ATTEMPT_MODEL] = model
    span = tracer.start_span(f"attempt {number}", kind=SpanKind.INTERNAL, attributes=attributes)
    token = otel_context.attach(set_span_in_context(span))
    try:
        yield
    except BaseException as error:
        span.set_attribute(names.ERROR_TYPE, type(error).__qualname__)
        span.set_status(ERROR)
        raise
    finally:
        detach(token)
        span.end()


def _error_of(state: tenacity.RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()
