"""Latency & Tokens: how long calls and their first chunks take, and how many tokens they read and write."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from fastagentic.core import names

from . import clickhouse, look, promql, series
from .board import Board, Panel

BOARD = Board(
    "Latency & Tokens",
    uid="fastagentic-latency-tokens",
    about="How long LLM calls take, when the first token comes, what they read and write. Dots on graphs lead to traces.",
    tags=("latency", "tokens"),
)
NOW, DURATION, STREAMS, TOKENS = "Now", "Duration", "Streams", "Tokens"
BY_MODEL = (series.MODEL,)
LEGEND = look.by(series.MODEL)
INPUT, OUTPUT = (f'{series.TOKEN_TYPE}="{kind}"' for kind in ("input", "output"))


def quantile_in_range(q: float, histogram: series.Histogram) -> str:
    """A quantile of all that was measured in the time range on display."""
    return f"histogram_quantile({q}, {promql.in_range(histogram.bucket, by=('le',))})"


@BOARD.panel(1, "Median duration", row=NOW, width=4, height=4)
def median_now() -> Panel:
    """Half of the calls in the selected time range took less, cache hits included."""
    return look.number(units.Seconds, quantile_in_range(0.5, series.DURATION)).decimals(2)


@BOARD.panel(2, "p95 duration", row=NOW, width=4, height=4)
def p95_now() -> Panel:
    """95 of 100 calls in the selected time range took less."""
    return look.number(units.Seconds, quantile_in_range(0.95, series.DURATION)).decimals(2)


@BOARD.panel(3, "p99 duration", row=NOW, width=4, height=4)
def p99_now() -> Panel:
    """99 of 100 calls in the selected time range took less."""
    return look.number(units.Seconds, quantile_in_range(0.99, series.DURATION)).decimals(2)


@BOARD.panel(4, "p95 time to first chunk", row=NOW, width=4, height=4)
def first_chunk_now() -> Panel:
    """95 of 100 streams in the selected time range began earlier."""
    return look.number(units.Seconds, quantile_in_range(0.95, series.FIRST_CHUNK)).decimals(2).no_value("no streams")


@BOARD.panel(5, "Streamed calls", row=NOW, width=4, height=4)
def streamed_share() -> Panel:
    """Share of calls in the selected time range whose answer was streamed."""
    share = promql.share(promql.in_range(series.FIRST_CHUNK.count), promql.in_range(series.DURATION.count))
    return look.number(units.PercentUnit, share).decimals(1)


@BOARD.panel(6, "Tokens in range", row=NOW, width=4, height=4)
def tokens_in_range() -> Panel:
    """Tokens read and written in the selected time range."""
    return look.number(units.Short, promql.in_range(series.TOKENS.sum)).decimals(1)


@BOARD.panel(7, "Duration of all calls", row=DURATION)
def quantiles() -> Panel:
    """Median, p95 and p99 over time. Dots are single calls and lead to their traces."""
    asked = [(promql.quantile(q, series.DURATION), name) for q, name in ((0.5, "median"), (0.95, "p95"), (0.99, "p99"))]
    return look.lines(units.Seconds, *asked, exemplars=True)


@BOARD.panel(8, "p95 duration by model", row=DURATION)
def p95_by_model() -> Panel:
    """95 of 100 calls took less, by model. Dots are single calls and lead to their traces."""
    return look.lines(units.Seconds, (promql.quantile(0.95, series.DURATION, by=BY_MODEL), LEGEND), exemplars=True)


@BOARD.panel(9, "Durations", row=DURATION)
def duration_heatmap() -> Panel:
    """How the calls spread over durations: two bands are two kinds of calls, which a quantile alone does not tell."""
    return look.heat(units.Seconds, series.DURATION)


@BOARD.panel(19, "Calls by model", row=DURATION, width=12)
def calls_by_model() -> Panel:
    """Calls a second, by the model that was asked for."""
    return look.stacked(units.RequestsPerSecond, (promql.per_second(series.DURATION.count, by=BY_MODEL), LEGEND))


@BOARD.panel(20, "Calls by operation", row=DURATION, width=12)
def calls_by_operation() -> Panel:
    """Calls a second, by what was asked for: chat, embeddings and others."""
    by = promql.per_second(series.DURATION.count, by=(series.OPERATION,))
    return look.stacked(units.RequestsPerSecond, (by, look.by(series.OPERATION)))


@BOARD.panel(10, "p95 time to first chunk by model", row=STREAMS)
def first_chunk_by_model() -> Panel:
    """95 of 100 streams began earlier: what a person waits until something moves."""
    return look.lines(units.Seconds, (promql.quantile(0.95, series.FIRST_CHUNK, by=BY_MODEL), LEGEND), exemplars=True)


@BOARD.panel(11, "p95 time per output chunk by model", row=STREAMS)
def gap_by_model() -> Panel:
    """95 of 100 chunks after the first came sooner after the one before."""
    return look.lines(units.Seconds, (promql.quantile(0.95, series.CHUNK_GAP, by=BY_MODEL), LEGEND))


@BOARD.panel(12, "Times to first chunk", row=STREAMS)
def first_chunk_heatmap() -> Panel:
    """How streams spread over the time until they begin."""
    return look.heat(units.Seconds, series.FIRST_CHUNK)


@BOARD.panel(13, "Tokens per second by type", row=TOKENS)
def tokens_by_type() -> Panel:
    """Tokens a second that were read (input) and written (output)."""
    by = promql.per_second(series.TOKENS.sum, by=(series.TOKEN_TYPE,))
    return look.stacked(units.CountsPerSecond, (by, look.by(series.TOKEN_TYPE)))


@BOARD.panel(14, "p95 tokens per call", row=TOKENS)
def tokens_per_call() -> Panel:
    """95 of 100 calls read (input) or wrote (output) fewer."""
    return look.lines(
        units.Short,
        *((promql.quantile(0.95, series.TOKENS, kind), name) for kind, name in ((INPUT, "input"), (OUTPUT, "output"))),
    )


@BOARD.panel(15, "Output tokens per second of a call", row=TOKENS)
def speed_by_model() -> Panel:
    """Tokens written for each second that calls lasted: how fast a model writes, by model."""
    written = promql.per_second(series.TOKENS.sum, OUTPUT, by=BY_MODEL)
    return look.lines(
        units.CountsPerSecond, (promql.ratio(written, promql.per_second(series.DURATION.sum, by=BY_MODEL)), LEGEND)
    )


@BOARD.panel(16, "Tokens by model", row=TOKENS)
def tokens_by_model() -> Panel:
    """Tokens in the selected time range, by model, input and output together."""
    return look.bars(units.Short, f"sort_desc({promql.in_range(series.TOKENS.sum, by=BY_MODEL)})", LEGEND)


@BOARD.panel(17, "Prompt tokens the provider had cached", row=TOKENS)
def prompt_cache() -> Panel:
    """Share of input tokens in the selected time range that were read from the provider's own prompt cache, by model."""
    return look.table_of(
        {"cached": units.PercentUnit, "input_tokens": units.Short},
        f"""SELECT calls.model AS model, sum(calls.input_tokens) AS input_tokens,
                   ifNull(sum(calls.cache_read_tokens), 0) / input_tokens AS cached
            FROM {clickhouse.CALLS} WHERE {clickhouse.CALLS_IN_RANGE} AND calls.input_tokens > 0
            GROUP BY model ORDER BY input_tokens DESC LIMIT 50""",
    )


@BOARD.panel(18, "Why answers ended", row=TOKENS)
def finish_reasons() -> Panel:
    """Answers of the selected time range by the model's reason to stop. `length` is an answer that was cut off."""
    reasons = f"spans.SpanAttributes['{names.RESPONSE_FINISH_REASONS}']"
    return look.table_of(
        {"answers": units.Short, "share": units.PercentUnit},
        f"""SELECT arrayJoin(JSONExtract({reasons}, 'Array(String)')) AS finish_reason, count() AS answers,
                   answers / sum(answers) OVER () AS share
            FROM {clickhouse.SPANS} WHERE {clickhouse.SPANS_IN_RANGE} AND {reasons} != ''
            GROUP BY finish_reason ORDER BY answers DESC""",
    )
