"""Makes the calls of `workload.py` in a process of their own, with the real clients: `workload_program.py OPTIONS_AS_JSON`.

The demo's plan comes first, then one run of one call for every kind of call the demo has, then the runs that are worth keeping
for one reason alone. When all is delivered it writes a line of JSON, and stays instrumented until its standard input ends:
metrics and their exemplars can be looked at until then.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

import fastagentic
from fastagentic.core import names
from fastagentic.demo.plan import Plan, PlannedCall, PlannedRun, PlannedSession, plan
from fastagentic.demo.scenarios import BIG, NEWER, SCENARIOS, USERS, Client, RunKind, Scenario
from fastagentic.demo.seeded import prose, seeded
from fastagentic.demo.stage import Stage, stage
from fastagentic.demo.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "sk-" + "a1B2c3D4e5F6g7H8i9J0" * 2
"""Looks like a key; a prompt and an attribute hold it."""
FOREIGN_CALL, FOREIGN_CONTENT = "a call that others saw", "What does clause 7 say of notice periods?"
"""A span of another instrumentation, and the prompt as it writes it down."""
FLUSH_S = 30.0
TENANTS = ("acme", "globex")


def main(options: dict[str, Any]) -> None:
    import litellm

    with stage(wants_gateway=options["gateway"]) as ready:
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
        fastagentic.instrument(
            service_name=options["service_name"], destinations=options["destinations"], capture_content=options["content"]
        )
        ledger = []
        for planned in (plan(options["calls"], options["seed"]), single_calls(options["singles"], options["seed"])):
            workload = Workload(planned, ready.stand_in, ready.portkey_url)
            workload.perform()
            ledger += workload.ledger
        special(litellm, ready)
        was_delivered = fastagentic.flush(FLUSH_S)
        print(json.dumps({"ledger": ledger, "was_delivered": was_delivered, "gateway": ready.gateway_version}), flush=True)
        sys.stdin.read()
        fastagentic.uninstrument()


def single_calls(rounds: int, seed: int) -> Plan:
    """For each kind of call, runs of one call: each trace is then kept, or not, for one reason."""
    runs = []
    for turn in range(rounds):
        for at, scenario in enumerate(SCENARIOS):
            kind = RunKind(f"single-{scenario.route}", "step", TENANTS[at % 2], ("single",), bool(at % 2), (0, 0))
            prompt = prose(seeded(seed, turn, at), 300)
            call = PlannedCall(f"single-{turn}-{at}", scenario, prompt, 2 if scenario.stops_early else None)
            runs.append(PlannedRun(kind, (PlannedSession(USERS[at % 4], f"single-{turn}-{at}", (call,)),)))
    kind = RunKind("expensive", "step", TENANTS[0], (), False, (0, 0))
    call = PlannedCall("expensive", Scenario(Client.LITELLM, BIG, 1), prose(seeded(seed, "expensive"), 120_000))
    runs.append(PlannedRun(kind, (PlannedSession(USERS[0], "expensive", (call,)),)))
    return Plan(tuple(runs))


def special(litellm: Any, ready: Stage) -> None:
    """What no plan has: a run that is to be kept, a slow call, a secret in the prompt, spans of other instrumentations."""
    question = {"model": NEWER, "api_key": "sk-demo", "api_base": ready.stand_in.url("ok"), "caching": False}
    message = [{"role": "user", "content": "Which discount was agreed?"}]
    with run("forced"):
        trace.get_current_span().set_attribute(names.SAMPLE_FORCE, True)
        litellm.completion(messages=message, **question)
    with run("slow"):
        litellm.completion(messages=message, **{**question, "api_base": ready.stand_in.url("slow-1500ms")})
    with run("secret"):
        trace.get_current_span().set_attribute(names.SAMPLE_FORCE, True)
        litellm.completion(messages=[{"role": "user", "content": f"My key is {SECRET}, is it safe?"}], **question)
        tracer = trace.get_tracer("another.instrumentation")
        with tracer.start_as_current_span("POST /orders") as span:
            span.set_attribute("http.request.header.authorization", f"Bearer {SECRET}")
            span.set_attribute("app.api_key", SECRET)
        with tracer.start_as_current_span(FOREIGN_CALL) as span:
            span.set_attribute(names.OPERATION_NAME, "chat")
            span.set_attribute("input.value", FOREIGN_CONTENT)
            span.set_attribute("gen_ai.prompt.0.content", FOREIGN_CONTENT)
            span.set_attribute("url.full", f"http://127.0.0.1/orders?key={SECRET}")
    with contextlib.suppress(litellm.RateLimitError):
        other = [{"role": "user", "content": "Which discount was refused?"}]  # LiteLLM's cache knows the question above
        litellm.completion(messages=other, max_retries=0, **{**question, "api_base": ready.stand_in.url("fail-429")})
    litellm.completion(messages=message, **question)  # outside any run: a trace of its own
    with trace.get_tracer("another.instrumentation").start_as_current_span("GET /health"):
        """A trace without any LLM in it."""


@contextlib.contextmanager
def run(name: str) -> Iterator[None]:
    with fastagentic.run(name, user=USERS[1], session=name, tenant=TENANTS[1]):
        yield


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
