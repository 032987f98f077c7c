"""Writes tests/project/data/semconv.json: the names that OpenTelemetry's GenAI conventions define.

    python scripts/semconv_names.py FOLDER > tests/project/data/semconv.json

FOLDER holds one folder a release (`genai-1.42.0-dev`, `core-1.41.1`) with the conventions' own YAML files
(https://github.com/open-telemetry/semantic-conventions, Apache-2.0, copyright The OpenTelemetry Authors).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

# Best first: the separate GenAI registry, then the last core release that still defined GenAI.
RELEASES = ("genai-1.42.0-dev", "core-1.41.1")


def definitions(node: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every (kind, name, definition) below a node; kind is `attributes` or `metrics`. Both file formats."""
    if isinstance(node, list):
        for item in node:
            yield from definitions(item)
    if not isinstance(node, dict):
        return
    if node.get("instrument"):
        yield "metrics", node.get("metric_name") or node["name"], node
    elif "brief" in node and is_attribute_type(node.get("type")):
        yield "attributes", node.get("key") or node["id"], node
    for value in node.values():
        yield from definitions(value)


def is_attribute_type(kind: Any) -> bool:
    """Whether a type is that of an attribute: an enumeration, a scalar or an array, and not a group's."""
    return isinstance(kind, dict) or kind in {
        "string",
        "int",
        "double",
        "boolean",
        "any",
        "string[]",
        "template[any]",
    }


def kind_of(definition: dict[str, Any]) -> str | list[str]:
    """An attribute's type, the members of an enumeration, or a metric's instrument and unit."""
    if "instrument" in definition:
        return f"{definition['instrument']} {definition['unit']}"
    kind = definition["type"]
    return kind if isinstance(kind, str) else [member["value"] for member in kind["members"]]


def collect(folder: Path) -> dict[str, Any]:
    """The names of all releases; of a name that several define, the best release's definition."""
    names: dict[str, dict[str, Any]] = {"attributes": {}, "metrics": {}}
    for release in RELEASES:
        for path in sorted((folder / release).rglob("*.yaml")):
            for kind, name, definition in definitions(yaml.safe_load(path.read_text())):
                entry = names[kind].setdefault(name, {"is": kind_of(definition), "in": []})
                if release not in entry["in"]:
                    entry["in"].append(release)
    return {kind: dict(sorted(entries.items())) for kind, entries in names.items()}


def main(folder: str) -> None:
    """Print the file."""
    source = {
        "source": "OpenTelemetry semantic conventions, names only, extracted by scripts/semconv_names.py",
        "releases": {
            "genai-1.42.0-dev": "the separate GenAI registry, tag v1.42.0-dev, May 2026, from a fork",
            "core-1.41.1": "open-telemetry/semantic-conventions, tag v1.41.1, the last with GenAI",
        },
        "licence": "Apache-2.0, copyright The OpenTelemetry Authors",
    }
    json.dump(source | collect(Path(folder)), sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
