"""Environments of their own for other people's packages: made by uv, kept in the user's cache, made once.

An environment holds what its row asks for and, unless the row says otherwise, this checkout, editable, so that it never grows
old; what fastagentic and the clients need is at the versions of `uv.lock`. It is named after the hash of all that, and the
next run finds it. Used here, by `tests/coexistence` and by `benchmarks/peers`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import platformdirs
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPO: Final = Path(__file__).resolve().parents[2]
INSTALL_S: Final = 900
RUN_S: Final = 120
EXPORT: Final = (
    *("export", "--frozen", "--no-default-groups", "--extra=litellm", "--extra=portkey"),
    *("--no-hashes", "--no-emit-project", "--no-header", "--no-annotate"),
)
CONFLICT: Final = "No solution found"
COMPLAINT: Final = re.compile(r"^fastagentic|not observed", re.MULTILINE)
KEPT: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
"""What a program gets of the environment of whoever runs the tests: no keys, no proxies, no settings."""


@dataclass(slots=True, frozen=True)
class Environment:
    """A row: what is installed beside this checkout, pinned where `uv.lock` does not do it."""

    name: str
    requirements: tuple[str, ...]
    has_checkout: bool = True
    locked: tuple[str, ...] = ()
    """The packages that are held to the versions of `uv.lock`; all of them when none is named."""

    def __str__(self) -> str:
        return self.name

    def python(self) -> Path:
        """The interpreter of the environment, made if it is not there."""
        folder = _cache() / f"{self.name}-{self._hash()}"
        python = folder / "bin" / "python"
        with _locked(_cache() / f"{self.name}.lock"):
            if not (folder / "finished").exists():
                self._drop_stale()
                self._make(folder, python)
        return python

    def run(self, program: Path, *arguments: str, home: Path, **variables: str) -> Any:
        """The JSON in the last line that the program printed. Its home is `home`; of our environment it sees next to nothing.

        Fails when the program does, or when fastagentic had something to complain of.
        """
        python = self.python()
        env = {name: os.environ[name] for name in KEPT if name in os.environ}
        env |= {"HOME": str(home), "FASTAGENTIC_HOME": str(home), "LITELLM_LOCAL_MODEL_COST_MAP": "True", **variables}
        done = _run(str(python), str(program), *arguments, cwd=home, env=env, timeout_s=RUN_S)
        told = (
            f"{program.name} {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
        )
        assert done.returncode == 0, told
        assert not COMPLAINT.search(done.stderr), told
        return json.loads(done.stdout.splitlines()[-1])

    def _hash(self) -> str:
        files = ((REPO / name).read_text() for name in ("pyproject.toml", "uv.lock"))
        parts = (*self.requirements, *self.locked, str(self.has_checkout), *files, str(REPO), sys.version)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    def _make(self, folder: Path, python: Path) -> None:
        uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
        if uv is None:
            _without(f"uv is missing, so {self.name} has no environment of its own")
        shutil.rmtree(folder, ignore_errors=True)
        _uv(uv, "venv", "--python", sys.executable, str(folder)).check_returncode()
        (folder / "checkout").write_text(str(REPO))
        locked = folder / "locked.txt"
        _uv(uv, *EXPORT, "--output-file", str(locked)).check_returncode()
        if self.locked:
            lines = locked.read_text().splitlines()
            locked.write_text("\n".join(line for line in lines if line.partition("==")[0] in self.locked))
        install = ("pip", "install", "--python", str(python), "--constraint", str(locked))
        if self.has_checkout:
            install = (*install, "--editable", str(REPO))
        done = _uv(uv, *install, *self.requirements)
        if done.returncode != 0 and CONFLICT not in done.stderr:  # pins that conflict are a fault of ours
            _without(f"{self.name} could not be installed: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
        (folder / "finished").touch()

    def _drop_stale(self) -> None:
        """Remove this environment's older selves, and those of checkouts that are gone."""
        for mark in _cache().glob(f"{self.name}-*/checkout"):
            if mark.read_text() == str(REPO) or not Path(mark.read_text()).exists():
                shutil.rmtree(mark.parent, ignore_errors=True)


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or platformdirs.user_cache_path()) / "fastagentic-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time, whatever becomes of it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(
    *command: str, timeout_s: float, cwd: Path = REPO, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout_s, check=False)


def _uv(uv: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(uv, "--quiet", *arguments, timeout_s=INSTALL_S)


def _without(reason: str) -> NoReturn:
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"with CI=true nothing may be missing: {reason}", pytrace=False)
    pytest.skip(reason)
