"""One request, one run: what happens between a POST and its answer, in this order.

The run opens; the user; the limits; the body; `on_request`; the endpoint, with its attempts and its timeout; `on_response` or
`on_error`; the answer. Whatever goes wrong is on the run's span and becomes a problem.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry.trace import get_current_span
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fastagentic.context import AgentContext, RunContext, UsageInfo
from fastagentic.core import names
from fastagentic.core.errors import BudgetExceeded, HookRejected
from fastagentic.hooks import HookContext, HookResult, HookResultAction
from fastagentic.hooks.chain import Chain
from fastagentic.hooks.dispatch import afire, rejection
from fastagentic.observe.context import detach

from .incoming import RUN_ID_HEADER, SESSION_HEADER, body_of, named, trace_of, traceparent, wait_unless_gone
from .problems import ClientDisconnected, Refused, RunTimedOut, problem_of
from .reliability import Attempts
from .users import user_of_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from fastagentic.context import UserInfo
    from fastagentic.core.run import Run

    from .service import Service

logger = logging.getLogger("fastagentic")

JSON: Final = "application/json"
ON_PURPOSE: Final = (HookRejected, BudgetExceeded, HTTPException)
"""What ends an endpoint because somebody wanted it: no business of `on_error`."""

MODIFY, SKIP, REJECT, RETRY = (
    HookResultAction.MODIFY, HookResultAction.SKIP, HookResultAction.REJECT, HookResultAction.RETRY,
)  # fmt: skip


class LiveRun(RunContext):
    """The run as the endpoint's function sees it."""

    def __init__(self, run: Run) -> None:
        super().__init__(run.run_id, run.name, run.person, run.metadata)
        self._run = run

    @property
    def usage(self) -> UsageInfo:
        """What the run has used so far."""
        return UsageInfo.of(self._run.usage)

    @usage.setter
    def usage(self, _: UsageInfo) -> None:
        """What the dataclass sets is not kept: the run's own count is asked."""


class UseModel:
    """A hook that has every call of the run ask another model: how a chain of models is gone through."""

    def __init__(self, model: str) -> None:
        self._model = model

    def on_llm_start(self, ctx: HookContext) -> HookResult:
        """Ask this one."""
        return HookResult.modify({"model": self._model})


@dataclass(slots=True, eq=False)
class Turn:
    """One request of one endpoint."""

    service: Service
    request: Request
    run: Run = field(init=False)
    ctx: HookContext = field(init=False)
    headers: dict[str, str] = field(default_factory=dict)
    """Of the answer, whatever it is."""
    is_read: asyncio.Event = field(default_factory=asyncio.Event)
    is_gone: bool = False
    _deadline: float | None = None

    async def answer(self) -> Response:
        """The answer in one piece, or the problem."""
        task = asyncio.ensure_future(self._whole())
        await wait_unless_gone(task, task, self.is_read, self.request.receive, lambda: self.gone(task))
        return task.result() if not task.cancelled() else self.problem(ClientDisconnected())

    def gone(self, task: asyncio.Task[Any]) -> None:
        """The client is: end the run, which has the time to clean up."""
        self.is_gone = True
        task.cancel()

    def problem(self, error: BaseException) -> Response:
        """The answer to a request that ended with this exception."""
        run_id = self.headers.get(RUN_ID_HEADER)
        return self.with_headers(problem_of(error).response(run_id))

    def with_headers(self, response: Response) -> Response:
        """The response, which says which run it is of."""
        response.headers.update(self.headers)
        return response

    async def _whole(self) -> Response:
        try:
            async with self.opened():
                early = await self.asked()
                return self.with_headers(early or await self._answered())
        except Exception as error:  # noqa: BLE001  # whatever it was: it is on the span, and told to the client
            return self.problem(error)

    # --- before the endpoint ----------------------------------------------------------------------

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The run. What ends it in an exception is on its span, with the status that the client gets."""
        service, request = self.service, self.request
        token = otel_context.attach(trace_of(request))
        try:
            with service.scope(named(request, RUN_ID_HEADER)) as run:
                self.run = run
                self.ctx = HookContext(run.run_id, run.name, metadata=run.metadata, started_at=time.time())
                self.headers = {RUN_ID_HEADER: run.run_id, **traceparent()}
                try:
                    async with self._admitted():
                        yield
                except asyncio.CancelledError:
                    if not self.is_gone:
                        raise
                    _note(ClientDisconnected.status)
                    raise ClientDisconnected from None
                except Exception as error:
                    _note(problem_of(error).status)
                    self._log(error)
                    raise
        finally:
            detach(token)

    @asynccontextmanager
    async def _admitted(self) -> AsyncIterator[None]:
        """The user is known, and within the limits; what the run used is counted when it is over."""
        service, run = self.service, self.run
        with service.app.room():
            user = await user_of_request(service.app.authenticate, self.request, service.endpoint.scopes)
            self._belongs_to(user)
            if service.allowance is None:
                yield
                return
            whom = await service.allowance.take(self.request, user)
            try:
                yield
            finally:
                await service.allowance.used(whom, run.usage.total_tokens)

    def _belongs_to(self, user: UserInfo | None) -> None:
        run, ctx = self.run, self.ctx
        run.session = named(self.request, SESSION_HEADER) or run.session
        if user is not None:
            run.person, run.user = user, user.id
            run.tenant = user.metadata.get("tenant", run.tenant)
            run.session = user.metadata.get("session", run.session)
        ctx.user, ctx.tenant = run.person, run.tenant

    async def asked(self) -> Response | None:
        """Read the body and ask the hooks; a response where one of them answers in the endpoint's place."""
        endpoint, ctx = self.service.endpoint, self.ctx
        raw = await body_of(self.request, self.service.app.config.max_body_bytes)
        self.is_read.set()
        if self.service.timeout_s is not None:
            self._deadline = asyncio.get_running_loop().time() + self.service.timeout_s
        ctx.request = endpoint.body.read(raw)
        result = await self.fire("on_request")
        if result.action is SKIP:
            return self._skipped()
        if result.action is MODIFY:
            ctx.request = endpoint.body.check(ctx.request)
        return None

    # --- the endpoint -----------------------------------------------------------------------------

    async def _answered(self) -> Response:
        """Run the endpoint until neither it nor a hook wants it once more."""
        endpoint, ctx = self.service.endpoint, self.ctx
        while True:
            value = await self.tried(self._once)
            if isinstance(value, Response):
                return value
            ctx.response = value
            result = await self.fire("on_response")
            if result.action is RETRY:
                await self._again(None)
                continue
            if result.action is MODIFY:
                value = endpoint.answer.check(ctx.response)
            return Response(endpoint.answer.write(value), media_type=JSON)

    async def _once(self) -> Any:
        endpoint = self.service.endpoint
        value = await endpoint.run(self.ctx.request, self.context)
        return value if isinstance(value, Response) else endpoint.answer.check(value)

    async def tried(self, once: Callable[[], Awaitable[Any]]) -> Any:
        """What the endpoint comes to; a response where a hook takes its failure as handled. Raises: what it failed with."""
        while True:
            try:
                return await self._attempted(once)
            except ON_PURPOSE:
                raise
            except Exception as error:
                result = await self.failed(error)
                if result.action is SKIP:
                    return self._skipped()
                if result.action is not RETRY:
                    raise
                await self._again(error)

    async def failed(self, error: Exception, honoured: frozenset[HookResultAction] | None = None) -> HookResult:
        """Tell the hooks what went wrong."""
        self.ctx.error = error
        return await self.fire("on_error", honoured)

    async def _attempted(self, once: Callable[[], Awaitable[Any]]) -> Any:
        """With the attempts of the endpoint's own `retry` and `fallback`, in its time."""
        service, run = self.service, self.run
        hooks = run.hooks

        async def asking(model: str | None) -> Any:
            run.hooks = hooks if model is None else (*hooks, UseModel(model))
            return await once()

        attempts = Attempts(run, service.app.tracer, service.retry, service.fallback, self._on_retry)
        async with self.in_time():
            return await attempts.make(asking)

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Raises: RunTimedOut."""
        try:
            async with asyncio.timeout_at(self._deadline) as limit:
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            raise RunTimedOut(f"no answer within {self.service.timeout_s:g} s") from None

    def context(self, kind: type) -> Any:
        """What a parameter of this kind is given."""
        if issubclass(kind, Request):
            return self.request
        run = LiveRun(self.run)
        return AgentContext(run, self.service.app, self.request) if issubclass(kind, AgentContext) else run

    # --- hooks ------------------------------------------------------------------------------------

    @property
    def chain(self) -> Chain:
        """The hooks in force."""
        return Chain(self.run.hooks)

    async def fire(self, event: str, honoured: frozenset[HookResultAction] | None = None) -> HookResult:
        """Fire an event. Raises: HookRejected where a hook refuses, RunTimedOut; at `on_error` neither."""
        chain = self.chain
        if not chain:
            return HookResult()
        ctx = self.ctx
        ctx.usage = UsageInfo.of(self.run.usage)
        ctx.duration_ms = (time.time() - (ctx.started_at or 0)) * 1e3
        if event == "on_error":  # also of the time that has run out
            return await afire(event, ctx, chain, honoured)
        async with self.in_time():
            result = await afire(event, ctx, chain, honoured)
        if result.action is REJECT:
            raise rejection(event, result)
        return result

    async def _again(self, error: Exception | None) -> None:
        """A hook wants the endpoint once more."""
        self.ctx.retry_count += 1
        self.ctx.error = error
        await self.fire("on_retry")

    async def _on_retry(self, error: BaseException, made: int) -> None:
        """The endpoint's own `retry` or `fallback` goes on; counted by itself."""
        if chain := self.chain:
            await afire("on_retry", replace(self.ctx, error=error, retry_count=made), chain)

    def _skipped(self) -> Response:
        """A hook's answer in place of the endpoint's."""
        value, answer = self.ctx.response, self.service.endpoint.answer
        if value is None:
            return Response(status_code=204)
        return Response(answer.write(answer.check(value)), media_type=JSON)

    def _log(self, error: Exception) -> None:
        """A failure that nobody wanted: its class and stack, not its text, which may echo a prompt."""
        if not isinstance(error, (*ON_PURPOSE, Refused)):
            stack = "".join(traceback.format_tb(error.__traceback__))
            said = (self.service.endpoint.path, self.run.run_id, type(error).__qualname__, stack)
            logger.error("the endpoint %s failed in run %s (%s)\n%s", *said)


def _note(status: int) -> None:
    get_current_span().set_attribute(names.HTTP_STATUS_CODE, status)
