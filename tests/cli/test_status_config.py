"""`fastagentic status --config`: the settings as they hold, where each came from, and nothing secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fastagentic.cli.config import masked
from fastagentic.core.config import SETTINGS, use_file
from fastagentic.core.environment import HONOURED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Cli


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    use_file(None)


def lines(printed: str) -> dict[str, tuple[str, str]]:
    """Setting -> value and source, as the table has them."""
    rows = [line.split("  ") for line in printed.splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    return {row[0]: (row[1], row[2]) for row in cells}


def test_every_setting_is_shown_with_its_source(cli: Cli, here: Path) -> None:
    (here / "fastagentic.toml").write_text('keep = "90d"\n')

    result = cli("status", "--config", FASTAGENTIC_EXIT_TIMEOUT="90m")

    assert result.exit_code == 0, result.stderr
    shown = lines(result.stdout)
    assert set(SETTINGS) < set(shown)
    assert shown["keep"] == ("90d", f"{here / 'fastagentic.toml'} keep")
    assert shown["exit_timeout"] == ("90m", "FASTAGENTIC_EXIT_TIMEOUT")
    assert shown["spool_max_age"] == ("7d", "default")
    assert shown["clients"] == ("all", "default")


def test_no_store_is_needed(cli: Cli, own_environment: Path) -> None:
    assert cli("status", "--config").exit_code == 0
    assert not own_environment.exists()


def test_destinations_are_shown_as_they_follow_from_the_environment(cli: Cli) -> None:
    result = cli("status", "--config", OTEL_EXPORTER_OTLP_ENDPOINT="http://collector:4318")

    assert lines(result.stdout)["destinations"] == ("otlp", "OTEL_EXPORTER_OTLP_ENDPOINT")
    assert lines(result.stdout)["OTEL_EXPORTER_OTLP_ENDPOINT"][0] == "http://collector:4318"


SECRETS = {
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20vole, x-team=vole",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "vole",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://me:vole@collector:4318/?token=vole",
    "OTEL_RESOURCE_ATTRIBUTES": "team=a,api.key=vole",
    "LANGFUSE_PUBLIC_KEY": "pk-lf-vole",
    "LANGFUSE_SECRET_KEY": "sk-lf-vole",
    "LANGFUSE_BASE_URL": "https://vole@langfuse.example",
    "FASTAGENTIC_DESTINATIONS": "local,otlp=https://me:vole@other:4318/v1/traces?key=vole",
    "FASTAGENTIC_PRICES": "https://me:vole@prices.example/p.toml",
}


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_nothing_secret_is_shown(cli: Cli, form: tuple[str, ...]) -> None:
    result = cli("status", "--config", *form, **SECRETS)

    assert result.exit_code == 0
    assert "vole" not in result.stdout + result.stderr
    assert "authorization=***, x-team=***" in result.stdout
    assert "otlp=https://***@other:4318/v1/traces?***" in result.stdout
    assert "team=a" in result.stdout


@pytest.mark.parametrize("name", [spelling for row in HONOURED if row.is_secret for spelling in row.spellings])
def test_a_variable_that_holds_keys_is_masked_whatever_it_holds(cli: Cli, name: str) -> None:
    assert "vole" not in cli("status", "--config", **{name: "vole"}).stdout


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://collector:4318", "http://collector:4318"),
        ("https://user:p%40ss@host:1/p", "https://***@host:1/p"),
        ("otlp=https://a:b@c, otlp=https://d?e=f", "otlp=https://***@c, otlp=https://d?***"),
        ("service.name=shop,deployment.token=x", "service.name=shop,deployment.token=***"),
    ],
)
def test_a_text_is_shown_without_passwords(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_a_value_that_cannot_be_used_is_named_and_the_rest_is_shown(cli: Cli) -> None:
    result = cli("status", "--config", FASTAGENTIC_KEEP="30 moons", FASTAGENTIC_LOGS="perhaps")

    assert result.exit_code == 2
    assert lines(result.stdout)["keep"] == ("30 moons", "FASTAGENTIC_KEEP")
    assert "fastagentic: keep (FASTAGENTIC_KEEP) is '30 moons'" in result.stderr
    assert "fastagentic: logs (FASTAGENTIC_LOGS) is 'perhaps'" in result.stderr


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("FASTAGENTIC_KEP", "30d", "FASTAGENTIC_KEP is no variable of fastagentic"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "OTEL_TRACES_EXPORTER names zipkin"),
        ("OTEL_SDK_DISABLED", "true", "switched off"),
    ],
)
def test_what_is_likely_a_mistake_is_told(cli: Cli, variable: str, value: str, told: str) -> None:
    result = cli("status", "--config", **{variable: value})

    assert result.exit_code == 0
    assert told in result.stderr


def test_the_configuration_as_json(cli: Cli, here: Path) -> None:
    (here / "pyproject.toml").write_text('[tool.fastagentic]\nspool_max_size = "1GB"\n')

    found = json.loads(cli("status", "--config", "--json", OTEL_SERVICE_NAME="shop").stdout)

    settings = {row["name"]: row for row in found["settings"]}
    assert settings["spool_max_size"]["value"] == 1_000_000_000
    assert settings["spool_max_size"]["source"] == f"{here / 'pyproject.toml'} [tool.fastagentic] spool_max_size"
    assert (settings["service_name"]["value"], settings["service_name"]["source"]) == ("shop", "OTEL_SERVICE_NAME")
    assert settings["keep"] == {
        "name": "keep", "value": 2_592_000.0, "source": "default", "problem": None, "variable": "FASTAGENTIC_KEEP",
        "accepted": SETTINGS["keep"].accepted, "help": SETTINGS["keep"].help,
    }  # fmt: skip
    assert [row["name"] for row in found["variables"]] == ["OTEL_SERVICE_NAME"]


def test_a_path_is_never_cut_in_two(cli: Cli, here: Path) -> None:
    path = "/".join(["", *("long" * 10 for _ in range(4)), "prices.toml"])

    assert path in cli("status", "--config", COLUMNS="40", FASTAGENTIC_PRICES=path).stdout
