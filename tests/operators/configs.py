"""The files of `collector-config/` as data: which are run together, what they contain, which settings they read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from .collector import CONFIGS

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("receivers", "processors", "exporters", "connectors", "extensions")
OVERLAYS = ("with-langfuse.yaml", "with-clickhouse.yaml", "with-file.yaml")
TOGETHER = (
    ("agent.yaml",),
    ("agent.yaml", "agent-kafka.yaml"),
    ("gateway.yaml",),
    ("gateway.yaml", *OVERLAYS),
    ("gateway.yaml", "gateway-kafka.yaml"),
    ("all-in-one.yaml",),
    ("all-in-one.yaml", *OVERLAYS, "with-remote-write.yaml"),
)
"""What is given to one collector, as its command line names it."""
NOT_BUILT = ("agent.yaml", "agent-loadbalancing.yaml")
"""The one that the collector built here cannot run: its exporter is not to be had as a Go module."""
FILES = sorted({name for names in (*TOGETHER, NOT_BUILT) for name in names})
KEYS = {"LANGFUSE_PUBLIC_KEY": "pk-lf-test", "LANGFUSE_SECRET_KEY": "sk-lf-test"}
"""Settings without a default."""
VARIABLE = re.compile(r"\$\{env:(\w+)(?::-([^}]*))?\}")


def read(name: str) -> dict[str, Any]:
    """One file, its `${env:...}` as they are written."""
    found: dict[str, Any] = yaml.safe_load((CONFIGS / name).read_text())
    return found


def merged(*names: str) -> dict[str, Any]:
    """Several files as the collector merges them: mappings into one another, anything else replaced."""
    whole: dict[str, Any] = {}
    for name in names:
        _merge(whole, read(name))
    return whole


def _merge(into: dict[str, Any], other: dict[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


@dataclass(slots=True, frozen=True)
class Component:
    """One configured component: `Component("all-in-one.yaml", "exporters", "otlp_grpc/traces", {...})`."""

    file: str
    kind: str
    id: str
    settings: Any

    @property
    def type(self) -> str:
        """What the id begins with: `otlp_grpc`."""
        return self.id.partition("/")[0]


def components(name: str) -> Iterator[Component]:
    """Every component that a file configures."""
    config = read(name)
    for kind in KINDS:
        for component_id, settings in (config.get(kind) or {}).items():
            yield Component(name, kind, component_id, settings)


def variables(name: str) -> dict[str, str | None]:
    """The settings that a file reads from the environment, with their defaults; None where there is none."""
    return {match[1]: match[2] for match in VARIABLE.finditer((CONFIGS / name).read_text())}
