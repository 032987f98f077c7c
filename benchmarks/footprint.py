"""What the one line costs before any call: CPU of the start, modules loaded, memory; each in a fresh interpreter.

    .venv/bin/python benchmarks/footprint.py [--repeat 9] [--json]

CPU is the least of `--repeat` starts (user and system), memory the resident set at the end, after a garbage collection. A
row is compared with the row that it names. Nothing here asserts a figure.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

OTEL = "import wrapt, opentelemetry.sdk.trace, opentelemetry.sdk.metrics\n"
OURS = "import fastagentic; fastagentic.instrument()\n"
REPORT = """
import gc, sys
gc.collect()
heavy = ("litellm", "portkey_ai", "openai", "langfuse", "fastapi", "pydantic", "genai_prices", "typer", "rich", "sqlite3")
rss = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(rss, *(name for name in heavy if name in sys.modules), file=sys.stderr)
"""
PORTKEY = """
import httpx, json, portkey_ai
body = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini", "choices": [],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}}
wire = httpx.MockTransport(lambda _: httpx.Response(200, json=body, headers={"x-portkey-provider": "openai"}))
client = portkey_ai.Portkey(api_key="pk", base_url="http://127.0.0.1:9/v1", http_client=httpx.Client(transport=wire))
for _ in range(2000):
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])
"""
LITELLM = """
import litellm
for _ in range(2000):
    litellm.completion(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}], mock_response="hello")
"""
FLUSH = "fastagentic.flush(30)\n"


@dataclass
class Start:
    """A program, and the row it is compared with."""

    name: str
    program: str
    against: str | None = None
    repeat: bool = True


STARTS = (
    Start("an empty interpreter", ""),
    Start("the OTel SDK and wrapt", OTEL, "an empty interpreter"),
    Start("import fastagentic", "import fastagentic", "an empty interpreter"),
    Start("import fastagentic; fastagentic.instrument()", OURS, "the OTel SDK and wrapt"),
    Start("2,000 Portkey calls, bare", PORTKEY, repeat=False),
    Start("2,000 Portkey calls, observed", OURS + PORTKEY + FLUSH, "2,000 Portkey calls, bare", repeat=False),
    Start("the same, the OTel SDK and the price table alone", OTEL + PORTKEY
          + "import genai_prices.data_snapshot as d; d.get_snapshot()", "2,000 Portkey calls, bare", repeat=False),
    Start("2,000 LiteLLM calls, bare", LITELLM, repeat=False),
    Start("2,000 LiteLLM calls, observed", OURS + LITELLM + FLUSH, "2,000 LiteLLM calls, bare", repeat=False),
)  # fmt: skip


@dataclass
class Footprint:
    """CPU milliseconds, resident megabytes, heavy modules."""

    cpu_ms: float
    rss_mb: float
    loaded: list[str]


def measure(start: Start, repeat: int) -> Footprint:
    environ = {
        **os.environ,
        "FASTAGENTIC_HOME": tempfile.mkdtemp(prefix="fastagentic-bench-"),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    cpu, words = float("inf"), ["0"]
    for _ in range(repeat if start.repeat else 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", start.program + REPORT], env=environ, stderr=subprocess.PIPE, text=True, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = min(cpu, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        words = done.stderr.splitlines()[-1].split()
    return Footprint(cpu * 1000, int(words[0]) / 1024, words[1:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {start.name: measure(start, options.repeat) for start in STARTS}
    table = Table(title="Footprint of the one line", title_justify="left")
    for column in ("", "CPU ms", "more", "MB resident", "more", "heavy modules loaded"):
        table.add_column(column, justify="left" if column in ("", "heavy modules loaded") else "right")
    for start in STARTS:
        one = found[start.name]
        base = found.get(start.against or "")
        cpu = f"{one.cpu_ms - base.cpu_ms:+.0f}" if base else ""
        rss = f"{one.rss_mb - base.rss_mb:+.1f}" if base else ""
        table.add_row(start.name, f"{one.cpu_ms:.0f}", cpu, f"{one.rss_mb:.1f}", rss, " ".join(one.loaded))
    Console(stderr=options.json).print(table)
    if options.json:
        print(json.dumps({name: vars(one) for name, one in found.items()}, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
