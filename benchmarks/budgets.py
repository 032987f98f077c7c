"""How far many threads and processes pass one run's budget: at most by the calls that are in flight when it is used up.

    .venv/bin/python benchmarks/budgets.py [--threads 50] [--processes 4] [--calls 400] [--json]

Each worker asks the stand-in provider through the OpenAI SDK, in one run with one id, until it is refused. The stand-in counts
the calls that reached it: that is what is compared with the limit, not what we say of ourselves. Redis is started on a
free loopback port where there is a redis-server.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGES = [{"role": "user", "content": "What did the run cost?"}]
MODEL = "gpt-4o-mini"
PRICES = {MODEL: {"input": 0, "output": 10_000}}
RUN_ID = "the-one-run-of-all-workers"


@dataclass(frozen=True)
class Row:
    """One ledger under load."""

    ledger: str
    processes: int
    threads: int
    limit_calls: int
    """Calls after which the limit is reached."""
    made: int
    """Calls that reached the provider."""
    refused: int
    most_in_flight: int
    seconds: float

    @property
    def overshoot(self) -> int:
        return self.made - self.limit_calls


def work(url: str, threads: int, limit_usd: float) -> None:
    """One worker process: every thread asks until it is refused."""
    import openai

    import fastagentic

    logging.getLogger("fastagentic").setLevel(logging.ERROR)  # each worker would say that the budget is used up
    fastagentic.instrument(destinations=[], prices=PRICES)
    client = openai.OpenAI(base_url=url, api_key="sk-none", default_headers={"x-portkey-provider": "openai"}, max_retries=0)
    refused = []
    failed = []

    def ask_on() -> None:
        with fastagentic.run("load", run_id=RUN_ID, budget_usd=limit_usd):
            try:
                while True:
                    client.chat.completions.create(model=MODEL, messages=MESSAGES)  # type: ignore[arg-type]
            except fastagentic.BudgetExceeded:
                refused.append(1)
            except Exception as error:  # noqa: BLE001  # told to whoever reads the figures
                failed.append(repr(error))

    workers = [threading.Thread(target=ask_on) for _ in range(threads)]
    print("ready", flush=True)
    sys.stdin.readline()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    fastagentic.uninstrument()
    print(json.dumps({"refused": len(refused), "failed": failed}), flush=True)


def cost_of_one(url: str) -> float:
    import openai

    import fastagentic

    fastagentic.instrument(destinations=[], prices=PRICES)
    client = openai.OpenAI(base_url=url, api_key="sk-none", default_headers={"x-portkey-provider": "openai"})
    with fastagentic.run("price") as run:
        client.chat.completions.create(model=MODEL, messages=MESSAGES)  # type: ignore[arg-type]
    fastagentic.uninstrument()
    return run.usage.cost


def measure(ledger: str, place: str, *, processes: int, threads: int, calls: int, delay_s: float = 0.02) -> Row:
    """One run's budget, worth so many calls, under the load of all workers."""
    from fastagentic.demo.provider import StandIn

    with StandIn(delay_s=delay_s) as provider, tempfile.TemporaryDirectory(prefix="fastagentic-budgets-") as home:
        url = provider.url()
        limit_usd = cost_of_one(url) * (calls - 0.5)
        provider.reset()
        environ = {**os.environ, "FASTAGENTIC_HOME": home, "FASTAGENTIC_BUDGET_LEDGER": place}
        command = [sys.executable, __file__, "--work", url, str(threads), repr(limit_usd)]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environ}
        workers = [subprocess.Popen(command, **pipes) for _ in range(processes)]
        try:
            for worker in workers:
                assert worker.stdout.readline() == "ready\n"
            started = time.perf_counter()
            for worker in workers:
                worker.stdin.write("go\n")
                worker.stdin.flush()
            told = [json.loads(worker.stdout.readline()) for worker in workers]
            took = time.perf_counter() - started
        finally:
            for worker in workers:
                worker.communicate()
        failed = [one for worker in told for one in worker["failed"]]
        assert not failed, failed[:3]
        return Row(
            ledger=ledger,
            processes=processes,
            threads=threads,
            limit_calls=calls,
            made=len(provider.exchanges),
            refused=sum(worker["refused"] for worker in told),
            most_in_flight=processes * threads,
            seconds=took,
        )


@contextmanager
def redis_url() -> Iterator[str | None]:
    """A Redis of our own; None where there is no redis-server."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder], stdout=subprocess.DEVNULL
        ) as server,
    ):
        try:
            until = time.monotonic() + 10
            while time.monotonic() < until:
                try:
                    socket.create_connection(("127.0.0.1", port), 0.2).close()
                    break
                except OSError:
                    time.sleep(0.02)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()


def rows(*, processes: int, threads: int, calls: int) -> Iterator[Row]:
    yield measure("process, one process", "process", processes=1, threads=threads, calls=calls)
    yield measure("local", "local", processes=processes, threads=threads, calls=calls)
    with redis_url() as url:
        if url is not None:
            yield measure("redis", url, processes=processes, threads=threads, calls=calls)
    yield measure("process, each for itself", "process", processes=processes, threads=threads, calls=calls)


def main() -> int:
    if "--work" in sys.argv:
        url, threads, limit = sys.argv[2:]
        work(url, int(threads), float(limit))
        return 0
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=50)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--calls", type=int, default=400, help="calls that the budget is worth")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = list(rows(processes=options.processes, threads=options.threads, calls=options.calls))
    if options.json:
        print(json.dumps([{**asdict(row), "overshoot": row.overshoot} for row in found], indent=2))
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table("ledger", "processes x threads", "worth, calls", "made", "over", "most in flight", "refused", "s")
    for row in found:
        load = f"{row.processes} x {row.threads}"
        figures = (row.limit_calls, row.made, row.overshoot, row.most_in_flight, row.refused)
        table.add_row(row.ledger, load, *map(str, figures), f"{row.seconds:.1f}")
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
