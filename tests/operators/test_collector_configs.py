"""The collector's configurations hold together: what they name exists, they agree with one another, a slip is refused."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from fastagentic.core import names

from .collector import CONFIGS, validate
from .configs import FILES, KEYS, KINDS, NOT_BUILT, TOGETHER, Component, components, merged, read, variables

if TYPE_CHECKING:
    from pathlib import Path

OURS = re.compile(r"\b(?:fastagentic|gen_ai)\.[a-z_.]+[a-z]")
WRITTEN_BY_OTHERS = {
    # patterns below which content of other instrumentations lies, and ids that theirs put on metrics
    "gen_ai.prompt", "gen_ai.completion", "gen_ai.conversation.id",
}  # fmt: skip
RENAMED = {
    "otlphttp", "spanmetrics", "loadbalancing", "signaltometrics", "resourcedetection", "prometheusremotewrite", "logging",
}  # fmt: skip
"""Component types that the collector still loads, with a warning."""
TYPES = {
    "otlpreceiver": "otlp", "kafkareceiver": "kafka", "memorylimiterprocessor": "memory_limiter", "batchprocessor": "batch",
    "transformprocessor": "transform", "redactionprocessor": "redaction", "filterprocessor": "filter",
    "resourcedetectionprocessor": "resource_detection", "tailsamplingprocessor": "tail_sampling",
    "deltatocumulativeprocessor": "deltatocumulative",
    "intervalprocessor": "interval",
    "forwardconnector": "forward", "spanmetricsconnector": "span_metrics",
    "signaltometricsconnector": "signal_to_metrics", "otlpexporter": "otlp_grpc", "otlphttpexporter": "otlp_http",
    "prometheusexporter": "prometheus", "prometheusremotewriteexporter": "prometheus_remote_write",
    "clickhouseexporter": "clickhouse", "kafkaexporter": "kafka", "fileexporter": "file",
    "healthcheckextension": "health_check", "filestorage": "file_storage", "basicauthextension": "basicauth",
}  # fmt: skip
"""The folder of a Go module -> the type that configurations call it by."""

PARTS = ("receivers", "processors", "exporters")

ALL = [component for name in FILES for component in components(name)]
each_file = pytest.mark.parametrize("name", FILES)
each_group = pytest.mark.parametrize("group", [*TOGETHER, NOT_BUILT], ids=" ".join)
each_exporter = pytest.mark.parametrize(
    "exporter", [one for one in ALL if one.kind == "exporters"], ids=lambda one: f"{one.file} {one.id}"
)


def known_names() -> set[str]:
    """Every attribute and metric of ours."""
    return {value for value in vars(names).values() if isinstance(value, str) and not isinstance(value, StrEnum)}


def names_in(text: str) -> set[str]:
    """The attributes and metrics of ours that a configuration speaks of, those in patterns too."""
    plain = text.replace("\\\\.", ".").replace("\\.", ".")
    return {match.rstrip(".") for match in OURS.findall(plain)}


def unknown_names(text: str) -> set[str]:
    """Those that no constant spells, neither whole nor (of a pattern) as what names begin with."""
    known = known_names()
    whole = {one for one in names_in(text) if one not in known and one not in WRITTEN_BY_OTHERS}
    return {one for one in whole if not any(name.startswith(f"{one}.") for name in known)}


@each_file
def test_every_name_of_ours_is_one_that_we_write(name: str) -> None:
    assert unknown_names((CONFIGS / name).read_text()) == set(), f"collector-config/{name}"


@pytest.mark.parametrize("constant", ["USAGE_COST", "RUN_COST", "RETRIES", "FALLBACK_USED", "CACHE_STATUS", "RUN_ID"])
def test_a_renamed_attribute_is_noticed(constant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = getattr(names, constant)
    monkeypatch.setattr(names, constant, "fastagentic.quite.another")

    noticed = {name for name in FILES if before in unknown_names((CONFIGS / name).read_text())}
    assert "all-in-one.yaml" in noticed


@each_group
def test_pipelines_refer_to_what_is_configured(group: tuple[str, ...]) -> None:
    config = merged(*group)
    connectors = set(config.get("connectors") or {})
    fed: set[str] = set()
    read_from: set[str] = set()
    for name, pipeline in config["service"]["pipelines"].items():
        for kind in PARTS:
            pool = set(config[kind]) | (connectors if kind != "processors" else set())
            assert set(pipeline.get(kind) or ()) <= pool, (name, kind)
        fed |= set(pipeline["exporters"]) & connectors
        read_from |= set(pipeline["receivers"]) & connectors
    assert fed == read_from == connectors
    assert set(config["service"]["extensions"]) <= set(config["extensions"])


@each_group
def test_whatever_is_configured_is_used(group: tuple[str, ...]) -> None:
    config = merged(*group)
    pipelines = config["service"]["pipelines"].values()
    used = {one for pipeline in pipelines for kind in PARTS for one in pipeline.get(kind) or ()}
    replaced = {one for overlay in group[1:] for one in replaced_by(group[0], overlay)}
    configured = {one for kind in PARTS for one in config[kind]}
    assert configured - used <= replaced


def replaced_by(base: str, overlay: str) -> set[str]:
    """What pipelines of the base named, and an overlay names no more."""
    whole = read(base)["service"]["pipelines"]
    over = read(overlay)["service"]["pipelines"]
    return {
        one
        for name, pipeline in over.items()
        for kind in ("receivers", "exporters")
        if name in whole and kind in pipeline
        for one in set(whole[name][kind]) - set(pipeline[kind])
    }


@each_group
def test_what_comes_in_meets_the_memory_limiter_first(group: tuple[str, ...]) -> None:
    config = merged(*group)
    receivers = set(config["receivers"])
    for name, pipeline in config["service"]["pipelines"].items():
        if receivers & set(pipeline["receivers"]):
            assert pipeline["processors"][0] == "memory_limiter", name


@each_group
def test_metrics_are_counted_before_sampling(group: tuple[str, ...]) -> None:
    config = merged(*group)
    for name, pipeline in config["service"]["pipelines"].items():
        if {"span_metrics", "signal_to_metrics", "clickhouse", "file/facts"} & set(pipeline["exporters"]):
            assert "forward/sampled" not in pipeline["receivers"], name
            assert "tail_sampling" not in pipeline["processors"], name


@each_group
def test_only_langfuse_gets_content(group: tuple[str, ...]) -> None:
    """Every pipeline of traces that ends in an exporter drops it, but Langfuse's and an agent's, which is not the end."""
    config = merged(*group)
    if group[0] == "agent.yaml":
        return
    for name, pipeline in config["service"]["pipelines"].items():
        ends = set(pipeline["exporters"]) & set(config["exporters"])
        if name.startswith("traces") and ends and ends != {"otlp_http/langfuse"}:
            assert "transform/drop_content" in pipeline["processors"], name


@pytest.mark.parametrize("name", ["gateway.yaml", "all-in-one.yaml"])
def test_every_kind_of_content_of_ours_is_dropped(name: str) -> None:
    dropped = str(read(name)["processors"]["transform/drop_content"])
    content = {
        names.INPUT_MESSAGES, names.OUTPUT_MESSAGES, names.SYSTEM_INSTRUCTIONS, names.TOOL_DEFINITIONS,
        names.TOOL_CALL_ARGUMENTS, names.TOOL_CALL_RESULT,
    }  # fmt: skip
    assert {one for one in content if f'"{one}"' not in dropped} == set()


@each_exporter
def test_an_exporter_never_gives_up_what_its_queue_has_on_disk(exporter: Component) -> None:
    queue = exporter.settings.get("sending_queue") or {}
    if "storage" in queue:
        assert queue["storage"] == "file_storage"
        assert exporter.settings["retry_on_failure"] == {"enabled": True, "max_elapsed_time": "0s"}
        assert queue["sizer"] == "items"
        assert queue["queue_size"] >= 100_000  # spans; the default of 1,000 counts requests
    else:
        assert exporter.type in {"prometheus", "prometheus_remote_write", "file"}


@pytest.mark.parametrize("component", ALL, ids=lambda one: f"{one.file} {one.id}")
def test_no_component_goes_by_a_name_of_before(component: Component) -> None:
    assert component.type not in RENAMED
    assert not (component.kind == "exporters" and component.type == "otlp")


def test_a_component_of_the_same_name_is_the_same_in_every_file() -> None:
    """All in one is agent and gateway in one process: what is mended in one file is mended in all."""
    own = {("agent.yaml", "memory_limiter"), ("agent.yaml", "otlp_grpc/traces")}  # a smaller limit; its gateway
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in ALL:
        if (one.file, one.id) not in own:
            found.setdefault((one.kind, one.id), {})[one.file] = one.settings
    differing = {key: sorted(by) for key, by in found.items() if any(one != next(iter(by.values())) for one in by.values())}
    assert differing == {}


def test_the_manifest_has_every_component_and_nothing_in_two_releases() -> None:
    manifest = yaml.safe_load((CONFIGS / "builder-config.yaml").read_text())
    built: dict[str, set[str]] = {}
    releases: dict[str, set[str]] = {}
    for kind in (*KINDS, "providers"):
        for entry in manifest[kind]:
            module, version = entry["gomod"].split()
            built.setdefault(kind, set()).add(TYPES.get(module.rpartition("/")[2], module))
            releases.setdefault(version, set()).add(module.rpartition("/")[2])
    missing = {(one.file, one.id) for one in ALL if one.type not in built[one.kind]}
    assert missing == {("agent-loadbalancing.yaml", "load_balancing")}
    # 1.61.0 are the stable modules of release 0.155.0; see the manifest for the one exception
    assert set(releases) == {"v0.155.0", "v1.61.0", "v0.149.0"}
    assert releases["v0.149.0"] == {"clickhouseexporter"}


@each_file
def test_settings_without_a_default_are_langfuse_s_keys_alone(name: str) -> None:
    assert {setting for setting, default in variables(name).items() if default is None} <= set(KEYS)


@each_file
def test_the_readme_lists_every_setting_with_its_default(name: str) -> None:
    readme = (CONFIGS / "README.md").read_text()
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `([A-Z_]+)` \|.*$", readme, re.MULTILINE)}
    for setting, default in variables(name).items():
        assert setting in rows, f"{setting} of {name} is not in collector-config/README.md"
        if default:
            assert f"`{default}`" in rows[setting], rows[setting]


def test_a_setting_has_one_default_wherever_it_is_read() -> None:
    limits = {"MEMORY_LIMIT_MIB", "MEMORY_SPIKE_MIB"}
    found: dict[str, set[str | None]] = {}
    for name in FILES:
        for setting, default in variables(name).items():
            found.setdefault(setting, set()).add(default)
    assert {setting for setting, defaults in found.items() if len(defaults) > 1} == limits


@pytest.mark.parametrize("group", TOGETHER, ids=" ".join)
def test_the_collector_finds_it_valid(group: tuple[str, ...], collector_binary: Path) -> None:
    assert validate(collector_binary, *group, **KEYS) == ""


@pytest.mark.parametrize(
    "component", [one for one in ALL if one.type not in {"load_balancing", "forward"}], ids=lambda one: f"{one.file} {one.id}"
)
def test_a_key_that_there_is_not_is_refused(component: Component, collector_binary: Path) -> None:
    """A component of another release would read none of its own keys, and say nothing. (A forward connector has none.)"""
    group = next(group for group in TOGETHER if component.file in group)
    slip = f"yaml:{component.kind}::{component.id}::no_such_key: 1"
    assert "no_such_key" in validate(collector_binary, *group, slip, **KEYS)
