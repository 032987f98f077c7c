"""What OpenTelemetry's own tool finds of us, and the import of a client that starts us."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

import fastagentic
from fastagentic import _auto
from fastagentic._auto import WAITED_FOR, Instrumentor, StartWithAClient
from fastagentic.clients import CLIENTS
from fastagentic.export.trace_ids import RunIdGenerator
from tests.project.places import toml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.spans import Memory

ENTRY_POINTS = toml("pyproject.toml")["project"]["entry-points"]


def loaded(group: str) -> Any:
    module, _, name = ENTRY_POINTS[group]["fastagentic"].partition(":")
    return getattr(import_module(module), name)


def call() -> None:
    import litellm

    litellm.completion(model="gpt-4o-mini", messages=[{"role": "user", "content": "x"}], mock_response="y")


def test_the_entry_points_lead_to_what_opentelemetry_expects() -> None:
    assert loaded("opentelemetry_instrumentor") is Instrumentor
    assert loaded("opentelemetry_id_generator") is RunIdGenerator
    assert RunIdGenerator().generate_trace_id() != RunIdGenerator().generate_trace_id()
    assert Instrumentor().instrumentation_dependencies() == ()


def test_the_instrumentor_observes_with_the_providers_it_is_given_until_it_is_taken_off(memory: Memory) -> None:
    Instrumentor().instrument(tracer_provider=memory.tracer_provider, meter_provider=memory.meter_provider, skip_dep_check=True)
    call()
    Instrumentor().uninstrument()
    call()

    assert [span.name for span in memory.spans] == ["chat gpt-4o-mini"]


def test_instrumented_twice_a_call_is_one_span(memory: Memory, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        Instrumentor().instrument(tracer_provider=memory.tracer_provider)
    call()

    assert len(memory.spans) == 1
    assert not caplog.records


def test_a_setting_that_cannot_be_used_stops_no_other_instrumentor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FASTAGENTIC_CLIENTS", "gemini")

    Instrumentor().instrument()

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("fastagentic: this process is not observed: clients (FASTAGENTIC_CLIENTS) is 'gemini'")


def test_a_process_without_stderr_is_left_alone_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENTIC_CLIENTS", "gemini")
    monkeypatch.setattr(sys, "stderr", None)

    Instrumentor().instrument()

    assert fastagentic._api._current is None  # type: ignore[attr-defined]


# --- the import that starts us --------------------------------------------------------------------


def test_the_packages_that_are_waited_for_are_those_of_the_clients() -> None:
    modules = {door.module for client in CLIENTS.values() for door in client.reader.ENTRY_POINTS}

    assert {module.partition(".")[0] for module in modules} == _auto.CLIENTS <= WAITED_FOR


CLIENTS_OF_OUR_OWN = frozenset({"own_client", "other_client"})


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A word for each start, which the import of one of two packages is to bring about."""
    starts: list[str] = []
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(_auto, "start", lambda: starts.append("started"))
    monkeypatch.setattr(_auto, "WAITED_FOR", CLIENTS_OF_OUR_OWN)
    yield starts
    for name in CLIENTS_OF_OUR_OWN:
        sys.modules.pop(name, None)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CLIENTS_OF_OUR_OWN:
        (tmp_path / f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("packages")
def test_the_first_import_of_a_client_starts_us_once_and_before_it(starts: list[str]) -> None:
    _auto.start_with_a_client()

    import_module("json")
    assert not starts
    import_module("own_client")
    import_module("other_client")

    assert starts == ["started"]
    assert not any(isinstance(finder, StartWithAClient) for finder in sys.meta_path)


@pytest.mark.usefixtures("packages")
def test_finders_that_are_put_in_by_starting_see_the_same_import(starts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Finder:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
            seen.append(name)

    monkeypatch.setattr(_auto, "start", lambda: sys.meta_path.insert(0, Finder()))
    _auto.start_with_a_client()

    import_module("own_client")

    assert seen == ["own_client"]


def test_looking_for_a_client_that_is_not_installed_finds_nothing(starts: list[str]) -> None:
    _auto.start_with_a_client()

    with pytest.raises(ModuleNotFoundError, match="own_client"):
        import_module("own_client")


def test_nothing_is_on_before_a_client_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    _auto.start_with_a_client()

    assert fastagentic.flush()
    assert fastagentic._api._current is None  # type: ignore[attr-defined]
