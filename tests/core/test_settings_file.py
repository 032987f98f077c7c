"""The settings file: which one is found, what is read of it, and what happens to one that cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from fastagentic import _settings_file
from fastagentic._settings_file import find_settings_file, load_settings_file
from fastagentic.core.config import setting, use_file
from fastagentic.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory to stand in, two below the one it belongs to."""
    here = tmp_path / "project" / "src" / "deep"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    _settings_file._warned.clear()
    yield tmp_path / "project"
    use_file(None)


def test_nothing_is_found_where_there_is_none(project: Path) -> None:
    load_settings_file()

    assert find_settings_file() is None
    assert setting("keep") == 30 * 86_400


def test_the_nearest_file_upward_is_taken_alone(project: Path) -> None:
    (project / "fastagentic.toml").write_text('keep = "1d"\nlogs = true\n')
    (project / "src" / "fastagentic.toml").write_text('keep = "2d"\n')

    load_settings_file()

    assert setting("keep") == 2 * 86_400
    assert setting("logs") is False


def test_a_table_in_pyproject_is_one(project: Path) -> None:
    (project / "pyproject.toml").write_text('[project]\nname = "shop"\n[tool.fastagentic]\ndestinations = ["otlp", "local"]\n')

    load_settings_file()

    assert setting("destinations") == ("otlp", "local")


def test_the_file_of_our_own_wins_in_the_same_directory(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.fastagentic]\nkeep = "1d"\n')
    (project / "fastagentic.toml").write_text('keep = "2d"\n')

    load_settings_file()

    assert setting("keep") == 2 * 86_400


@pytest.mark.parametrize("text", ['[project]\ndependencies = ["fastagentic"]\n', "[tool.black]\n", "[tool]\nfastagentic = 1\n"])
def test_a_pyproject_without_the_table_is_passed_over(project: Path, text: str) -> None:
    (project / "src" / "pyproject.toml").write_text(text)
    (project / "fastagentic.toml").write_text('keep = "2d"\n')

    load_settings_file()

    assert setting("keep") == 2 * 86_400


def test_an_empty_table_ends_the_search(project: Path) -> None:
    (project / "src" / "pyproject.toml").write_text("[tool.fastagentic]\n")
    (project / "fastagentic.toml").write_text('keep = "2d"\n')

    load_settings_file()

    assert setting("keep") == 30 * 86_400


def test_a_path_in_a_file_is_one_from_that_file(project: Path) -> None:
    (project / "fastagentic.toml").write_text('prices = "conf/prices.toml"\n')

    load_settings_file()

    assert setting("prices") == str(project / "conf" / "prices.toml")


def test_prices_may_stand_in_the_file_itself(project: Path) -> None:
    (project / "fastagentic.toml").write_text('[prices."gpt-4o"]\ninput = 2\noutput = 8\n')

    load_settings_file()

    assert setting("prices") == {"gpt-4o": {"input": 2, "output": 8}}


@pytest.mark.parametrize(
    ("key", "hint"),
    [("captur_content", "; did you mean capture_content?"), ("Keep", "; did you mean keep?"), ("zzz", "; there are: ")],
)
def test_a_key_that_is_no_setting_is_one_warning_with_the_nearest_that_is(
    project: Path, caplog: pytest.LogCaptureFixture, key: str, hint: str
) -> None:
    (project / "fastagentic.toml").write_text(f'{key} = "1d"\n')

    load_settings_file()
    load_settings_file()

    (record,) = caplog.records
    assert f"{project / 'fastagentic.toml'} {key} is no setting of fastagentic{hint}" in record.getMessage()


def test_a_file_that_is_no_toml_is_an_error_that_names_it(project: Path) -> None:
    (project / "fastagentic.toml").write_text("keep = 30 moons\n")

    with pytest.raises(ConfigError, match=r"fastagentic\.toml is no TOML: .*line 1"):
        load_settings_file()


def test_a_broken_pyproject_that_says_nothing_of_us_is_nobodys_matter(project: Path) -> None:
    (project / "pyproject.toml").write_text('[project\ndependencies = ["fastagentic"]\n')

    load_settings_file()


def test_a_file_that_is_not_utf8_is_an_error_that_names_it(project: Path) -> None:
    (project / "fastagentic.toml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigError, match=r"fastagentic\.toml cannot be read \(UnicodeDecodeError\)"):
        load_settings_file()


def test_a_file_of_somebody_else_is_passed_over(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On a shared machine it could send your telemetry to whoever put it there."""
    path = project / "fastagentic.toml"
    path.write_text('destinations = ["otlp=http://elsewhere.example"]\n')
    real = os.stat

    class OfAnother:
        def __init__(self, found: os.stat_result) -> None:
            self._found = found
            self.st_uid = 12_345

        def __getattr__(self, name: str) -> object:
            return getattr(self._found, name)

    def stat(at: object, **options: object) -> object:
        found = real(at, **options)  # type: ignore[call-overload]
        return OfAnother(found) if str(at) == str(path) else found

    monkeypatch.setattr(os, "stat", stat)

    load_settings_file()

    assert setting("destinations") is None
    assert [record.getMessage() for record in caplog.records] == [f"{path} belongs to another user and is passed over"]


def test_without_a_current_directory_there_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    load_settings_file()


def test_no_parser_is_loaded_where_there_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.black]\n")
    program = "import sys, fastagentic; fastagentic.instrument(); print('tomllib' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


def test_instrument_heeds_the_file(project: Path) -> None:
    import fastagentic

    (project / "fastagentic.toml").write_text('clients = ["gemini"]\n')

    with pytest.raises(ConfigError, match=r"clients \(.*fastagentic\.toml clients\) is 'gemini'"):
        fastagentic.instrument(destinations=[])
