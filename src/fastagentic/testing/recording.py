"""`Recording`: the calls of one test, from before its first fixture to after its last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastagentic import _api
from fastagentic.observe.listening import LISTENERS

from .calls import Call, LLMCalls

if TYPE_CHECKING:
    from fastagentic.core.call import LLMCall

SETTLE_S: Final = 2.0


class Recording:
    """Listens while it is on; observes the clients itself where nobody does."""

    def __init__(self) -> None:
        self.calls = LLMCalls(settle=self._settle)
        self._is_on = False
        self._is_ours = False

    def start(self) -> None:
        """From here on every call that ends is one of this test."""
        if not self._is_on:
            self._is_on = True
            LISTENERS.append(self._heard)
            self._is_ours = _api.instrument_for_now()

    def stop(self) -> None:
        """The test is over. What its own program put on stays on."""
        if self._is_on:
            self._settle()
            self._is_on = False
            LISTENERS.remove(self._heard)
            if self._is_ours and _api.is_provisional():
                _api.uninstrument()

    def _heard(self, call: LLMCall) -> None:
        self.calls.made.append(Call.of(call))

    def _settle(self) -> None:
        if self._is_on:
            _api.settle(SETTLE_S)
