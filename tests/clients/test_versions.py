"""The oldest supported and the newest release of each client pass the tests of the doors, each in an environment of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DOORS = ("tests/clients", "tests/observe")
SDK, SURFACE = OF_THE_OPENAI_SDK = ("tests/clients/test_openai_sdk.py", "tests/clients/test_openai_sdk_surface.py")


@dataclass(slots=True, frozen=True)
class Release:
    """A row: what stands in the place of what `uv.lock` has, without its dependencies; which tests it passes, and which not."""

    name: str
    packages: tuple[str, ...]
    tests: tuple[str, ...]
    without: Mapping[str, str] = field(default_factory=dict)
    """How the id of a test begins -> what the release itself has to do with it."""

    def __str__(self) -> str:
        return self.name


ANOTHER_HTTPX = {
    f"{SDK}::TestNeverInTheWay::test_the_price_table_loads_while_the_sdk_is_in_use": "about how 2.x alone comes by its httpx2"
}

# The newest LiteLLM asks for a certifi that not every mirror has: it takes the locked one.
RELEASES = (
    Release("oldest", ("litellm==1.104.0", "portkey-ai==2.2.0"), DOORS),
    Release("newest", ("litellm==1.109.1", "portkey-ai==2.3.4"), DOORS),
    Release(
        "oldest-openai",
        ("openai==1.66.0",),
        OF_THE_OPENAI_SDK,
        {
            **ANOTHER_HTTPX,
            f"{SDK}::TestOneCall::test_litellm_": "LiteLLM asks for a newer SDK",
            f"{SURFACE}::test_however_the_answer_is_read_it_is_one_span_with_its_usage[parse-": "`parse` is of a later release",
            f"{SURFACE}::test_however_the_answer_is_read_it_is_one_span_with_its_usage[stream()-": "so is `stream`",
            f"{SURFACE}::test_an_answer_that_parse_refuses_was_paid_for": "as above",
        },
    ),
    Release("newest-openai", ("openai==3.54.0",), OF_THE_OPENAI_SDK, ANOTHER_HTTPX),
)


def environment(packages: tuple[str, ...]) -> Path:
    """The locked environment with these releases in the place of the locked ones, kept outside the tree by what is in it."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if uv is None:
        pytest.skip("uv is missing: run the tests by make test")
    content = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "uv.lock"))
    digest = hashlib.sha256(repr((packages, sys.version, str(ROOT))).encode() + content).hexdigest()[:16]
    home = Path(platformdirs.user_cache_path("fastagentic-tests")) / f"clients-{digest}"
    if not (home / "ready").exists():
        environ = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(home)}
        python = str(home / "bin" / "python")
        for command in (
            [uv, "sync", "--frozen", "--quiet", "--all-extras", "--no-install-project", "--python", sys.executable],
            [uv, "pip", "install", "--quiet", "--no-deps", "--python", python, *packages],
        ):
            subprocess.run(command, cwd=ROOT, env=environ, check=True, timeout=600, stdin=subprocess.DEVNULL)
        (home / "ready").touch()
    return home / "bin" / "python"


@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_the_doors_of_this_release_are_those_we_know(release: Release) -> None:
    python = environment(release.packages)
    left_out = [f"--deselect={test}" for test in release.without]
    options = ["-q", "-n", "0", "-m", "not slow", "-p", "no:cacheprovider", *left_out]
    command = [str(python), "-m", "pytest", *options, *release.tests]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=1800, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
