"""`make release-check` sees what must not be released: each rule is broken on purpose."""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .places import REPO

if TYPE_CHECKING:
    from collections.abc import Callable

VENV = Path(sys.prefix)


@pytest.fixture(scope="module")
def check() -> Any:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("release_check", REPO / "scripts/release_check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wheel(check: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (REPO / ".git").exists():
        pytest.skip("platform: what belongs into a wheel is asked of git, and this is no checkout")
    built: Path = check.build(tmp_path_factory.mktemp("dist"))[0]
    return built


@pytest.fixture
def changed(wheel: Path, tmp_path: Path) -> Callable[..., Path]:
    """The wheel with files left out, added, or other than they were."""

    def change(leave_out: str = "", **add: str) -> Path:
        copy = tmp_path / wheel.name
        with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(copy, "w") as new:
            for name in old.namelist():
                if name != leave_out:
                    text = old.read(name)
                    new.writestr(name, text.replace(b"\nVersion: ", b"\nVersion: 9") if "version" in add else text)
            if "stray" in add:
                new.writestr(add["stray"], "")
        return copy

    return change


@pytest.mark.slow
def test_the_wheel_is_as_it_should_be(check: Any, wheel: Path) -> None:
    assert check.look_into_wheel(wheel).startswith("1 py.typed, ")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fastagentic/notes.txt", "tests/conftest.py"])
def test_a_file_that_does_not_belong_into_the_wheel_is_named(check: Any, changed: Callable[..., Path], name: str) -> None:
    with pytest.raises(check.FailedError, match=f"strange: .*{Path(name).name}"):
        check.look_into_wheel(changed(stray=name))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["py.typed", "dashboard/templates/base.html", "store/migrations/m0001_first_tables.py"])
def test_a_file_that_the_wheel_lacks_is_named(check: Any, changed: Callable[..., Path], name: str) -> None:
    with pytest.raises(check.FailedError, match=f"left out: .*{name}"):
        check.look_into_wheel(changed(leave_out=f"fastagentic/{name}"))


@pytest.mark.slow
def test_a_wheel_of_another_version_is_refused(check: Any, changed: Callable[..., Path]) -> None:
    with pytest.raises(check.FailedError, match=r"not that of _version\.py"):
        check.look_into_wheel(changed(version="another"))


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """This environment, as if it were the new one of a release check."""
    (tmp_path / "venv").symlink_to(VENV)
    return tmp_path / "venv"


def with_imports(check: Any, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(check, "documented_imports", lambda: list(lines))


def test_the_names_of_blocks_and_of_the_reference_are_tried(check: Any) -> None:
    found = check.documented_imports()

    assert "from fastagentic.integrations.portkey import PortkeyGateway" in found
    assert "from fastagentic import BudgetExceeded" in found
    assert not [line for line in found if "acme" in line or "folder" in line]


def test_an_import_that_does_not_work_is_named(check: Any, environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_imports(check, monkeypatch, "import fastagentic", "from fastagentic import NotThere")

    with pytest.raises(check.FailedError, match="from fastagentic import NotThere\nImportError"):
        check.check_imports(environment, "alone")


@pytest.mark.parametrize(("extra", "is_well"), [("alone", True), ("app", True), ("dashboard", False), ("all", False)])
def test_an_extra_may_be_named_only_where_it_is_not_installed(
    check: Any, environment: Path, monkeypatch: pytest.MonkeyPatch, extra: str, is_well: bool
) -> None:
    refusal = """raise ImportError("the dashboard needs jinja2: pip install 'fastagentic[dashboard]'")"""
    with_imports(check, monkeypatch, "import fastagentic", refusal)

    if is_well:
        assert check.check_imports(environment, extra) == "1 work, 1 name their extra"
    else:
        with pytest.raises(check.FailedError, match="dashboard needs jinja2"):
            check.check_imports(environment, extra)


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        ("```python\nprint(1)\n#> 1\n```\n", None),
        ("```python\nprint(2)\n#> 1\n```\n", r"prints \['2'\], not \['1'\]"),
        ("```python\nraise SystemExit(3)\n```\n", "exited with 3"),
        ("```python\nprint(1)\n#> 1\n```\n```console\n$ fastagentic no-such-command\n```\n", "exited with 2"),
    ],
)
def test_a_quickstart_that_does_not_do_what_it_says_fails(check: Any, environment: Path, blocks: str, told: str | None) -> None:
    page = environment.parent / "page.md"
    page.write_text(blocks)

    if told is None:
        assert check.check_quickstart(environment, page) == "page.md: 1 blocks, 0 commands"
    else:
        with pytest.raises(check.FailedError, match=told):
            check.check_quickstart(environment, page)


def test_a_first_quickstart_of_too_many_lines_fails(check: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.md").write_text("pip install '.[litellm]'\n\n```python\n" + "print()\n" * 10 + "```\n")
    monkeypatch.setattr(check, "REPO", tmp_path)
    monkeypatch.setattr(check, "FIRST_QUICKSTART", "page.md")
    monkeypatch.setattr(check, "run", lambda *_, **__: "")
    monkeypatch.setattr(check, "check_quickstart", lambda *_, **__: "")

    with pytest.raises(check.FailedError, match=r"10 lines, .* at most 9 lines and 120 s are promised"):
        check.check_first_quickstart(tmp_path / "fastagentic.whl")
