"""What must hold before a release: the wheel and the sdist, installed where nothing else is. Called by `make release-check`.

    .venv/bin/python scripts/release_check.py [--only EXTRA ...] [--dist dist]

It builds both, looks at what is in them, and writes a bill of materials (CycloneDX) beside them. Then the first quickstart, as
a stranger does it: `pip install`, with nothing cached, the program, the commands. Then an environment for the wheel alone
and for each extra, at the versions of `uv.lock`. In each: every import that a page shows works, or names the extra that is
missing; `fastagentic --version` is the version of the wheel; a user's file passes `mypy --strict`; and the quickstart whose
extra it is runs as written. The operator's runs where there are a collector (`make collector`) and Prometheus. Exit code 1 when
anything does not hold.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPO = Path(__file__).resolve().parents[1]
UV = Path(sys.executable).with_name("uv")
ALONE, FIRST = "alone", "first-quickstart"

FIRST_QUICKSTART = "docs/quickstart.md"
QUICKSTARTS = {"litellm": FIRST_QUICKSTART, "portkey": "docs/quickstart-app.md"}
"""Which page's blocks run in which environment, from the first to the last, as one program."""
OPERATORS = "litellm"  # whose application that quickstart watches
MOST_SECONDS, MOST_LINES = 120, 9  # of the first one, installation included
NOT_AN_EXTRA = {"instruments-any"}  # what opentelemetry-instrument looks at; nobody installs it
WRITTEN_BY_THE_READER = "docs/tutorials/"  # what these pages import, the wheel does not have

KINDS = {
    "py.typed": r"py\.typed",
    "migrations": r"store/migrations/m\d+_\w+\.py",
    "templates": r"dashboard/templates/\w+\.html",
    "static files": r"dashboard/static/.+",
    "files for Node": r"demo/node/.+",
    "start-up hook": r"_bootstrap/sitecustomize\.py",
    "modules": r".+\.py",
}
"""What the wheel must hold, and nothing that is none of it."""

TRY_IMPORTS = """
import json, os, sys

found = {}
for line in json.load(sys.stdin):
    reader, writer = os.pipe()
    if os.fork() == 0:  # an import leaves modules behind, and what the next one finds must not depend on them
        try:
            exec(line)
        except BaseException as error:
            os.write(writer, f"{type(error).__name__}: {error}".encode()[:4000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        found[line] = said.read()
    os.wait()
print(json.dumps(found))
"""

USER_FILE = """
import fastagentic
from fastagentic import HookContext, Run

fastagentic.instrument(destinations=[], capture_content=False)


@fastagentic.hook("on_llm_end")
async def log_cost(ctx: HookContext) -> None:
    print(ctx.run_id, ctx.metadata.get("litellm"))


@fastagentic.run("answer", user="u-42", tags=["chat"])
def answer(question: str) -> int:
    return len(question)


def inside(run: Run) -> float | None:
    return run.usage.cost


with fastagentic.run("nightly") as run:
    total: int = answer("What is a run?")
    print(inside(run), fastagentic.flush(timeout=1.0), total)
"""


class FailedError(Exception):
    """A check that does not hold, with what there is to say."""


def run(*command: str | Path, cwd: Path = REPO, env: dict[str, str] | None = None, said: str = "") -> str:
    """What a command prints; `said` is its input. Raises: FailedError."""
    done = subprocess.run([*map(str, command)], cwd=cwd, env=env, input=said, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FailedError(
            f"{' '.join(map(str, command[:4]))} exited with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return done.stdout


def version() -> str:
    """The one place it stands in."""
    return re.findall(r'__version__.*= "([^"]+)"', (REPO / "src/fastagentic/_version.py").read_text())[0]


def extras() -> dict[str, list[str]]:
    """The extras that people install, each with what it asks for."""
    declared: dict[str, list[str]] = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    return {name: asked for name, asked in declared.items() if name not in NOT_AN_EXTRA}


def with_those_inside(extra: str) -> set[str]:
    """An extra and those that it brings."""
    found = {extra}
    for asked in extras().get(extra, ()):
        if inner := re.fullmatch(r"fastagentic\[([\w,]+)\]", asked):
            found.update(*map(with_those_inside, inner[1].split(",")))
    return found


def blocks(page: Path, language: str = "python") -> list[str]:
    return re.findall(rf"^```{language}\b[^\n]*\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def documented_imports() -> list[str]:
    """Every name of ours that a page imports or the reference describes, a statement each."""
    pages = [REPO / "README.md", *sorted((REPO / "docs").rglob("*.md"))]
    found: set[str] = set()
    for page in (page for page in pages if WRITTEN_BY_THE_READER not in page.as_posix()):
        described = re.findall(r"^::: (fastagentic[\w.]*)\.(\w+)$", page.read_text(), re.MULTILINE)
        found.update(f"from {module} import {name}" for module, name in described)
        for node in (node for block in blocks(page) for node in ast.walk(ast.parse(block))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fastagentic":
                found.update(f"from {node.module} import {alias.name}" for alias in node.names)
            elif isinstance(node, ast.Import):
                found.update(f"import {alias.name}" for alias in node.names if alias.name.split(".")[0] == "fastagentic")
    return sorted(found)


def build(dist: Path) -> tuple[Path, Path]:
    """The wheel and the sdist, built anew."""
    for old in dist.glob("fastagentic-*"):
        old.unlink()
    run(UV, "build", "--quiet", "--out-dir", dist)
    return next(dist.glob("*.whl")), next(dist.glob("*.tar.gz"))


def look_into_wheel(wheel: Path) -> str:
    """The wheel holds the files of the package that git knows, every kind of them, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        everything = archive.namelist()
        info = {name.partition(".dist-info/")[2]: archive.read(name).decode() for name in everything if ".dist-info/" in name}
    names = {name.removeprefix("fastagentic/") for name in everything if ".dist-info/" not in name}
    tracked = {name.removeprefix("src/fastagentic/") for name in run("git", "ls-files", "src/fastagentic").splitlines()}
    if names != tracked:
        raise FailedError(f"strange: {sorted(names - tracked)}, left out: {sorted(tracked - names)}")
    counts, rest = dict.fromkeys(KINDS, 0), set(names)
    for kind, pattern in KINDS.items():
        these = {name for name in rest if re.fullmatch(pattern, name)}
        counts[kind], rest = len(these), rest - these
    if rest or not all(counts.values()):
        raise FailedError(f"of no kind: {sorted(rest)}, missing: {[kind for kind, count in counts.items() if not count]}")
    if missing := {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"} ^ set(info):
        raise FailedError(f"in its .dist-info there should be no more and no less than usual: {sorted(missing)}")
    if f"\nVersion: {version()}\n" not in info["METADATA"]:
        raise FailedError("the wheel's version is not that of _version.py")
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return f"{kinds}; {wheel.stat().st_size / 1e6:.1f} MB"


def look_into_sdist(sdist: Path) -> str:
    """The sdist holds all that git knows, so that it can be built and tested from, and nothing else."""
    with tarfile.open(sdist) as archive:
        names = {archived.name.partition("/")[2] for archived in archive.getmembers() if not archived.isdir()}
    tracked = set(run("git", "ls-files").splitlines()) - set(run("git", "ls-files", "--deleted").splitlines())
    if names - {"PKG-INFO"} != tracked:
        raise FailedError(f"strange: {sorted(names - tracked - {'PKG-INFO'})}, left out: {sorted(tracked - names)}")
    return f"{len(names)} files, {sdist.stat().st_size / 1e6:.1f} MB"


def bill_of_materials(dist: Path) -> str:
    """Every package that an installation with all extras brings, with its version and hashes."""
    path = dist / f"fastagentic-{version()}.cdx.json"
    wanted = ("--frozen", "--all-extras", "--no-dev", "--format", "cyclonedx1.5", "--preview-features", "sbom-export")
    bill: dict[str, Any] = json.loads(run(UV, "export", "--quiet", *wanted))
    bill["metadata"]["component"]["version"] = version()  # it is dynamic, so the lock does not know it
    path.write_text(json.dumps(bill, indent=2) + "\n")
    packages = [part for part in bill["components"] if "uv:package:is_project_root" not in str(part)]
    bare = [part["name"] for part in packages if not (part.get("version") and part.get("purl") and "SHA-256" in str(part))]
    if bare or len(packages) < 50:
        raise FailedError(f"{len(packages)} packages in {path.name}, without version, purl or hash: {bare}")
    return f"{path.name}: {len(packages)} packages"


@contextlib.contextmanager
def environment(wheel: Path, extra: str, constraints: Path) -> Iterator[Path]:
    """A new environment that has the wheel with one extra, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder) / "venv"
        run(UV, "venv", "--quiet", "--python", sys.executable, venv)
        run(UV, "pip", "install", "--quiet", "--python", venv, "--constraint", constraints, wanted(wheel, extra))
        yield venv


def wanted(wheel: Path, extra: str) -> str:
    """The wheel with an extra, as an installer takes it."""
    return f"fastagentic{'' if extra == ALONE else f'[{extra}]'} @ {wheel.resolve().as_uri()}"


def clean(folder: Path) -> dict[str, str]:
    """The environment of a stranger's process: a home of its own, and nobody's settings."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    return {**kept, "FASTAGENTIC_HOME": str(folder / "home"), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


def check_version(venv: Path) -> str:
    """`fastagentic --version` is the version of the wheel."""
    said = run(venv / "bin" / "fastagentic", "--version", cwd=venv.parent, env=clean(venv.parent)).strip()
    if version() not in said:
        raise FailedError(f"`fastagentic --version` says {said!r}, not {version()}")
    return said


def check_imports(venv: Path, extra: str) -> str:
    """Every import that a page shows works, or names an extra that this environment does not have."""
    lines = documented_imports()
    said = run(venv / "bin/python", "-c", TRY_IMPORTS, cwd=venv.parent, env=clean(venv.parent), said=json.dumps(lines))
    told = {line: error for line, error in json.loads(said).items() if error}
    for line, error in told.items():
        named = re.search(r"^ImportError: .*pip install 'fastagentic\[(\w+)\]'", error)
        if named is None or named[1] in with_those_inside(extra):
            raise FailedError(f"{line}\n{error}")
    return f"{len(lines) - len(told)} work, {len(told)} name their extra"


def check_types(venv: Path) -> str:
    """A user's file passes mypy --strict against the installed wheel."""
    file = venv.parent / "user_file.py"
    file.write_text(USER_FILE)
    run(
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--python-executable",
        venv / "bin" / "python",
        file,
        cwd=venv.parent,
        env=clean(venv.parent),
    )
    return "mypy --strict passes"


def check_quickstart(venv: Path, page: Path, most: int | None = None) -> str:
    """The first `most` blocks of a page run as written and print what they say; so do its commands. Returns: how many."""
    parts = blocks(page)[:most]
    program = venv.parent / "quickstart.py"
    program.write_text("\n".join(parts))
    printed = run(venv / "bin/python", program, cwd=venv.parent, env=clean(venv.parent)).splitlines()
    promised = [line.removeprefix("#> ") for part in parts for line in part.splitlines() if line.startswith("#> ")]
    if printed != promised:
        raise FailedError(f"{page.name} prints {printed}, not {promised}")
    commands = [line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]
    for command in commands:
        name, *options = command.split()
        if not run(venv / "bin" / name, *options, cwd=venv.parent, env=clean(venv.parent)).strip():
            raise FailedError(f"{page.name}: `{command}` prints nothing")
    return f"{page.name}: {len(parts)} blocks, {len(commands)} commands"


def check_operators_quickstart(venv: Path) -> str:
    """The operator's quickstart, by its own test, with `fastagentic` and `python` of the environment."""
    try:
        run("sh", "scripts/collector.sh", "find")
        run("sh", "scripts/prometheus.sh", "find")
    except FailedError:
        return "not run: it needs a collector (make collector) and Prometheus"
    variables = {**os.environ, "RELEASE_CHECK_PROGRAMS": str(venv / "bin")}
    run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/operators/test_quickstart.py", env=variables)
    return "quickstart-operator.md: every block"


def check_first_quickstart(wheel: Path) -> str:
    """What a stranger does first, from an empty folder: few lines, and not long, the installation included."""
    page = REPO / FIRST_QUICKSTART
    lines = sum(bool(line) and not line.startswith("#>") for line in blocks(page)[0].splitlines())
    extra = re.findall(r"^pip install '\.\[(\w+)\]'", page.read_text(), re.MULTILINE)[0]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder) / "venv"
        run(sys.executable, "-m", "venv", venv)
        run(venv / "bin/python", "-m", "pip", "install", "--quiet", "--no-cache-dir", wanted(wheel, extra))
        installed = time.monotonic()
        check_quickstart(venv, page, most=1)
    ended = time.monotonic()
    busy = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    said = f"{lines} lines, {ended - started:.0f} s from an empty folder, pip's {installed - started:.0f} s included ({busy})"
    if lines > MOST_LINES or ended - started > MOST_SECONDS:
        raise FailedError(f"{said}; at most {MOST_LINES} lines and {MOST_SECONDS} s are promised")
    return said


class Report:
    """What was checked, how it went, and how long it took."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, bool, float]] = []
        self.console = Console()

    def check(self, what: str, function: Callable[..., str], *arguments: object) -> None:
        """Do one check; a failure is told at once, and the rest goes on."""
        started = time.monotonic()
        try:
            self.rows.append((what, function(*arguments), True, time.monotonic() - started))
        except FailedError as failure:
            self.failed(what, failure, time.monotonic() - started)

    def failed(self, what: str, failure: FailedError, took_s: float = 0.0) -> None:
        self.console.print(f"[red]{what}[/red]: {escape(str(failure))}")
        self.rows.append((what, str(failure).splitlines()[0], False, took_s))

    def print(self) -> None:
        table = Table("check", "", "what was found", "seconds")
        for what, said, is_well, seconds in self.rows:
            table.add_row(what, "[green]ok[/green]" if is_well else "[red]failed[/red]", escape(said), f"{seconds:.1f}")
        self.console.print(table)

    @property
    def is_well(self) -> bool:
        return all(is_well for _, _, is_well, _ in self.rows)


def check_environment(report: Report, wheel: Path, extra: str, constraints: Path) -> None:
    """All that is checked where the wheel is installed with one extra."""
    started = time.monotonic()
    with environment(wheel, extra, constraints) as venv:
        report.rows.append((f"{extra}: installs", "", True, time.monotonic() - started))
        report.check(f"{extra}: version", check_version, venv)
        report.check(f"{extra}: imports", check_imports, venv, extra)
        report.check(f"{extra}: types", check_types, venv)
        if extra in QUICKSTARTS:
            report.check(f"{extra}: quickstart", check_quickstart, venv, REPO / QUICKSTARTS[extra])
        if extra == OPERATORS:
            report.check(f"{extra}: operator's", check_operators_quickstart, venv)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = [FIRST, ALONE, *extras()]
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, help="these environments")
    parser.add_argument("--dist", type=Path, default=REPO / "dist", help="where wheel, sdist and bill of materials go")
    options = parser.parse_args()
    report = Report()
    wheel, sdist = build(options.dist)
    report.check("wheel", look_into_wheel, wheel)
    report.check("sdist", look_into_sdist, sdist)
    report.check("bill of materials", bill_of_materials, options.dist)
    if FIRST in options.only:
        report.check("first quickstart", check_first_quickstart, wheel)
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(
            run(UV, "export", "--frozen", "--all-extras", "--no-dev", "--no-hashes", "--no-emit-project", "--quiet")
        )
        for extra in (part for part in options.only if part != FIRST):
            report.console.print(f"{extra} ...")
            try:
                check_environment(report, wheel, extra, constraints)
            except FailedError as failure:
                report.failed(f"{extra}: installs", failure)
    report.print()
    return 0 if report.is_well else 1


if __name__ == "__main__":
    sys.exit(main())
