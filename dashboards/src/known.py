"""Whether the names a dashboard uses are names of ours: a rename in the Python is answered with the panels that it breaks.

It needs no SDK, so it runs wherever the tests do.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core import names

from . import series

if TYPE_CHECKING:
    from collections.abc import Iterator

# Not attributes of ours: labels of the scrape, of histograms, of alerts, and the service, which is a resource attribute.
FOREIGN_LABELS: Final = {"job", "instance", "le", "service_version", "alertname", "alertstate", series.SERVICE}
FOREIGN_SERIES: Final = {"target_info", "ALERTS"}
FOREIGN_ATTRIBUTES: Final = {"service.name"}

ATTRIBUTES: Final = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}

SELECTOR: Final = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
MATCHER: Final = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*\"([^\"]*)\"")
GROUPING: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right) \(([^)]*)\)")
LEGEND: Final = re.compile(r"\{\{(\w+)\}\}|__field\.labels\.(\w+)")
ATTRIBUTE: Final = re.compile(r"SpanAttributes\['([^']*)'\]|\b(?:span|resource)\.([a-z_.]*[a-z])")


def known_series() -> set[str]:
    """Every series that our instruments give."""
    found: set[str] = set()
    for one in series.INSTRUMENTS:
        found |= {one.bucket, one.sum, one.count} if isinstance(one, series.Histogram) else {str(one)}
    return found


def unknown_in(
    dashboard: dict[str, Any],
    metrics: set[str] | None = None,
    labels: set[str] | None = None,
    attributes: set[str] | None = None,
) -> list[str]:
    """What in a dashboard is called by a name that is not ours, each with the title of the panel.

    Known are recording rules (their names have a colon), what Prometheus itself provides, and `metrics`, `labels` and
    `attributes`; by default ours as they are now.
    """
    metrics = (known_series() if metrics is None else metrics) | FOREIGN_SERIES
    labels = (set(series.LABELS) if labels is None else labels) | FOREIGN_LABELS
    attributes = (ATTRIBUTES if attributes is None else attributes) | FOREIGN_ATTRIBUTES
    found = []
    for kind, one in (*(("panel", panel) for panel in dashboard["panels"]), *_marks(dashboard)):
        where = f"{kind} {one.get('title') or one.get('name')!r}"
        used = [*_series_in(one)]
        found += [f"{where}: no metric of ours is called {name!r}" for name in used if name not in metrics and ":" not in name]
        found += [f"{where}: no attribute of ours is the label {name!r}" for name in _labels_in(one) if name not in labels]
        found += [f"{where}: no attribute of ours is called {name!r}" for name in _attributes_in(one) if name not in attributes]
    return found


def promql(panel: dict[str, Any]) -> list[str]:
    """The PromQL of a panel or an annotation."""
    return [one["expr"] for one in (*panel.get("targets", []), panel) if one.get("expr")]


def sql(panel: dict[str, Any]) -> list[str]:
    """The SQL of a panel."""
    return [target["rawSql"] for target in panel.get("targets", []) if "rawSql" in target]


def _marks(dashboard: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from (("annotation", one) for one in dashboard["annotations"]["list"])
    yield from (
        ("variable", {**one, "expr": one["query"]}) for one in dashboard["templating"]["list"] if one["type"] == "query"
    )


def _series_in(panel: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(name for expr in promql(panel) for name, _ in SELECTOR.findall(expr)))


def _labels_in(panel: dict[str, Any]) -> list[str]:
    used: list[str] = []
    for expr in promql(panel):
        used += [label for _, matchers in SELECTOR.findall(expr) for label, _, _ in MATCHER.findall(matchers)]
        used += [label.strip() for group in GROUPING.findall(expr) for label in group.split(",") if label.strip()]
    used += [first or second for first, second in LEGEND.findall(json.dumps(panel))]
    return list(dict.fromkeys(used))


def _attributes_in(panel: dict[str, Any]) -> list[str]:
    asked = json.dumps(panel.get("targets", []))
    return list(dict.fromkeys(first or second for first, second in ATTRIBUTE.findall(asked)))
