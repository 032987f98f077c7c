"""What holds for every test: its own home and environment, our guard made loud, nothing left switched on.

`memory` is telemetry kept in memory, `recorded` the same with `fastagentic.instrument()` writing into it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING

import pytest

from fastagentic.core import guard

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from pathlib import Path

    from tests.spans import Memory

# Before anything imports litellm: it asks the network for prices otherwise, three times, with back-off.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

OURS = ("tests.skips", "tests.providers", "tests.proxy")
pytest_plugins = ["pytester", *(name for name in OURS if importlib.util.find_spec(name))]

FOREIGN = ("OTEL_", "PORTKEY_", "LANGFUSE_", "OPENAI_", "LITELLM_API", "FASTAGENTIC_")
"""Variables that would lead a test to somebody's real backend, account or store."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "swallows_failures: our own code is made to fail here, and must swallow it")


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A FASTAGENTIC_HOME of the test's own, which it may ask for, and no settings of whoever runs it."""
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        monkeypatch.delenv(name)
    home = tmp_path / "fastagentic-home"
    monkeypatch.setenv("FASTAGENTIC_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def guard_is_loud(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A failure of our own code raises; one that was swallowed all the same (on a thread) fails the test."""
    guard.failures.clear()
    expected = request.node.get_closest_marker("swallows_failures") or "swallows_failures" in request.fixturenames
    monkeypatch.setattr(guard, "reraise", not expected)
    yield
    swallowed = dict(guard.failures)
    guard.failures.clear()
    if swallowed and not expected:
        pytest.fail(f"our own code failed and swallowed it: {swallowed}", pytrace=False)


@pytest.fixture
def swallows_failures() -> Counter[tuple[str, str]]:
    """Our failures are swallowed as in production, and counted here: (what we did, exception class)."""
    return guard.failures


@pytest.fixture(autouse=True)
def nothing_left_on(own_environment: Path, guard_is_loud: None) -> Iterator[None]:
    """Whatever a test switched on is switched off before the next one."""
    yield
    api = sys.modules.get("fastagentic._api")
    if api is not None:
        api.uninstrument()
    registry, once = sys.modules.get("fastagentic.hooks.registry"), sys.modules.get("fastagentic.hooks.once")
    if registry is not None and once is not None:
        registry.reset_hooks()
        once.forget()


@pytest.fixture
def memory(nothing_left_on: None) -> Iterator[Memory]:
    """Tracer and meter provider in memory, ids from 1. Not instrumented; a span left open fails the test."""
    from tests.spans import Memory

    memory = Memory()
    yield memory
    left = memory.still_open()
    memory.shutdown()
    assert not left, f"spans left open: {left}"


@pytest.fixture
def recorded(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> Memory:
    """`fastagentic.instrument()` on providers in memory; the clock ticks a millisecond at every look."""
    import fastagentic
    from tests.spans import TickingClock, tick

    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider, meter_provider=memory.meter_provider)
    tick(monkeypatch, TickingClock())
    return memory
