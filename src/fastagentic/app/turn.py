"""One request, one run: what happens between a POST and its answer, in this order.

The run opens; the user; the limits; the body; `on_request`; the endpoint, with its retries, its chain of models and its
timeout; `on_response` or `on_error`; the answer. Whatever goes wrong is on the run's span and becomes a problem.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import get_current_span
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fastagentic.context import AgentContext, RunContext, UsageInfo
from fastagentic.core import names
from fastagentic.core.errors import HookRejected
from fastagentic.hooks import HookContext, HookResult, HookResultAction
from fastagentic.hooks.chain import Chain
from fastagentic.hooks.dispatch import afire, rejection

from .problems import ClientDisconnected, Refused, RunTimedOut, problem_of
from .reliability import NO_RETRY, Attempts
from .requests import RUN_ID_HEADER, SESSION_HEADER, body_of, is_gone, named, traceparent
from .users import user_of_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from fastagentic.context import UserInfo
    from fastagentic.core.run import Run

    from .service import Service

logger = logging.getLogger("fastagentic")

JSON: Final = "application/json"
TENANT: Final = "tenant"
SESSION: Final = "session"
"""Keys of a user's metadata that say whom the run is for."""

EXPECTED: Final = (Refused, HookRejected, HTTPException)
"""What ends a request on purpose: no business of the log."""


class LiveRun(RunContext):
    """The run as the endpoint's function sees it, live."""

    def __init__(self, run: Run) -> None:
        super().__init__(run.run_id, run.name, run.person, run.metadata)
        self._run = run

    @property  # type: ignore[override]
    def usage(self) -> UsageInfo:
        """What the run has used so far."""
        return UsageInfo.of(self._run.usage)

    @usage.setter
    def usage(self, _: UsageInfo) -> None:
        """The dataclass gives one of its own; the run's counts."""


@dataclass(slots=True, eq=False)
class Turn:
    """One request of one endpoint."""

    service: Service
    request: Request
    is_read: asyncio.Event = field(default_factory=asyncio.Event)
    headers: dict[str, str] = field(default_factory=dict)
    run_id: str | None = None
    """Known from when the run has opened."""
    run: Run = field(init=False)
    user: UserInfo | None = None
    ctx: HookContext = field(init=False)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The run of the request: what ends it in an exception is on its span, with the status that the client gets."""
        with self.service.scope(named(self.request, RUN_ID_HEADER)) as run:
            self.run, self.run_id = run, run.run_id
            self.headers = {RUN_ID_HEADER: run.run_id, **traceparent()}
            try:
                yield
            except asyncio.CancelledError as error:
                if not is_gone(error):
                    raise
                self._note(ClientDisconnected.status)
                raise ClientDisconnected("the client has gone") from None
            except Exception as error:
                self._note(problem_of(error).status)
                self._log(error)
                raise

    def problem(self, error: BaseException) -> Response:
        """The answer to a request that ended with this exception."""
        response = problem_of(error).response(self.run_id)
        response.headers.update(self.headers)
        return response

    async def whole(self) -> Response:
        """The answer in one piece, or the problem."""
        try:
            async with self.opened():
                return await self.answered()
        except Exception as error:  # noqa: BLE001  # whatever it was, it is on the span and told to the client
            return self.problem(error)

    async def answered(self) -> Response:
        """The answer in one piece. Raises: what went wrong."""
        asked = await self.asked()
        if isinstance(asked, Response):
            return asked
        whom = self.service.allowance
        try:
            return await self._until_it_goes_well()
        finally:
            del whom

    async def asked(self) -> Response | None:
        """Up to the endpoint; a response where a hook answers in its place. Raises: Refused, HookRejected."""
        raise NotImplementedError
