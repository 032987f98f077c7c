"""The same calls through each peer and through us, one environment each: what their spans say, and what a call pays.

    .venv/bin/python benchmarks/peers [--only PEER ...] [--rounds 12] [--calls 60] [--json] [--write docs/compare.md]

Environments are made by uv in the user's cache, once. The cases are judged by `judge.py` against the stand-in provider's log.
The overhead loop keeps a process a peer, and one without it in the same environment, and gives them short blocks of calls in
turn; a figure is the least of a process's blocks less the least of the other's, since whatever else the machine does only ever
adds. Trust the ratios, not the digits. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]
from judge import CASES, WELL, truth_of, verdict  # noqa: E402
from tests.frameworks.environments import Environment  # noqa: E402

from fastagentic.demo.provider import StandIn  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = HERE / "play.py"
CLIENTS = ("litellm", "portkey-ai", "openai", "orjson", "soundfile", "fastapi")
KINDS = {"plain": 1, "stream": 4}


@dataclass(frozen=True)
class Peer:
    """A row: what is compared, and what its environment holds."""

    name: str
    title: str
    requirements: tuple[str, ...]
    is_us: bool = False
    packages: tuple[str, ...] = ()
    """Whose versions are told."""

    @property
    def environment(self) -> Environment:
        return Environment(
            f"peer-{self.name}", (*CLIENTS, "opentelemetry-sdk", *self.requirements), has_checkout=self.is_us, locked=CLIENTS
        )


def by_instrumentations(name: str, title: str, version: str, *packages: str) -> Peer:
    """A peer that is a package an instrumented client, all of one version."""
    return Peer(name, title, tuple(f"{package}=={version}" for package in packages), packages=packages[:1])


PEERS = (
    Peer("fastagentic", "fastagentic", (), is_us=True, packages=("fastagentic",)),
    Peer(
        "openinference",
        "OpenInference",
        ("openinference-instrumentation-litellm==0.1.51", "openinference-instrumentation-portkey==0.1.22"),
        packages=("openinference-instrumentation-litellm",),
    ),
    by_instrumentations("openllmetry", "OpenLLMetry", "0.62.4", "opentelemetry-instrumentation-litellm"),
    by_instrumentations("openlit", "OpenLIT", "1.45.0", "openlit"),
    Peer("logfire", "Logfire", ("logfire[litellm]==5.4.0",), packages=("logfire",)),
    by_instrumentations(
        *("official", "OTel GenAI", "1.3b0"),
        *("opentelemetry-instrumentation-genai-openai", "opentelemetry-instrumentation-genai-portkey"),
    ),
    Peer("litellm-otel", "LiteLLM's `otel`", (), packages=("litellm",)),
)


@dataclass
class Compared:
    """What was found of one peer."""

    peer: Peer
    versions: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    overhead: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By kind of call: microseconds over bare, of the caller and in all."""


def variables(home: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "TMPDIR"}}
    return {
        **kept,
        "HOME": home,
        "FASTAGENTIC_HOME": home,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    }


def versions_of(peer: Peer, python: Path) -> dict[str, str]:
    names = (*peer.packages, "litellm", "opentelemetry-sdk")
    code = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {names!r}}}))"
    return dict(json.loads(subprocess.check_output([python, "-c", code], text=True)))


def play(peer: Peer, python: Path) -> dict[str, str]:
    """The verdict on each case."""
    with StandIn() as provider, tempfile.TemporaryDirectory() as home:
        command = [str(python), str(PROGRAM), peer.name, "cases", provider.base]
        done = subprocess.run(command, cwd=home, env=variables(home), capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise SystemExit(f"{peer.name} ended with {done.returncode}\n{done.stderr[-3000:]}")
        played = json.loads(done.stdout.splitlines()[-1])
        found = {}
        for case in CASES:
            said = verdict(case, truth_of(case, provider.exchanges), played[case.name])
            broke = played[case.name]["error"] if not case.is_failure else None
            found[case.name] = f"the call broke: {broke}" if broke else said
        return found


class Loop:
    """A process of a peer's environment that makes calls when told to."""

    def __init__(self, python: Path, peer: str, home: str) -> None:
        self._process = subprocess.Popen(
            [python, PROGRAM, peer, "loop"], cwd=home, env=variables(home), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def block(self, kind: str, calls: int) -> tuple[float, float]:
        """Microseconds a call: of the calling thread, and of the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{kind} {calls}\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("["):
                caller, total = json.loads(line)
                return caller, total
        raise SystemExit(f"{self._process.args} ended with {self._process.wait()}")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


def overheads(pythons: dict[str, Path], rounds: int, calls: int) -> dict[str, dict[str, tuple[float, float]]]:
    """By peer and kind of call: what a call takes more than in the bare process beside it, each at its least."""
    seen: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    with ExitStack() as stack, tempfile.TemporaryDirectory() as home:
        loops = {}
        for name, python in pythons.items():
            for who in ("bare", name):
                loops[name, who] = Loop(python, who, home)
                stack.callback(loops[name, who].close)
        for loop in loops.values():
            for kind in KINDS:
                loop.block(kind, max(3, calls // 4))
        for number in track(range(rounds), "overhead", console=Console(stderr=True)):
            for name in _turned(list(pythons), number):
                for kind, weight in KINDS.items():
                    for who in _turned(["bare", name], number):
                        seen.setdefault((name, kind, who), []).append(loops[name, who].block(kind, max(3, calls // weight)))
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name in pythons:
        for kind in KINDS:
            observed, bare = least(seen[name, kind, name]), least(seen[name, kind, "bare"])
            found.setdefault(name, {})[kind] = observed[0] - bare[0], observed[1] - bare[1]
    return found


def least(figures: list[tuple[float, float]]) -> tuple[float, float]:
    """Of the caller's thread and in all, each the least that was seen."""
    return min(caller for caller, _ in figures), min(total for _, total in figures)


def _turned(names: list[str], by: int) -> list[str]:
    return names[by % len(names) :] + names[: by % len(names)]


# --- what is printed -----------------------------------------------------------------------------------------------------


def cells(compared: list[Compared]) -> Iterator[list[str]]:
    for case in CASES:
        yield [case.title, *(one.verdicts[case.name] for one in compared)]
    yield [
        "**cases that are right**",
        *(f"{sum(said == WELL for said in one.verdicts.values())} of {len(CASES)}" for one in compared),
    ]


def cost_cells(compared: list[Compared]) -> Iterator[list[str]]:
    for kind, title in (("plain", "a call"), ("stream", "a stream of 40 pieces")):
        for place, part in enumerate(("on the caller's thread", "in all")):
            yield [f"{title}, {part}", *(f"{one.overhead[kind][place]:.0f}" if one.overhead else "-" for one in compared)]


def in_markdown(head: list[str], rows: Iterator[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def page(compared: list[Compared], rounds: int, calls: int) -> str:
    """docs/compare.md, whole."""
    ours = [one.peer.title for one in compared]
    behind = list(falls_short(compared))
    versions = ", ".join(
        f"{name} {version}" for name, version in sorted({pair for one in compared for pair in one.versions.items()})
    )
    return TEXT.format(
        behind="\n".join(f"- {line}" for line in behind) or "- In no row of these tables.",
        cases=in_markdown(["", *ours], cells(compared)),
        overhead=in_markdown(["microseconds of CPU", *ours], cost_cells(compared)),
        when=datetime.now(UTC).date().isoformat(),
        python=platform.python_version(),
        rounds=rounds,
        calls=calls,
        versions=versions,
    )


def falls_short(compared: list[Compared]) -> Iterator[str]:
    """The rows in which somebody is better than us."""
    us, *others = compared
    for case in CASES:
        better = [one.peer.title for one in others if one.verdicts[case.name] == WELL]
        if us.verdicts[case.name] != WELL and better:
            yield f"{case.title}: ours is {us.verdicts[case.name]!r}, right with {', '.join(better)}."
    if us.overhead:
        for kind, title in (("plain", "A call"), ("stream", "A stream")):
            for place, part in enumerate(("on the caller's thread", "in all")):
                mine = us.overhead[kind][place]
                better = [
                    f"{one.peer.title} ({one.overhead[kind][place]:.0f})"
                    for one in others
                    if one.overhead and one.overhead[kind][place] < mine
                ]
                if better:
                    yield f"{title} {part} pays {mine:.0f} µs with us, less with {', '.join(better)}."


TEXT = """# Compared with others

Written by `benchmarks/peers` on {when}, Python {python}, two shared cores. Versions:
{versions}.

Each peer has an environment of its own and is switched on as its documentation says. The same calls go through each, at the
same stand-in provider, whose log is the truth; prices are typed by hand. A cell is `yes` when the spans count the calls once,
are in the caller's trace, are errors where the call failed, and have the tokens and the cost in USD; else it says the first
thing that is not so. What is stated for a stream that was not read whole may be an estimate. Every peer's own spelling of a
value counts. `no cost` and `not seen` are no faults where a peer does not set out to do it: OpenLLMetry and the OTel
instrumentations leave cost to the backend, and some do not know the Portkey SDK. With OpenTelemetry's threading
instrumentation a thread's call would be in its caller's trace with all of them.

## Where others are better

{behind}

What the tables do not show: Langfuse, Logfire, Phoenix and OpenLIT come with a service in which to look at traces, evaluate
answers and compare prompts; fastagentic sends to such a service and does not replace it. It observes Portkey, LiteLLM and
the OpenAI SDK; the others observe dozens of providers' SDKs, vector stores and frameworks.

## What the spans say

{cases}

## What a call pays

Over the same call unobserved, in the same environment: the least of {rounds} blocks of {calls} calls (of a stream, a quarter as
many), the peers' blocks in turn. Spans go to a batch processor whose exporter lets them go. Where "in all" is less than
its part on the caller's thread, or a figure is below 0, that is noise; differences of that size say nothing.

{overhead}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=[peer.name for peer in PEERS], help="these peers")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--calls", type=int, default=24, help="calls in a block")
    parser.add_argument("--no-overhead", action="store_true", help="the cases alone")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, help="the page to write")
    options = parser.parse_args()
    console = Console(stderr=options.json)
    compared = []
    for peer in PEERS:
        if options.only and peer.name not in options.only:
            continue
        console.print(f"{peer.title} ...")
        python = peer.environment.python()
        compared.append(Compared(peer, versions_of(peer, python), play(peer, python)))
    if not options.no_overhead:
        pythons = {one.peer.name: one.peer.environment.python() for one in compared}
        found = overheads(pythons, options.rounds, options.calls)
        for one in compared:
            one.overhead = found[one.peer.name]
    for head, rows in (("", cells(compared)), ("us of CPU over bare", cost_cells(compared))):
        table = Table(head, *(one.peer.title for one in compared))
        for row in rows:
            table.add_row(*(re.sub(r"[*`]", "", cell) for cell in row))
        console.print(table)
    if options.json:
        told: Any = {
            one.peer.name: {"versions": one.versions, "verdicts": one.verdicts, "overhead_us": one.overhead} for one in compared
        }
        print(json.dumps(told, indent=2))
    if options.write:
        options.write.write_text(page(compared, options.rounds, options.calls))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
