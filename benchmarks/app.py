"""What an `App` costs beside bare FastAPI: requests a second and the 99th percentile, with observation on, off, and without us.

    .venv/bin/python benchmarks/app.py [--rounds 5] [--requests 2000] [--clients 32] [--call] [--json]

Each variant is the same endpoint in a server process of its own on loopback, all of them up the whole time; each round asks
one after the other, in an order that turns, so that a busy machine slows all of them alike. Figures are the medians over
rounds. `--call` has the endpoint make an LLM call (LiteLLM, answered in the process). Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

BARE, OFF, ON, STORED = "bare FastAPI", "App, not observed", "App, observed", "App, observed, local store"
VARIANTS = (BARE, OFF, ON, STORED)


class Question(BaseModel):
    text: str
    tries: int = 1


class Reply(BaseModel):
    text: str


@dataclass
class Figure:
    """Requests a second, and milliseconds."""

    requests_s: float
    median_ms: float
    p99_ms: float


async def answered(question: Question, calls: bool) -> Reply:
    if not calls:
        return Reply(text=question.text)
    import litellm

    messages = [{"role": "user", "content": question.text}]
    answer: Any = await litellm.acompletion("gpt-4o-mini", messages, mock_response=question.text)
    return Reply(text=answer.choices[0].message.content)


def application(variant: str, calls: bool) -> Any:
    if variant == BARE:
        from fastapi import FastAPI

        bare = FastAPI()

        @bare.post("/ask")
        async def plain(question: Question) -> Reply:
            return await answered(question, calls)

        return bare

    from fastagentic import App, agent_endpoint

    async def ask(question: Question) -> Reply:
        return await answered(question, calls)

    app = App(instrument=variant != OFF, telemetry={"destinations": ["local"] if variant == STORED else []})
    app.include(agent_endpoint("/ask")(ask))
    return app


def serve(variant: str, calls: bool, ready: Any) -> None:
    import socket

    import uvicorn

    os.environ["FASTAGENTIC_HOME"] = tempfile.mkdtemp(prefix="fastagentic-bench-")
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named: asyncio sets TCP_NODELAY then
    listening.bind(("127.0.0.1", 0))
    listening.listen(512)
    ready.put((variant, listening.getsockname()[1]))
    config = uvicorn.Config(application(variant, calls), log_level="error", access_log=False)
    uvicorn.Server(config).run(sockets=[listening])


async def measure(port: int, requests: int, clients: int) -> Figure:
    """Ask over kept connections, by a client so plain that the server is what is measured."""
    times: list[float] = []
    left = iter(range(requests))
    body = Question(text="Where is order 42?").model_dump_json().encode()
    head = f"POST /ask HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            started = time.perf_counter()
            writer.write(head.encode() + body)
            told = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            assert " 200 " in told, told
            await reader.readexactly(int(told.partition("content-length:")[2].split()[0]))
            times.append(time.perf_counter() - started)
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(clients)))
    took = time.perf_counter() - started
    times.sort()
    return Figure(requests / took, statistics.median(times) * 1e3, times[int(len(times) * 0.99)] * 1e3)


def compare(options: argparse.Namespace) -> dict[str, Figure]:
    context = multiprocessing.get_context("spawn")
    ready = context.Queue()
    servers = [context.Process(target=serve, args=(variant, options.call, ready), daemon=True) for variant in VARIANTS]
    for server in servers:
        server.start()
    try:
        ports = dict(ready.get(timeout=120) for _ in servers)
        seen: dict[str, list[Figure]] = {variant: [] for variant in VARIANTS}
        for number in range(options.rounds + 1):  # the first warms up
            turn = number % len(VARIANTS)
            for variant in VARIANTS[turn:] + VARIANTS[:turn]:
                figure = asyncio.run(measure(ports[variant], options.requests if number else 200, options.clients))
                if number:
                    seen[variant].append(figure)
    finally:
        for server in servers:
            server.terminate()
            server.join(10)
    return {
        variant: Figure(*(statistics.median(column) for column in zip(*(asdict(one).values() for one in figures), strict=True)))
        for variant, figures in seen.items()
    }


def show(figures: dict[str, Figure], title: str, console: Console) -> None:
    table = Table(title=title, title_justify="left")
    for column in ("", "requests/s", "of bare", "median ms", "p99 ms"):
        table.add_column(column, justify="right" if column else "left")
    for variant, one in figures.items():
        share = one.requests_s / figures[BARE].requests_s
        table.add_row(variant, f"{one.requests_s:,.0f}", f"{share:.2f}", f"{one.median_ms:.1f}", f"{one.p99_ms:.1f}")
    console.print(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=2000, help="a round and variant")
    parser.add_argument("--clients", type=int, default=32, help="at once")
    parser.add_argument("--call", action="store_true", help="the endpoint makes an LLM call")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = compare(options)
    what = "an LLM call in each request" if options.call else "an endpoint that only answers"
    show(figures, f"{what}, {options.clients} clients at once", Console(stderr=options.json))
    if options.json:
        print(json.dumps({variant: asdict(one) for variant, one in figures.items()}, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
