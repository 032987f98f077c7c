"""What must hold before a release: the wheel and the sdist, installed where nothing else is. Called by `make release-check`.

    .venv/bin/python scripts/release_check.py [--only EXTRA ...] [--dist dist]

It builds both, looks at what is in them, writes a bill of materials (CycloneDX) beside them, and makes an environment for
the wheel alone and for each extra, at the versions of `uv.lock`. In each: every import that a page shows works, or says which
extra to install; `fastagentic --version` is the version of the wheel; a user's file passes `mypy --strict`; and the quickstart
whose extra it is runs as written. Exit code 1 when anything does not hold.
"""

from __future__ import annotations

import argparse
import contextlib
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
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

REPO = Path(__file__).resolve().parents[1]
UV = Path(sys.executable).with_name("uv")
ALONE = "alone"

QUICKSTARTS = {"litellm": "docs/quickstart.md", "portkey": "docs/quickstart-app.md"}
"""Which page's blocks run in which environment, from the first to the last, as one program."""
NOT_AN_EXTRA = {"instruments-any"}  # what opentelemetry-instrument looks at; nobody installs it

MUST_HOLD = (
    "fastagentic/py.typed",
    "fastagentic/store/migrations/m0001_first_tables.py",
    "fastagentic/demo/node/package.json",
    "fastagentic/_bootstrap/sitecustomize.py",
)
MAY_HOLD = re.compile(
    r"fastagentic/[\w/.-]+\.(py|typed|json|cjs|html|css|js|svg|txt|toml|sql)$|fastagentic/[\w/.-]*LICENSE[\w.-]*$"
)

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


def run(*command: str | Path, cwd: Path = REPO, env: dict[str, str] | None = None) -> str:
    """What a command prints. Raises: FailedError."""
    done = subprocess.run([*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FailedError(
            f"{' '.join(map(str, command[:4]))} exited with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return done.stdout


def version() -> str:
    """The one place it stands in."""
    return re.findall(r'__version__.*= "([^"]+)"', (REPO / "src/fastagentic/_version.py").read_text())[0]


def extras() -> list[str]:
    """The extras that people install."""
    return [
        name
        for name in tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        if name not in NOT_AN_EXTRA
    ]


def documented_imports() -> list[str]:
    """Every import of ours that a page shows."""
    pages = [REPO / "README.md", *sorted((REPO / "docs").rglob("*.md"))]
    text = "\n".join(page.read_text() for page in pages)
    return sorted(set(re.findall(r"^(?:from fastagentic[\w.]* import [\w, ]+|import fastagentic[\w.]*)$", text, re.MULTILINE)))


# --- the checks ---------------------------------------------------------------------------------------------------------


def build(dist: Path) -> tuple[Path, Path]:
    """The wheel and the sdist, built anew."""
    for old in dist.glob("fastagentic-*"):
        old.unlink()
    run(UV, "build", "--quiet", "--out-dir", dist)
    return next(dist.glob("*.whl")), next(dist.glob("*.tar.gz"))


def look_into_wheel(wheel: Path) -> str:
    """The wheel holds what it needs and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        metadata = archive.read(next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))).decode()
    missing = [name for name in MUST_HOLD if name not in names]
    strange = [name for name in names if not MAY_HOLD.fullmatch(name)]
    in_tree = {
        path.relative_to(REPO / "src").as_posix()
        for path in (REPO / "src/fastagentic").rglob("*")
        if MAY_HOLD.fullmatch(path.relative_to(REPO / "src").as_posix())
    }
    if missing or strange or (left_out := in_tree - set(names)):
        raise FailedError(
            f"missing: {missing}, strange: {strange}, left out: {sorted(left_out) if not missing and not strange else '-'}"
        )
    if f"\nVersion: {version()}\n" not in metadata:
        raise FailedError("the wheel's version is not that of _version.py")
    return f"{len(names)} files, {wheel.stat().st_size / 1e6:.1f} MB"


def look_into_sdist(sdist: Path) -> str:
    """The sdist can be built and tested from."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "Makefile",
        "uv.lock",
        "src/fastagentic/__init__.py",
        "tests/conftest.py",
        "docs/index.md",
    }
    if missing := wanted - names:
        raise FailedError(f"missing: {sorted(missing)}")
    return f"{len(names)} files, {sdist.stat().st_size / 1e6:.1f} MB"


def bill_of_materials(dist: Path) -> str:
    """Every package that an installation with all extras brings, with its version and hash."""
    path = dist / f"fastagentic-{version()}.cdx.json"
    text = run(
        UV,
        "export",
        "--frozen",
        "--all-extras",
        "--no-dev",
        "--format",
        "cyclonedx1.5",
        "--preview-features",
        "sbom-export",
        "--quiet",
    )
    path.write_text(text)
    found = text.count('"bom-ref"')
    if found < 50:
        raise FailedError(f"only {found} components in {path.name}")
    return f"{path.name}: {found} components"


@contextlib.contextmanager
def environment(wheel: Path, extra: str, constraints: Path) -> Iterator[Path]:
    """A new environment that has the wheel with one extra, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder) / "venv"
        run(UV, "venv", "--quiet", "--python", sys.executable, venv)
        wanted = (
            f"fastagentic @ {wheel.resolve().as_uri()}"
            if extra == ALONE
            else f"fastagentic[{extra}] @ {wheel.resolve().as_uri()}"
        )
        run(UV, "pip", "install", "--quiet", "--python", venv, "--constraint", constraints, wanted)
        yield venv


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


def check_imports(venv: Path) -> str:
    """Every import that a page shows works, or says which extra is missing."""
    works, told = 0, 0
    for line in documented_imports():
        done = subprocess.run(
            [venv / "bin" / "python", "-c", line],
            cwd=venv.parent,
            env=clean(venv.parent),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            works += 1
        elif re.search(r"ImportError: .*pip install ['\"]fastagentic\[\w+\]['\"]", done.stderr):
            told += 1
        else:
            raise FailedError(f"{line}\n{done.stderr[-1500:]}")
    return f"{works} work, {told} name their extra"


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


def check_quickstart(venv: Path, page: str) -> str:
    """The blocks of a page run as written, and print what they say."""
    blocks = re.findall(r"^```python\n(.*?)^```", (REPO / page).read_text(), re.MULTILINE | re.DOTALL)
    program = venv.parent / "quickstart.py"
    program.write_text("\n".join(blocks))
    printed = run(venv / "bin" / "python", program, cwd=venv.parent, env=clean(venv.parent)).splitlines()
    promised = [line.removeprefix("#> ") for block in blocks for line in block.splitlines() if line.startswith("#> ")]
    if printed != promised:
        raise FailedError(f"{page} prints {printed}, not {promised}")
    return f"{page}: {len(blocks)} blocks"


# --- the report ---------------------------------------------------------------------------------------------------------


class Report:
    """What was checked, how it went, and how long it took."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, bool, float]] = []
        self.console = Console()

    def check(self, what: str, function: object, *arguments: object) -> None:
        """Do one check; a failure is told at once, and the rest goes on."""
        started = time.monotonic()
        try:
            said, is_well = str(function(*arguments)), True  # type: ignore[operator]
        except FailedError as failure:
            said, is_well = str(failure), False
            self.console.print(f"[red]{what}[/red]: {escape(said)}")
        self.rows.append((what, said.splitlines()[0], is_well, time.monotonic() - started))

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
        report.check(f"{extra}: imports", check_imports, venv)
        report.check(f"{extra}: types", check_types, venv)
        if extra in QUICKSTARTS:
            report.check(f"{extra}: quickstart", check_quickstart, venv, QUICKSTARTS[extra])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=[ALONE, *extras()], default=[ALONE, *extras()], help="these environments")
    parser.add_argument("--dist", type=Path, default=REPO / "dist", help="where wheel, sdist and bill of materials go")
    options = parser.parse_args()
    report = Report()
    wheel, sdist = build(options.dist)
    report.check("wheel", look_into_wheel, wheel)
    report.check("sdist", look_into_sdist, sdist)
    report.check("bill of materials", bill_of_materials, options.dist)
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(
            run(UV, "export", "--frozen", "--all-extras", "--no-dev", "--no-hashes", "--no-emit-project", "--quiet")
        )
        for extra in options.only:
            report.console.print(f"{extra} ...")
            try:
                check_environment(report, wheel, extra, constraints)
            except FailedError as failure:
                report.check(f"{extra}: installs", _raise, failure)
    report.print()
    return 0 if report.is_well else 1


def _raise(failure: FailedError) -> None:
    raise failure


if __name__ == "__main__":
    sys.exit(main())
