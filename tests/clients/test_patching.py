"""Putting on and taking off: in any order of import, idempotent, by identity, and without harm to other wrappers."""

from __future__ import annotations

import functools
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING, Any

import litellm
import litellm.chat_completions.dispatch as dispatch
import openai
import portkey_ai
import pytest
import wrapt
from litellm import rerank as imported_early  # noqa: F401  # by its name, below
from litellm.router import Router
from portkey_ai._vendor.openai import OpenAI as Vendored
from portkey_ai._vendor.openai import _base_client as vendored
from portkey_ai.api_resources import base_client as own

import fastagentic
from fastagentic.clients import CLIENTS, Client, _versions, portkey
from tests.clients.doors import MESSAGES, MODEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.providers import StandIn
    from tests.spans import Memory

# From LiteLLM 1.109 on, Router is a facade that serves the methods of another class.
ROUTER = getattr(sys.modules.get("litellm.router_python_core"), "PythonCore", Router)

PATCHED = (
    (dispatch, "_PYTHON_COMPLETION"),
    (dispatch, "_PYTHON_ACOMPLETION"),
    (ROUTER, "completion"),
    (ROUTER, "acompletion"),
    (litellm, "speech"),
    (litellm.main, "atext_completion"),
    (sys.modules[__name__], "imported_early"),
    (vendored.SyncAPIClient, "request"),
    (vendored.AsyncAPIClient, "request"),
    (own.APIClient, "_request"),
    (own.AsyncAPIClient, "_request"),
    (threading.Thread, "start"),
)


def ask() -> Any:
    return litellm.completion(model=MODEL, messages=MESSAGES, mock_response="four cents")


def test_after_uninstrument_every_patched_attribute_is_the_identical_object_it_was() -> None:
    before = [vars(owner)[name] for owner, name in PATCHED]
    fastagentic.instrument(destinations=[])
    during = [vars(owner)[name] for owner, name in PATCHED]
    fastagentic.uninstrument()
    after = [vars(owner)[name] for owner, name in PATCHED]
    assert all(one is not other for one, other in zip(before, during, strict=True))
    assert all(one is other for one, other in zip(before, after, strict=True))


def test_every_entry_point_of_the_table_is_there_in_the_installed_clients() -> None:
    for client in CLIENTS.values():
        for entry in client.reader.ENTRY_POINTS:
            if entry.module not in sys.modules:  # of a later release: the Router's core
                continue
            found: Any = sys.modules[entry.module]
            for step in entry.attribute.split("."):
                found = getattr(found, step)
            assert callable(found)


def test_taking_off_without_any_time_to_wait_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENTIC_EXIT_TIMEOUT", "0s")
    fastagentic.instrument(destinations=["local"])
    litellm.completion(model=MODEL, messages=MESSAGES, mock_response="hello")

    fastagentic.uninstrument()


def test_instrumenting_twice_observes_once(recorded: Memory) -> None:
    fastagentic.instrument(destinations=[], tracer_provider=recorded.tracer_provider, meter_provider=recorded.meter_provider)
    ask()
    assert len(recorded.spans) == 1


def test_other_arguments_the_second_time_are_one_warning_and_the_first_stay(
    recorded: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    fastagentic.instrument(destinations=[])
    ask()
    assert "called again with other arguments" in caplog.text
    assert len(recorded.spans) == 1


def test_many_threads_instrumenting_at_once_put_one_door_on(memory: Memory) -> None:
    threads = [
        threading.Thread(target=fastagentic.instrument, kwargs={"destinations": [], "tracer_provider": memory.tracer_provider})
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ask()
    assert len(memory.spans) == 1


def test_instrumenting_again_after_taking_off_observes_again(memory: Memory) -> None:
    for _ in range(3):
        fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider)
        ask()
        fastagentic.uninstrument()
        ask()
    assert len(memory.spans) == 3


def test_under_a_plain_closure_of_another_library_ours_goes_silent_and_theirs_stays_whole(recorded: Memory) -> None:
    ours = dispatch._PYTHON_COMPLETION
    calls: list[str] = []

    @functools.wraps(ours)
    def theirs(*args: Any, **kwargs: Any) -> Any:
        calls.append("theirs")
        return ours(*args, **kwargs)

    dispatch._PYTHON_COMPLETION = theirs
    try:
        ask()
        fastagentic.uninstrument()
        ask()
        assert dispatch._PYTHON_COMPLETION is theirs
    finally:
        dispatch._PYTHON_COMPLETION = ours.__wrapped__
    assert calls == ["theirs", "theirs"]
    assert len(recorded.spans) == 1


async def test_an_async_function_under_a_plain_wrapper_of_another_library_is_observed_all_the_same(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = dispatch._PYTHON_ACOMPLETION
    monkeypatch.setattr(dispatch, "_PYTHON_ACOMPLETION", lambda *args, **kwargs: original(*args, **kwargs))
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider)
    async with fastagentic.run("wrapped") as run:
        answer = await litellm.acompletion(model=MODEL, messages=MESSAGES, mock_response="four cents")
        assert run.usage.cost == answer._hidden_params["response_cost"]
    assert [name for name, _, _ in memory.tree] == ["invoke_workflow wrapped", "chat gpt-4o-mini"]


def test_under_another_wrapt_wrapper_ours_is_taken_out_and_theirs_stays_on(recorded: Memory) -> None:
    calls: list[str] = []

    def theirs(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        calls.append("theirs")
        return wrapped(*args, **kwargs)

    original = dispatch._PYTHON_COMPLETION.__wrapped__
    handle = wrapt.wrap_object(dispatch, "_PYTHON_COMPLETION", wrapt.FunctionWrapper, (theirs,))
    try:
        fastagentic.uninstrument()
        ask()
        assert calls == ["theirs"]
        assert dispatch._PYTHON_COMPLETION.__wrapped__ is original
    finally:
        wrapt.unwrap_object(dispatch, "_PYTHON_COMPLETION", handle)
    assert recorded.spans == []


class Theirs:
    """Another library's wrapper around a method, which notes the layout of the arguments that come through."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, list[str]]] = []

    def __call__(self, wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        self.seen.append((len(args), sorted(kwargs)))
        return wrapped(*args, **kwargs)

    def as_closure(self, owner: type, name: str) -> Any:
        method = getattr(owner, name)

        @functools.wraps(method)
        def closure(*args: Any, **kwargs: Any) -> Any:
            self.seen.append((len(args) - 1, sorted(kwargs)))
            return method(*args, **kwargs)

        return closure

    def as_wrapt(self, owner: type, name: str) -> Any:
        return wrapt.FunctionWrapper(vars(owner).get(name) or getattr(owner, name), self)


def ask_portkey(url: str) -> None:
    portkey_ai.Portkey(api_key="pk", base_url=url, provider="openai").chat.completions.create(model=MODEL, messages=MESSAGES)


def ask_portkeys_prompt(url: str) -> None:
    portkey_ai.Portkey(api_key="pk", base_url=url).prompts.completions.create(prompt_id="pp", variables={})


def ask_openai(url: str) -> None:
    client = openai.OpenAI(api_key="sk", base_url=url, default_headers={"x-portkey-provider": "openai"})
    client.chat.completions.create(model=MODEL, messages=MESSAGES)


async def ask_openai_later(url: str) -> None:
    client = openai.AsyncOpenAI(api_key="sk", base_url=url, default_headers={"x-portkey-provider": "openai"})
    await client.chat.completions.create(model=MODEL, messages=MESSAGES)


SUBCLASSES = [
    pytest.param(openai.OpenAI, "request", ask_openai, id="openai"),
    pytest.param(Vendored, "request", ask_portkey, id="portkey"),
    pytest.param(own.APIClient, "_request", ask_portkeys_prompt, id="portkeys-own"),
]


@pytest.mark.parametrize("kind", ["as_closure", "as_wrapt"])
@pytest.mark.parametrize(("owner", "name", "asked"), SUBCLASSES)
def test_a_method_that_another_library_had_wrapped_on_a_subclass_is_observed_with_the_arguments_as_they_were_given(
    owner: type, name: str, asked: Callable[[str], None], kind: str, memory: Memory, stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    theirs = Theirs()
    wrapper = getattr(theirs, kind)(owner, name)
    monkeypatch.setattr(owner, name, wrapper, raising=False)
    asked(stand_in.url("portkey"))
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider)
    with fastagentic.run("side by side"):
        asked(stand_in.url("portkey"))
    fastagentic.uninstrument()
    assert vars(owner)[name] is wrapper
    asked(stand_in.url("portkey"))
    assert len(memory.spans) == 2
    assert len(theirs.seen) == 3
    assert theirs.seen == theirs.seen[:1] * 3


async def test_an_async_method_that_another_library_had_wrapped_on_a_subclass_is_observed(
    memory: Memory, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai.AsyncOpenAI, "request", Theirs().as_wrapt(openai.AsyncOpenAI, "request"), raising=False)
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider)
    await ask_openai_later(stand_in.url("portkey"))
    assert len(memory.spans) == 1


def test_a_method_that_another_library_left_on_a_subclass_when_it_went_is_observed(
    memory: Memory, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai.OpenAI, "request", openai.OpenAI.request, raising=False)
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider)
    ask_openai(stand_in.url("portkey"))
    assert len(memory.spans) == 1


def test_a_method_of_a_users_subclass_is_its_own_and_sees_the_arguments_as_they_were_given(
    memory: Memory, stand_in: StandIn
) -> None:
    theirs = Theirs()

    class Users(openai.OpenAI):
        def request(self, *args: Any, **kwargs: Any) -> Any:
            return theirs(super().request, self, args, kwargs)

    before = vars(Users)["request"]
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider)
    assert vars(Users)["request"] is before
    client = Users(api_key="sk", base_url=stand_in.url("portkey"))
    client.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert len(memory.spans) == 1
    assert theirs.seen == [(2, ["stream", "stream_cls"])]


@pytest.mark.parametrize(
    "order",
    [
        *(
            pytest.param(order, marks=pytest.mark.slow)
            for order in (
                "import litellm; from litellm import completion; fastagentic.instrument()",
                "fastagentic.instrument(); import litellm; from litellm import completion",
                "fastagentic.instrument(); from litellm import completion",
            )
        ),
        "from litellm import completion; fastagentic.instrument()",
    ],
)
def test_the_order_of_imports_does_not_matter(order: str) -> None:
    program = f"""
        import fastagentic
        {order}
        with fastagentic.run("ordered") as run:
            completion(model="gpt-4o-mini", messages=[{{"role": "user", "content": "hi"}}], mock_response="hello")
        print(run.usage.calls, run.usage.cost > 0)
    """
    assert _printed(program) == "1 True"


def test_instrumenting_while_another_thread_imports_the_client_observes_it() -> None:
    program = """
        import sys, threading, fastagentic
        thread = threading.Thread(target=lambda: __import__("litellm"))
        thread.start()
        while "litellm" not in sys.modules:
            pass
        fastagentic.instrument(destinations=[])
        thread.join()
        import litellm
        with fastagentic.run("late") as run:
            litellm.completion(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}], mock_response="hello")
        print(run.usage.calls)
    """
    assert _printed(program) == "1"


def test_as_an_instrumentation_that_is_not_wanted_nothing_is_patched(monkeypatch: pytest.MonkeyPatch, memory: Memory) -> None:
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "fastagentic")
    before = dispatch._PYTHON_COMPLETION
    fastagentic.instrument(tracer_provider=memory.tracer_provider)
    ask()
    assert dispatch._PYTHON_COMPLETION is before
    assert memory.spans == []


def test_only_the_clients_that_are_named_are_observed(memory: Memory) -> None:
    before = dispatch._PYTHON_COMPLETION
    fastagentic.instrument(destinations=[], clients=["portkey"], tracer_provider=memory.tracer_provider)
    assert dispatch._PYTHON_COMPLETION is before


@pytest.mark.parametrize(
    ("argument", "value"), [("clients", ["openrouter"]), ("destinations", ["nowhere"]), ("prices", {"m": {"input": -1}})]
)
def test_a_bad_argument_is_an_error_that_names_it_and_what_is_accepted(argument: str, value: Any) -> None:
    with pytest.raises(fastagentic.ConfigError, match=argument) as caught:
        fastagentic.instrument(**{argument: value})
    assert "it takes" in str(caught.value)


def test_an_unsupported_version_is_left_alone_with_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_versions.metadata, "version", lambda _: "9.9.1rc1")
    _versions.is_supported.cache_clear()
    client = Client("portkey", "portkey-ai", portkey, oldest=(2, 2), beyond=(3,))
    assert not _versions.is_supported(client)
    assert not _versions.is_supported(client)
    assert len(caplog.records) == 1
    assert "portkey-ai 9.9.1rc1 is not observed" in caplog.text
    _versions.is_supported.cache_clear()


def test_a_failure_of_our_own_leaves_the_call_as_it_was(
    recorded: Memory, monkeypatch: pytest.MonkeyPatch, swallows_failures: Any
) -> None:
    from fastagentic.clients import litellm as reader

    def broken(*_: Any) -> Any:
        raise RuntimeError("ours")

    monkeypatch.setattr(reader, "read_request", broken)
    assert ask().choices[0].message.content == "four cents"
    assert swallows_failures["observe the start of a call", "RuntimeError"] == 1


def _printed(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
