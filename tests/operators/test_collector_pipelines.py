"""All in one, fed by the real workload: what comes out at each exporter is what went in, sampled, redacted and added up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.core import names
from tests.export.receiver import Receiver

from .collector import Collector
from .configs import KEYS
from .process import wait_until
from .prometheus import Prometheus
from .workload import performed
from .workload_program import FOREIGN_CALL, FOREIGN_CONTENT, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.export.received import ReceivedSpan

    from .prometheus import Series
    from .workload import Truth

ONE_WAY_AND_THE_OTHER = (
    "yaml:service::pipelines::metrics/app::exporters: [prometheus, prometheus_remote_write]",
    "yaml:service::pipelines::metrics/spans::exporters: [prometheus, prometheus_remote_write]",
    "yaml:service::pipelines::metrics/cost::exporters: [prometheus, prometheus_remote_write]",
)
KEPT_FOR_A_REASON = {
    "BASELINE_PERCENT": "0",  # nothing by chance: what is kept is kept for a reason
    "MISSES_PERCENT": "0",
    "SLOW_CALL": "1s",
    "EXPENSIVE_CALL_USD": "0.02",
    "EXPENSIVE_RUN_USD": "0.02",
}


@dataclass(frozen=True)
class Outcome:
    """What the workload did, and what each exporter had of it in the end."""

    truth: Truth
    backend: list[ReceivedSpan]
    langfuse: list[ReceivedSpan]
    facts: list[dict[str, Any]]
    """The attributes of every span in the file, with its `trace_id` and `span_id`."""
    raw: dict[str, bytes]
    """Everything that each exporter wrote, as bytes."""
    scraped: list[tuple[Series, float]]
    written: list[tuple[Series, float]]
    exposition: str
    exemplars: list[dict[str, Any]]
    warnings: list[dict[str, Any]]
    telemetry: dict[str, float]


@pytest.fixture(scope="module")
def outcome(collector_binary: Path, prometheus_2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """The workload with its content, through all in one with Langfuse, a file, and metrics both ways."""
    folder = tmp_path_factory.mktemp("all-in-one")
    (folder / "scraping").mkdir()
    (folder / "written").mkdir()
    file = folder / "calls.jsonl"
    with (
        Receiver() as backend,
        Receiver() as langfuse,
        Prometheus(prometheus_2, folder / "written") as written,
        Collector(
            collector_binary, folder, "all-in-one.yaml", "with-langfuse.yaml", "with-file.yaml", "with-remote-write.yaml",
            *ONE_WAY_AND_THE_OTHER, TRACES_ENDPOINT=backend.grpc_endpoint.removeprefix("http://"),
            LANGFUSE_BASE_URL=langfuse.endpoint, FACTS_FILE=str(file), REMOTE_WRITE_ENDPOINT=written.remote_write_url,
            SPAN_METRICS_INTERVAL="500ms", **KEPT_FOR_A_REASON, **KEYS,
        ) as collector,
        Prometheus(prometheus_2, folder / "scraping", scrape=[collector.prometheus_address]) as scraped,
        performed(folder, otlp=collector.otlp_endpoint, content=True) as truth,
    ):  # fmt: skip
        for prometheus in (scraped, written):
            prometheus.wait_for("sum(fastagentic_cost_USD_total)", truth.cost_usd)
            prometheus.wait_for("sum(traces_span_cost_USD_total)", truth.cost_usd)
        exposition = collector.exposition()
        exemplars = scraped.exemplars("gen_ai_client_operation_duration_seconds_bucket", 0, 4e9)
        kept = {span["trace_id"] for span in truth.spans() if is_worth_keeping(span)}
        backend.wait_for(lambda it: {span.trace_id for span in it.spans} >= kept)
        wait_until(lambda: len(facts_of(file)) >= len(truth.spans()), "every span in the file")
        langfuse.wait_for(lambda it: {span.trace_id for span in it.spans} >= kept)
        yield Outcome(
            truth, backend.spans, langfuse.spans, facts_of(file),
            {
                "backend": b"".join(one.body for one in backend.requests),
                "langfuse": b"".join(one.body for one in langfuse.requests),
                "file": file.read_bytes(),
                "prometheus": exposition.encode(),
            },
            scraped.query('{__name__!~"up|scrape_.*", job!=""}'), written.query('{__name__!=""}'),
            exposition, exemplars, collector.warnings(), collector.telemetry(),
        )  # fmt: skip


def facts_of(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    found = []
    for line in file.read_text().splitlines():
        for of_resource in json.loads(line)["resourceSpans"]:
            for of_scope in of_resource["scopeSpans"]:
                for span in of_scope["spans"]:
                    ids = {"trace_id": span["traceId"], "span_id": span["spanId"], "name": span["name"]}
                    found.append({**{one["key"]: plain(one["value"]) for one in span.get("attributes", ())}, **ids})
    return found


def plain(value: dict[str, Any]) -> Any:
    [(kind, content)] = value.items()
    if kind == "arrayValue":
        return [plain(one) for one in content.get("values", ())]
    return int(content) if kind == "intValue" else content


def is_worth_keeping(span: dict[str, Any]) -> bool:
    """Whether a span of the truth is one of the reasons for which a run is kept, written down a second time."""
    about = span["attributes"]
    return bool(
        span["status"] == "error"
        or about.get(names.USAGE_COST, 0) > 0.02
        or about.get(names.RUN_COST, 0) > 0.02
        or (names.REQUEST_MODEL in about and span["ended_ns"] - span["started_ns"] > 1e9)
        or about.get(names.FALLBACK_USED)
        or about.get(names.RETRIES, 0) > 0
        or about.get(names.SAMPLE_FORCE)
    )


def test_the_collector_has_nothing_to_complain_of(outcome: Outcome) -> None:
    assert outcome.warnings == []


def test_runs_with_a_reason_are_kept_whole_and_no_others(outcome: Outcome) -> None:
    kept = {span["trace_id"] for span in outcome.truth.spans() if is_worth_keeping(span)}
    whole = {(span["trace_id"], span["span_id"]) for span in outcome.truth.spans() if span["trace_id"] in kept}

    arrived = {(span.trace_id, span.span_id) for span in outcome.backend}
    assert {trace for trace, _ in arrived} == kept
    assert whole <= arrived  # the spans of other instrumentations are in the trace, and not in our store
    assert 0 < len(kept) < len({span["trace_id"] for span in outcome.truth.spans()})


@pytest.mark.parametrize(
    "run", ["forced", "slow", "expensive", "single-fallback", "single-retry", "single-down", "single-rejected"]
)
def test_each_reason_keeps_a_run_of_its_own(run: str, outcome: Outcome) -> None:
    traces = outcome.truth.traces_of(run)
    assert traces
    assert traces <= {span.trace_id for span in outcome.backend}


def test_a_cheap_run_is_not_kept(outcome: Outcome) -> None:
    plain = outcome.truth.traces_of("single-direct")
    assert plain
    assert not plain & {span.trace_id for span in outcome.backend}


def test_every_call_is_a_fact_sampled_or_not(outcome: Outcome) -> None:
    ours = {(span["trace_id"], span["span_id"]) for span in outcome.truth.spans()}
    found = [(fact["trace_id"], fact["span_id"]) for fact in outcome.facts if fact["name"] != FOREIGN_CALL]
    assert set(found) == ours
    assert len(found) == len(ours)


def test_the_cost_is_the_same_on_every_way(outcome: Outcome) -> None:
    expected = pytest.approx(outcome.truth.cost_usd, rel=1e-9)
    assert sum(fact.get(names.USAGE_COST, 0.0) for fact in outcome.facts) == expected
    for series in (outcome.scraped, outcome.written):
        assert total(series, "fastagentic_cost_USD_total") == expected
        assert total(series, "traces_span_cost_USD_total") == expected


def total(series: list[tuple[Series, float]], name: str) -> float:
    return sum(value for labels, value in series if labels["__name__"] == name)


def test_the_cost_of_each_model_is_the_store_s(outcome: Outcome) -> None:
    by_model: dict[str, float] = {}
    for labels, value in outcome.scraped:
        if labels["__name__"] == "fastagentic_cost_USD_total":
            model = labels["gen_ai_request_model"]
            by_model[model] = by_model.get(model, 0.0) + value
    expected = {model: row.cost_usd for model, row in outcome.truth.by("model").items() if row.cost_usd is not None}
    assert by_model == pytest.approx(expected, rel=1e-9)


def test_calls_and_errors_are_counted_before_sampling(outcome: Outcome) -> None:
    sums = outcome.truth.total()
    ours = {(span["trace_id"], span["span_id"]) for span in outcome.truth.spans()}
    calls = [
        (labels, value) for labels, value in outcome.scraped if labels["__name__"] == "traces_span_metrics_calls_total"
        and labels.get("gen_ai_request_model")
    ]  # fmt: skip
    assert sum(value for _, value in calls) == sums.calls
    assert sum(value for labels, value in calls if labels["status_code"] == "STATUS_CODE_ERROR") == sums.errors
    assert total(outcome.scraped, "traces_span_metrics_calls_total") == len(ours) + 3  # of other instrumentations
    assert total(outcome.scraped, "gen_ai_client_operation_duration_seconds_count") == sums.calls


def test_scraped_and_written_are_one_set_of_series(outcome: Outcome) -> None:
    """So that a dashboard need not know which way its metrics came; but each format spells a histogram's bounds its own way."""

    def identities(series: list[tuple[Series, float]]) -> set[tuple[tuple[str, str], ...]]:
        return {
            tuple(sorted((key, str(float(value)) if key == "le" else value) for key, value in labels.items()))
            for labels, _ in series
        }

    assert identities(outcome.scraped) == identities(outcome.written)


def test_series_say_which_service_they_are_of_and_who_counted(outcome: Outcome) -> None:
    """Of what the application counted, `instance` is the application's; of what the collector counted, the collector's."""
    [info] = [labels for labels, _ in outcome.scraped if labels["__name__"] == "target_info"]
    for labels, _ in outcome.scraped:
        if labels["__name__"].startswith(("fastagentic_", "gen_ai_", "traces_")):
            assert labels["job"] == labels["service_name"] == outcome.truth.service_name, labels
            is_collectors = labels["__name__"].startswith("traces_")
            assert labels["instance"] == ("collector" if is_collectors else info["instance"])


def test_one_target_info_tells_about_the_application(outcome: Outcome) -> None:
    for series in (outcome.scraped, outcome.written):
        [info] = [labels for labels, _ in series if labels["__name__"] == "target_info"]
        assert info["telemetry_sdk_name"] == "opentelemetry"


def test_no_series_says_who_or_which_run(outcome: Outcome) -> None:
    forbidden = {"user_id", "session_id", "fastagentic_run_id", "fastagentic_tenant_id", "gen_ai_response_id"}
    assert not {key for labels, _ in outcome.scraped for key in labels} & forbidden


def test_exemplars_lead_from_a_bucket_to_a_run(outcome: Outcome) -> None:
    traces = {one["labels"]["trace_id"] for series in outcome.exemplars for one in series["exemplars"]}
    assert traces
    assert traces <= {span["trace_id"] for span in outcome.truth.spans()}


def test_langfuse_gets_runs_with_their_content_and_their_root(outcome: Outcome) -> None:
    roots = [span for span in outcome.langfuse if not span.parent_span_id]
    assert {span.trace_id for span in roots} == {span.trace_id for span in outcome.langfuse}
    assert all(span.path == "/api/public/otel/v1/traces" for span in outcome.langfuse)
    assert {span.headers["x-langfuse-ingestion-version"] for span in outcome.langfuse} == {"4"}
    assert {span.headers["authorization"] for span in outcome.langfuse} == {"Basic cGstbGYtdGVzdDpzay1sZi10ZXN0"}
    assert any(names.INPUT_MESSAGES in span.attributes for span in outcome.langfuse)


def test_langfuse_gets_no_trace_without_an_llm(outcome: Outcome) -> None:
    assert "GET /health" not in {span.name for span in outcome.langfuse}


def test_content_goes_to_langfuse_alone(outcome: Outcome) -> None:
    for said in ("You are the assistant of a trading company", FOREIGN_CONTENT):
        assert {name for name, raw in outcome.raw.items() if said.encode() in raw} == {"langfuse"}, said
    for span in outcome.backend:
        assert not {names.INPUT_MESSAGES, names.OUTPUT_MESSAGES, names.SYSTEM_INSTRUCTIONS} & set(span.attributes)
        if names.OPERATION_NAME in span.attributes:
            assert span.status[1] == ""


def test_a_secret_gets_nowhere(outcome: Outcome) -> None:
    assert {name for name, raw in outcome.raw.items() if SECRET.encode() in raw} == set()


def test_numbers_that_are_called_tokens_stay(outcome: Outcome) -> None:
    tokens = sum(fact.get(names.INPUT_TOKENS, 0) for fact in outcome.facts)
    assert tokens == outcome.truth.total().input_tokens


def test_nothing_was_refused_or_dropped(outcome: Outcome) -> None:
    bad = {
        name: value for name, value in outcome.telemetry.items()
        if value and ("refused" in name or "failed" in name or "dropped" in name)
    }  # fmt: skip
    assert bad == {}
