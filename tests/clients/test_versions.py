"""The oldest supported and the newest release of each client pass the tests of the doors, each in an environment of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# Chat completions, streams, the Router and the patching itself; the rest of the surface is told for the locked release only.
DOORS = (
    "tests/clients/test_one_call_one_span.py",
    "tests/clients/test_litellm.py",
    "tests/clients/test_portkey.py",
    "tests/clients/test_patching.py",
    "tests/observe/test_runs.py",
    "tests/observe/test_metrics.py",
)

# The newest LiteLLM asks for a certifi that not every mirror has; without its dependencies it takes the locked ones.
RELEASES = {
    "oldest": ("litellm==1.104.0", "portkey-ai==2.2.0"),
    "newest": ("litellm==1.109.1", "portkey-ai==2.3.4"),
}


def environment(releases: tuple[str, ...]) -> Path:
    """The locked environment with these releases in the place of the locked ones, kept outside the tree by what is in it."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if uv is None:
        pytest.skip("uv is missing: run the tests by make test")
    content = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "uv.lock"))
    digest = hashlib.sha256(repr((releases, sys.version, str(ROOT))).encode() + content).hexdigest()[:16]
    home = Path(platformdirs.user_cache_path("fastagentic-tests")) / f"clients-{digest}"
    if not (home / "ready").exists():
        environ = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(home)}
        python = str(home / "bin" / "python")
        for command in (
            [uv, "sync", "--frozen", "--quiet", "--all-extras", "--no-install-project", "--python", sys.executable],
            [uv, "pip", "install", "--quiet", "--no-deps", "--python", python, *releases],
        ):
            subprocess.run(command, cwd=ROOT, env=environ, check=True, timeout=600, stdin=subprocess.DEVNULL)
        (home / "ready").touch()
    return home / "bin" / "python"


@pytest.mark.parametrize("which", RELEASES)
def test_the_doors_of_this_release_are_those_we_know(which: str) -> None:
    python = environment(RELEASES[which])
    command = [str(python), "-m", "pytest", "-q", "-n", "0", "-m", "not slow", "-p", "no:cacheprovider", *DOORS]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=900, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
