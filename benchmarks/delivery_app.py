"""The application of `delivery.py`: calls through a real Portkey client over a mock transport, then an end of some kind.

    python benchmarks/delivery_app.py CALLS END [DURABILITY]

Prints, as JSON, how many spans it made and what its calls took; with END `wait` it then waits to be ended from outside.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time

import httpx
import portkey_ai

import fastagentic

A_RUN = 10
WARM_UP = 5
PAUSE_S = 0.004
"""Between two calls, so that batches leave while calls are made."""
LITTLE = 20_000
"""Bytes: how large a file may become on a disk that is full."""

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1764000000,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Four cents."}}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
}


def client() -> portkey_ai.Portkey:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=ANSWER, headers={"x-portkey-provider": "openai"}))
    return portkey_ai.Portkey(
        api_key="pk-bench", provider="openai", base_url="http://127.0.0.1:9/v1", http_client=httpx.Client(transport=transport)
    )


def work(calls: int) -> tuple[int, list[float]]:
    """Make the calls in runs of ten: spans made, and milliseconds of each call."""
    portkey, took = client(), []
    messages = [{"role": "user", "content": "What did the run cost?"}]
    for _ in range(WARM_UP):  # the SDK imports and the price table is loaded at the first calls
        portkey.chat.completions.create(model="gpt-4o-mini", messages=messages)
    for number in range(calls // A_RUN):
        with fastagentic.run(f"report-{number}", user=f"u-{number % 5}"):
            for _ in range(A_RUN):
                before = time.perf_counter()
                portkey.chat.completions.create(model="gpt-4o-mini", messages=messages)
                took.append((time.perf_counter() - before) * 1000)
                time.sleep(PAUSE_S)
    return WARM_UP + calls + calls // A_RUN, took


def main() -> None:
    calls, end = int(sys.argv[1]), sys.argv[2]
    durability = sys.argv[3] if len(sys.argv) > 3 else "normal"
    if os.environ.get("DISK_IS_FULL"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (LITTLE, resource.RLIM_INFINITY))
    fastagentic.instrument(destinations=["otlp", "langfuse"], durability=durability)
    made, took = work(calls) if calls else (0, [0.0, 0.0])
    if end == "recover":
        print(json.dumps({"flushed": fastagentic.flush(20)}), flush=True)
        return
    percentiles = statistics.quantiles(took, n=100)
    print(json.dumps({"made": made, "p50": percentiles[49], "p99": percentiles[98]}), flush=True)
    if end == "wait":
        time.sleep(600)


if __name__ == "__main__":
    main()
