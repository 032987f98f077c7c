"""What every dashboard has beside its panels: data sources, the variables that filter it, and what is marked on its graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import VariableHide, VariableModel, VariableRefresh, VariableSort

from . import series

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder

PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
TEMPO: Final = DataSourceRef(type_val="tempo", uid="${tempo}")
CLICKHOUSE: Final = DataSourceRef(type_val="grafana-clickhouse-datasource", uid="${clickhouse}")

# Where links lead that Grafana cannot know. Each is a text box: change it in the page, in its address
# (`?var-langfuse=...`), or for good by `make dashboards ARGS="--langfuse ... --runbooks ..."`.
LANGFUSE: Final = "${langfuse}"
RUNBOOKS: Final = "${runbooks}"
PLACES: Final = {"langfuse": "http://127.0.0.1:3000/project/fastagentic", "runbooks": "/docs/runbooks"}

# `.*` and not `.+`: a call whose request names no model (a stored prompt) has no such label, and its cost counts as well.
ALL: Final = ".*"


def common() -> list[Builder[VariableModel]]:
    """The variables of every dashboard."""
    calls = series.DURATION.count
    return [
        _source("datasource", "Prometheus", PROMETHEUS),
        _source("tempo", "Tempo", TEMPO),
        _source("clickhouse", "ClickHouse", CLICKHOUSE),
        _filter("job", "Job", f"label_values({calls}, job)"),
        _filter("instance", "Instance", f'label_values({calls}{{job=~"$job"}}, instance)'),
        _filter("service", "Service", f'label_values({calls}{{job=~"$job"}}, {series.SERVICE})'),
        _filter("model", "Model", f'label_values({calls}{{{series.SERVICE}=~"$service"}}, {series.MODEL})'),
        *(
            builders.TextBoxVariable(name).label(name.capitalize()).default_value(place).hide(VariableHide.HIDE_VARIABLE)
            for name, place in PLACES.items()
        ),
    ]


def marks() -> list[builders.AnnotationQuery]:
    """New processes and firing alerts, as marks on every graph."""
    new = 'target_info{job=~"$job"} unless target_info{job=~"$job"} offset 2m'
    return [
        _mark("Deployments", "purple", f"count by (job, service_version) ({new})", "{{job}} {{service_version}}"),
        _mark("Alerts", "red", 'ALERTS{alertname=~"LLM.*", alertstate="firing"}', "{{alertname}} {{" + series.SERVICE + "}}"),
    ]


def _source(name: str, label: str, source: DataSourceRef) -> builders.DatasourceVariable:
    return builders.DatasourceVariable(name).label(label).type(str(source.type_val))


def _filter(name: str, label: str, query: str) -> builders.QueryVariable:
    variable = builders.QueryVariable(name).label(label).query(query).datasource(PROMETHEUS)
    variable.multi(True).include_all(True).all_value(ALL)
    return variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)


def _mark(name: str, colour: str, expr: str, title: str) -> builders.AnnotationQuery:
    mark = builders.AnnotationQuery().name(name).datasource(PROMETHEUS).enable(True).icon_color(colour)
    return mark.expr(expr).step("60s").title_format(title)
