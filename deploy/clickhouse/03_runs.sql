-- The spans of runs, 90 days, and the view `llm_runs`: one row for each run with the columns of `runs` in the local store. The
-- earliest span of a run says what the run is; of two that start together, the one around the other.
CREATE TABLE IF NOT EXISTS otel.llm_run_facts
(
    ts DateTime64(3) CODEC(Delta, ZSTD(1)),
    service LowCardinality(String),
    run_id String CODEC(ZSTD(1)),
    trace_id FixedString(32) CODEC(ZSTD(1)),
    span_id FixedString(16) CODEC(ZSTD(1)),
    external_id Nullable(String) CODEC(ZSTD(1)),
    name LowCardinality(String),
    user_id Nullable(String) CODEC(ZSTD(1)),
    session_id Nullable(String) CODEC(ZSTD(1)),
    tenant_id LowCardinality(Nullable(String)),
    tags Nullable(String) CODEC(ZSTD(1)),
    started_ns Int64 CODEC(Delta, ZSTD(1)),
    ended_ns Int64 CODEC(Delta, ZSTD(1)),
    status LowCardinality(String),
    error_type LowCardinality(Nullable(String)),
    INDEX idx_run run_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
PRIMARY KEY (toStartOfHour(ts), service)
ORDER BY (toStartOfHour(ts), service, trace_id, span_id)
TTL toDateTime(ts) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel.llm_run_facts_mv TO otel.llm_run_facts AS
WITH x -> nullIf(SpanAttributes[x], '') AS said
SELECT
    Timestamp AS ts,
    ServiceName AS service,
    ifNull(said('fastagentic.run.id'), TraceId) AS run_id,
    TraceId AS trace_id,
    SpanId AS span_id,
    said('fastagentic.run.external_id') AS external_id,
    coalesce(said('gen_ai.workflow.name'), said('gen_ai.agent.name'), SpanName) AS name,
    said('user.id') AS user_id,
    said('session.id') AS session_id,
    said('fastagentic.tenant.id') AS tenant_id,
    nullIf(said('fastagentic.tags'), '[]') AS tags,
    toUnixTimestamp64Nano(Timestamp) AS started_ns,
    started_ns + greatest(toInt64(Duration), 0) AS ended_ns,
    lower(StatusCode) AS status,
    said('error.type') AS error_type
FROM otel.otel_traces
WHERE ScopeName = 'fastagentic'
    AND SpanAttributes['gen_ai.operation.name'] IN ('invoke_workflow', 'invoke_agent')
    AND SpanAttributes['fastagentic.attempt.number'] = '';

-- A tuple is taken as a whole: argMin alone would pass over a NULL and tell of an inner span.
CREATE VIEW IF NOT EXISTS otel.llm_runs AS
SELECT
    run_id,
    tupleElement(outer_span, 1) AS external_id,
    tupleElement(outer_span, 2) AS name,
    tupleElement(outer_span, 3) AS user_id,
    tupleElement(outer_span, 4) AS session_id,
    tupleElement(outer_span, 5) AS tenant_id,
    tupleElement(outer_span, 6) AS tags,
    first_ns AS started_ns,
    last_ns AS ended_ns,
    tupleElement(outer_span, 7) AS status,
    tupleElement(outer_span, 8) AS error_type,
    tupleElement(outer_span, 9) AS service,
    fromUnixTimestamp64Milli(intDiv(first_ns, 1000000)) AS ts
FROM
(
    SELECT
        run_id,
        argMin((external_id, name, user_id, session_id, tenant_id, tags, status, error_type, service), (started_ns, -ended_ns)) AS outer_span,
        min(started_ns) AS first_ns,
        max(ended_ns) AS last_ns
    FROM otel.llm_run_facts
    GROUP BY run_id
);
