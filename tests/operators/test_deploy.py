"""`deploy/` holds together: what is mounted exists, images have a version, settings are ones that somebody reads.

No Docker and no cluster runs here: this is what can be said without them. `deploy/README.md` says so too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from .configs import KEYS, variables
from .programs import ROOT
from .prometheus import promtool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEPLOY = ROOT / "deploy"
COMPOSE = ("compose.yaml", "compose.langfuse.yaml")
MANIFESTS = sorted(path.name for path in (DEPLOY / "kubernetes").glob("*.yaml"))
VERSION = re.compile(r"^[\w./-]+:v?\d+\.\d+(\.\d+)?(-[\w-]+)?$")
FROM_SECRET = {"LANGFUSE_BASE_URL", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY", "CLICKHOUSE_USER", "CLICKHOUSE_PASSWORD"}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def documents(name: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text()) if one]


def workloads() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every container of the manifests: its workload's name, the pod's spec, the container."""
    for name in MANIFESTS:
        for one in documents(name):
            if one["kind"] in {"DaemonSet", "StatefulSet", "Deployment"}:
                pod = one["spec"]["template"]["spec"]
                for container in pod["containers"]:
                    yield one["metadata"]["name"], pod, container


def configs_of(arguments: list[str]) -> list[str]:
    """The files of collector-config/ that a command names."""
    return [one.rpartition("/")[2] for one in arguments if one.startswith("--config=/etc/otelcol/")]


def read_by(configs: list[str]) -> dict[str, str | None]:
    return {setting: default for name in configs for setting, default in variables(name).items()}


@pytest.mark.parametrize("service", compose()["services"])
def test_what_compose_mounts_exists(service: str) -> None:
    for mount in compose()["services"][service].get("volumes", ()):
        source, target, *_ = mount.split(":")
        if source.startswith("."):
            assert (DEPLOY / source).exists(), source
        else:
            assert source in compose()["volumes"]
        assert target.startswith("/")


def test_what_compose_builds_from_exists() -> None:
    for service in compose()["services"].values():
        if build := service.get("build"):
            dockerfile = (DEPLOY / build["context"] / build["dockerfile"]).resolve()
            for line in dockerfile.read_text().splitlines():
                if line.startswith("COPY"):
                    for source in line.split()[1:-1]:
                        assert (ROOT / source).exists(), line
                if line.startswith("FROM"):
                    assert VERSION.match(line.split()[1]), line


def test_every_image_has_a_version() -> None:
    images = [service["image"] for service in compose()["services"].values() if "image" in service]
    images += [container["image"] for _, _, container in workloads()]
    assert len(images) == 7
    assert [image for image in images if not VERSION.match(image)] == []


def test_the_collector_is_of_the_release_that_the_configurations_are_for() -> None:
    images = {compose()["services"]["collector"]["image"], *(container["image"] for _, _, container in workloads())}
    assert images == {"otel/opentelemetry-collector-contrib:0.155.0"}


@pytest.mark.parametrize("files", [COMPOSE[:1], COMPOSE], ids=" ".join)
def test_compose_sets_what_its_configurations_read(files: tuple[str, ...]) -> None:
    command: list[str] = []
    given: dict[str, str] = {}
    for file in files:
        service = yaml.safe_load((DEPLOY / file).read_text())["services"]["collector"]
        command = service.get("command", command)
        given |= service["environment"]
    check_settings(command, set(given))


@pytest.mark.parametrize("workload", list(workloads()), ids=lambda one: one[0])
def test_kubernetes_sets_what_its_configurations_read(workload: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
    _, _, container = workload
    given = {one["name"] for one in container["env"]}
    if "envFrom" in container:
        given |= FROM_SECRET
    check_settings(container["args"], given)


def check_settings(command: list[str], given: set[str]) -> None:
    configs = configs_of(command)
    assert configs
    reading = read_by(configs)
    assert given <= set(reading), "set, and read by nobody"
    assert {name for name in KEYS if name in reading} <= given, "without a default, and not set"
    assert all(reading.get(name) is not None or name in given for name in reading), "without a default, and not set"


def test_kubernetes_mounts_what_is_there() -> None:
    generated = {
        one["name"]: [(DEPLOY / "kubernetes" / path).resolve() for path in one["files"]]
        for one in documents("kustomization.yaml")[0]["configMapGenerator"]
    }
    assert all(path.exists() for paths in generated.values() for path in paths)
    for name, pod, container in workloads():
        assert set(configs_of(container["args"])) <= {path.name for path in generated[name]}
        claims = {one["metadata"]["name"] for one in claims_of(name)}
        mounted = {one["name"] for one in container["volumeMounts"]}
        assert mounted == {one["name"] for one in pod["volumes"]} | claims


def claims_of(name: str) -> list[dict[str, Any]]:
    found = [one for file in MANIFESTS for one in documents(file) if one.get("metadata", {}).get("name") == name]
    return [claim for one in found for claim in one["spec"].get("volumeClaimTemplates", ())]


def test_kustomize_applies_every_manifest() -> None:
    assert {*documents("kustomization.yaml")[0]["resources"], "kustomization.yaml"} == set(MANIFESTS)


@pytest.mark.parametrize("name", ["agent.yaml", "gateway.yaml"])
def test_a_pod_has_more_memory_than_its_collector_allows_itself(name: str) -> None:
    for one in documents(name):
        if one["kind"] in {"DaemonSet", "StatefulSet"}:
            [container] = one["spec"]["template"]["spec"]["containers"]
            given = {each["name"]: each.get("value") for each in container["env"]}
            allowed = int(given.get("MEMORY_LIMIT_MIB") or variables(name)["MEMORY_LIMIT_MIB"] or 0)
            limit = container["resources"]["limits"]["memory"]
            mebibytes = int(limit[:-2]) * {"Mi": 1, "Gi": 1024}[limit[-2:]]
            assert allowed < mebibytes * 0.85


def test_grafana_is_told_every_place_that_its_data_sources_name() -> None:
    wanted = set()
    for file in (ROOT / "dashboards" / "provisioning").rglob("*.yaml"):
        wanted |= set(re.findall(r"(?<!\$)\$\{(\w+)\}", re.sub("#.*", "", file.read_text())))
    given = compose()["services"]["grafana"]["environment"]
    assert {name for name in wanted if name.isupper()} <= set(given)


def test_grafana_finds_the_dashboards_where_they_are_mounted() -> None:
    mounts = dict(mount.split(":")[:2] for mount in compose()["services"]["grafana"]["volumes"] if mount.startswith("."))
    provider = yaml.safe_load((ROOT / "dashboards/provisioning/dashboards/fastagentic.yaml").read_text())["providers"][0]
    assert provider["options"]["path"] == mounts["../dashboards"]


def test_prometheus_finds_its_configuration_valid(prometheus_programs: Path, tmp_path: Path) -> None:
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())
    config["rule_files"] = [str(ROOT / "dashboards" / one) for one in config["rule_files"]]
    file = tmp_path / "prometheus.yaml"
    file.write_text(yaml.safe_dump(config))

    done = promtool(prometheus_programs, "check", "config", file)

    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_keeps_the_labels_of_the_applications() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())
    [applications] = [one for one in config["scrape_configs"] if one["job_name"] == "applications"]
    assert applications["honor_labels"] is True


@pytest.mark.parametrize("path", ["README.md", *COMPOSE, *(f"kubernetes/{name}" for name in MANIFESTS if "space" not in name)])
def test_what_was_not_verified_says_so(path: str) -> None:
    assert "not verified" in (DEPLOY / path).read_text().lower()
