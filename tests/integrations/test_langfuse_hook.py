"""`LangfuseHook`: one destination in the one pipeline, for whom each run is, and what happens without keys."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import litellm
import pytest

import fastagentic
from fastagentic.context import UserInfo
from fastagentic.core.errors import ConfigError
from fastagentic.hooks import Hook, HookContext
from fastagentic.integrations.brought import destinations_with
from fastagentic.integrations.langfuse import LangfuseHook
from tests.export.langfuse_server import observation
from tests.export.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGES = [{"role": "user", "content": "What is the answer?"}]
KEYS = ("pk-lf-1", "sk-lf-1")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def ask() -> None:
    litellm.completion(model="gpt-4o-mini", messages=MESSAGES, mock_response="Forty-two.")


async def serve(hook: LangfuseHook, user: str | None = None) -> None:
    """As an endpoint does: a run, the request's event, a call."""
    with fastagentic.run("search", user=user) as run:
        person = None if user is None else UserInfo(user, metadata={"plan": "pro"})
        await hook.on_request(HookContext(run.run_id, "search", user=person))
        ask()


def by_name(receiver: Receiver) -> dict[str, Any]:
    assert fastagentic.flush(timeout=10)
    return {span.name: observation(span) for span in receiver.spans}


def test_it_is_a_hook_as_the_documentation_writes_it(caplog: pytest.LogCaptureFixture) -> None:
    hook = LangfuseHook(...)

    assert isinstance(hook, Hook)
    assert hook.destinations == ()
    (record,) = [record for record in caplog.records if record.name == "fastagentic"]
    assert record.levelno == logging.WARNING
    assert "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY" in record.getMessage()


@pytest.mark.parametrize("missing", ["LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"])
def test_one_key_of_two_is_one_warning_that_names_the_other(
    missing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in {"LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"} - {missing}:
        monkeypatch.setenv(name, "lf-1")

    assert LangfuseHook().destinations == ()
    assert [record.getMessage().split()[1] for record in caplog.records] == [missing]


async def test_without_keys_everything_else_works() -> None:
    hook = LangfuseHook(user_id="u-7")
    fastagentic.instrument(destinations=destinations_with([hook], ["local"]))

    with fastagentic.run("search") as run:
        await hook.on_request(HookContext(run.run_id, "search"))
        ask()

    assert run.user == "u-7"
    assert fastagentic.flush(timeout=10)


def test_keys_come_from_the_environment_and_arguments_beat_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-1")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-1")
    monkeypatch.setenv("LANGFUSE_HOST", "http://localhost:3000")

    (told,) = LangfuseHook(...).destinations
    (argued,) = LangfuseHook(host="http://localhost:4000").destinations

    assert told.endpoint == "http://localhost:3000/api/public/otel/v1/traces"
    assert argued.endpoint == "http://localhost:4000/api/public/otel/v1/traces"


def test_an_option_that_cannot_be_used_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match="sample_rate"):
        LangfuseHook(*KEYS, sample_rate=2)


def test_no_key_is_in_its_text() -> None:
    assert "lf-1" not in repr(LangfuseHook(*KEYS))


async def test_a_run_reaches_langfuse_with_user_session_and_metadata(receiver: Receiver) -> None:
    hook = LangfuseHook(
        *KEYS, host=receiver.endpoint, flush_interval_ms=100, max_batch_size=5, user_id="u-7", session_id="s-3",
        metadata={"team": "search", "plan": lambda ctx: ctx.user.metadata["plan"]},
    )  # fmt: skip
    fastagentic.instrument(destinations=hook.destinations)

    await serve(hook)

    found = by_name(receiver)
    assert {"invoke_workflow search", "chat gpt-4o-mini"} == set(found)
    for one in found.values():
        assert (one.user, one.session) == ("u-7", "s-3")
        assert one.metadata["team"] == "search"
        assert "plan" not in one.metadata


async def test_metadata_that_depends_on_the_run_are_the_runs(receiver: Receiver) -> None:
    hook = LangfuseHook(
        *KEYS, host=receiver.endpoint, user_id="nobody", metadata={"plan": lambda ctx: ctx.user.metadata["plan"]}
    )
    fastagentic.instrument(destinations=hook.destinations)

    await serve(hook, user="u-42")

    found = by_name(receiver)["chat gpt-4o-mini"]
    assert found.metadata["plan"] == "pro"
    assert found.user == "u-42"  # who the run names wins


async def test_metadata_are_in_langfuses_copy_alone(receiver: Receiver) -> None:
    hook = LangfuseHook(*KEYS, host=receiver.endpoint, metadata={"team": "search"})
    with Receiver() as other:
        from fastagentic.export.destinations.otlp import OTLPDestination

        fastagentic.instrument(destinations=[*hook.destinations, OTLPDestination(f"{other.endpoint}/v1/traces", name="other")])
        await serve(hook)
        by_name(receiver)

    assert other.spans
    assert not [key for span in other.spans for key in span.attributes if key.startswith("langfuse.")]


@pytest.mark.parametrize("track_cost", [True, False])
async def test_cost_is_told_unless_it_is_not_to_be(receiver: Receiver, track_cost: bool) -> None:
    hook = LangfuseHook(*KEYS, host=receiver.endpoint, track_cost=track_cost)
    fastagentic.instrument(destinations=hook.destinations)

    await serve(hook)

    cost = by_name(receiver)["chat gpt-4o-mini"].cost
    assert bool(cost) is track_cost


def test_what_a_hook_brings_joins_what_was_asked_for() -> None:
    hook = LangfuseHook(*KEYS)

    assert destinations_with([hook], ["local", "langfuse"]) == ["local", *hook.destinations]
    assert destinations_with([hook, Hook(), object()]) == ["local", *hook.destinations]
    assert destinations_with([Hook()]) is None
    assert destinations_with([Hook()], ["otlp"]) == ["otlp"]


def test_what_a_hook_brings_joins_what_the_environment_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENTIC_DESTINATIONS", "otlp,langfuse")
    hook = LangfuseHook(*KEYS)

    assert destinations_with([hook]) == ["otlp", *hook.destinations]


def test_two_projects_are_two_hooks_of_two_names() -> None:
    one, other = LangfuseHook(*KEYS), LangfuseHook("pk-lf-2", "sk-lf-2", name="evaluation")

    fastagentic.instrument(destinations=destinations_with([one, other], []))

    assert fastagentic._api._current.destinations.delivery("langfuse") is not None  # type: ignore[attr-defined]
    assert fastagentic._api._current.destinations.delivery("evaluation") is not None  # type: ignore[attr-defined]
