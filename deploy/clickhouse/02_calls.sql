-- One typed row for each LLM call, 90 days: who, which run, how much. The columns are those of `calls` in the local store
-- (src/fastagentic/store/schema.py), with the same names and meanings: NULL is unknown, money is USD, times are nanoseconds.
--
-- `llm_call_facts` is filled from the spans; a call that arrives again has the same key, replaces itself when parts are merged, and
-- is one until then as well for whoever reads the view `llm_calls`. Read the view.
CREATE TABLE IF NOT EXISTS otel.llm_call_facts
(
    ts DateTime64(3) CODEC(Delta, ZSTD(1)),
    service LowCardinality(String),
    trace_id FixedString(32) CODEC(ZSTD(1)),
    span_id FixedString(16) CODEC(ZSTD(1)),
    run_id String CODEC(ZSTD(1)),
    started_ns Int64 CODEC(Delta, ZSTD(1)),
    duration_ns Int64 CODEC(ZSTD(1)),
    operation LowCardinality(Nullable(String)),
    provider LowCardinality(Nullable(String)),
    model LowCardinality(Nullable(String)),
    response_model LowCardinality(Nullable(String)),
    gateway LowCardinality(Nullable(String)),
    user_id Nullable(String) CODEC(ZSTD(1)),
    session_id Nullable(String) CODEC(ZSTD(1)),
    tenant_id LowCardinality(Nullable(String)),
    tags Nullable(String) CODEC(ZSTD(1)),
    input_tokens Nullable(Int64) CODEC(T64, ZSTD(1)),
    output_tokens Nullable(Int64) CODEC(T64, ZSTD(1)),
    cache_read_tokens Nullable(Int64) CODEC(T64, ZSTD(1)),
    cache_write_tokens Nullable(Int64) CODEC(T64, ZSTD(1)),
    reasoning_tokens Nullable(Int64) CODEC(T64, ZSTD(1)),
    cost_usd Nullable(Decimal(18, 12)) CODEC(ZSTD(1)),
    cost_source LowCardinality(Nullable(String)),
    saved_usd Nullable(Decimal(18, 12)) CODEC(ZSTD(1)),
    cache_status LowCardinality(Nullable(String)),
    cache_hit Nullable(UInt8),
    target_index Nullable(Int64) CODEC(T64, ZSTD(1)),
    target_path LowCardinality(Nullable(String)),
    target_provider LowCardinality(Nullable(String)),
    target_name LowCardinality(Nullable(String)),
    retries Nullable(Int64) CODEC(T64, ZSTD(1)),
    fallback_used Nullable(UInt8),
    is_stream Nullable(UInt8),
    stream_end LowCardinality(Nullable(String)),
    is_estimated Nullable(UInt8),
    time_to_first_chunk_s Nullable(Float64) CODEC(ZSTD(1)),
    error_type LowCardinality(Nullable(String)),
    INDEX idx_run run_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX idx_user user_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
PRIMARY KEY (toStartOfHour(ts), service)
ORDER BY (toStartOfHour(ts), service, trace_id, span_id)
TTL toDateTime(ts) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1;

-- All attribute values are text in otel_traces, a missing one is ''. Money goes through 18 digits and is rounded to 12: a text with
-- more would be cut off.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel.llm_call_facts_mv TO otel.llm_call_facts AS
WITH
    x -> nullIf(SpanAttributes[x], '') AS said,
    x -> if(SpanAttributes[x] = '', NULL, SpanAttributes[x] = 'true') AS flag,
    -- beyond 2^48 something else was meant than a count
    x -> if(abs(toInt64OrNull(SpanAttributes[x])) <= 281474976710656, toInt64OrNull(SpanAttributes[x]), NULL) AS number,
    x -> if(isFinite(toFloat64OrNull(SpanAttributes[x])), toFloat64OrNull(SpanAttributes[x]), NULL) AS finite,
    x -> toDecimal64OrNull(toString(round(toDecimal128OrNull(SpanAttributes[x], 18), 12)), 12) AS usd
SELECT
    Timestamp AS ts,
    ServiceName AS service,
    TraceId AS trace_id,
    SpanId AS span_id,
    ifNull(said('fastagentic.run.id'), TraceId) AS run_id,
    toUnixTimestamp64Nano(Timestamp) AS started_ns,
    greatest(toInt64(Duration), 0) AS duration_ns, -- a clock that was set back
    said('gen_ai.operation.name') AS operation,
    said('gen_ai.provider.name') AS provider,
    said('gen_ai.request.model') AS model,
    said('gen_ai.response.model') AS response_model,
    said('fastagentic.gateway') AS gateway,
    said('user.id') AS user_id,
    said('session.id') AS session_id,
    said('fastagentic.tenant.id') AS tenant_id,
    nullIf(said('fastagentic.tags'), '[]') AS tags,
    number('gen_ai.usage.input_tokens') AS input_tokens,
    number('gen_ai.usage.output_tokens') AS output_tokens,
    number('gen_ai.usage.cache_read.input_tokens') AS cache_read_tokens,
    number('gen_ai.usage.cache_creation.input_tokens') AS cache_write_tokens,
    number('gen_ai.usage.reasoning.output_tokens') AS reasoning_tokens,
    usd('gen_ai.usage.cost') AS cost_usd,
    -- a cost that is no number is an unknown cost
    if(said('fastagentic.cost.source') IS NOT NULL AND cost_usd IS NULL, 'unknown', said('fastagentic.cost.source')) AS cost_source,
    usd('fastagentic.cost.saved') AS saved_usd,
    said('fastagentic.cache.status') AS cache_status,
    flag('fastagentic.cache.hit') AS cache_hit,
    number('fastagentic.target.index') AS target_index,
    said('fastagentic.target.path') AS target_path,
    said('fastagentic.target.provider') AS target_provider,
    said('fastagentic.target.name') AS target_name,
    number('fastagentic.retries') AS retries,
    flag('fastagentic.fallback.used') AS fallback_used,
    flag('gen_ai.request.stream') AS is_stream,
    said('fastagentic.stream.end') AS stream_end,
    flag('fastagentic.usage.estimated') AS is_estimated,
    finite('gen_ai.response.time_to_first_chunk') AS time_to_first_chunk_s,
    said('error.type') AS error_type
FROM otel.otel_traces
WHERE ScopeName = 'fastagentic' -- another instrumentation may tell of the same call
    AND SpanAttributes['gen_ai.operation.name'] NOT IN ('', 'invoke_workflow', 'invoke_agent', 'execute_tool')
    AND SpanAttributes['fastagentic.attempt.number'] = '';

-- What people and programs read: each call once. Repeats of a call are in one partition, so that FINAL never compares two.
CREATE VIEW IF NOT EXISTS otel.llm_calls AS
SELECT *, duration_ns / 1e9 AS duration_s, error_type IS NOT NULL AS is_error
FROM otel.llm_call_facts FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;
