"""The provider: the user's own is never replaced, ours obeys the environment, and the store sees what sampling drops."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

CALL = 'litellm.completion(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}], mock_response="hello")'


def printed(program: str, **environ: str) -> list[str]:
    """What a program prints that has a process, and so a global provider, of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:opentelemetry", "-c", textwrap.dedent(program)],
        capture_output=True, text=True, timeout=90, check=False, env={**os.environ, **environ},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Overriding of current TracerProvider" not in done.stderr
    return done.stdout.split()


def test_ours_is_made_and_set_as_the_global_one_when_there_is_none() -> None:
    program = """
        from opentelemetry import trace
        import fastagentic
        fastagentic.instrument(service_name="checkout")
        provider = trace.get_tracer_provider()
        print(type(provider).__name__, provider.resource.attributes["service.name"])
    """
    assert printed(program) == ["TracerProvider", "checkout"]


@pytest.mark.parametrize("environ", [{"OTEL_SERVICE_NAME": "from-env"}, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=from-env"}])
def test_a_service_name_from_the_environment_beats_the_argument(environ: dict[str, str]) -> None:
    program = """
        from opentelemetry import trace
        import fastagentic
        fastagentic.instrument(service_name="checkout")
        print(trace.get_tracer_provider().resource.attributes["service.name"])
    """
    assert printed(program, **environ) == ["from-env"]


def test_the_users_own_provider_is_used_and_stays() -> None:
    program = f"""
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        theirs = TracerProvider()
        trace.set_tracer_provider(theirs)
        import fastagentic, litellm
        fastagentic.instrument()
        with fastagentic.run("theirs", run_id="order-42") as run:
            {CALL}
        fastagentic.uninstrument()
        print(trace.get_tracer_provider() is theirs, run.run_id, run.usage.calls)
    """
    assert printed(program) == ["True", "3bf8b157c4238eefe5ae4a66eca81c6b", "1"]


@pytest.mark.parametrize("sampler", ["always_off", "traceidratio", "parentbased_traceidratio"])
def test_the_store_sees_every_call_whatever_is_sampled(sampler: str) -> None:
    program = f"""
        import fastagentic, litellm, sqlite3
        from fastagentic.store.location import store_path
        fastagentic.instrument()
        with fastagentic.run("sampled-out"):
            {CALL}
        assert fastagentic.flush(10)
        print(sqlite3.connect(store_path()).execute("select count(*), sum(cost_usd) > 0 from calls").fetchone())
    """
    assert printed(program, OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG="0") == ["(1,", "1)"]


def test_the_store_sees_calls_that_a_foreign_provider_drops() -> None:
    program = f"""
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
        trace.set_tracer_provider(TracerProvider(sampler=ALWAYS_OFF))
        import fastagentic, litellm, sqlite3
        from fastagentic.store.location import store_path
        fastagentic.instrument()
        {CALL}
        assert fastagentic.flush(10)
        print(sqlite3.connect(store_path()).execute("select count(*), sum(cost_usd) > 0 from calls").fetchone())
    """
    assert printed(program) == ["(1,", "1)"]


def test_what_was_queued_is_in_the_store_when_the_process_has_ended() -> None:
    program = f"""
        import fastagentic, litellm
        fastagentic.instrument()
        {CALL}
        stream = litellm.completion(
            model="gpt-4o-mini", messages=[{{"role": "user", "content": "hi"}}], mock_response="hello", stream=True
        )
        next(stream)
    """
    printed(program)
    program = """
        import sqlite3
        from fastagentic.store.location import store_path
        print(*(end for end, in sqlite3.connect(store_path()).execute("select stream_end from calls order by started_ns")))
    """
    assert printed(program) == ["None", "abandoned"]
