-- Money and counts by the minute, two years: what cost panels, bills and the consistency check read, as the view `llm_cost_1m`.
--
-- A materialised view that adds up what is inserted counts a repeated call twice. Here the minutes that calls were inserted for are
-- noted, and once a minute the sums of those are made anew from the calls, each counted once. Until then the view adds them
-- up itself: it is exact at any time, and whatever the refresh missed (a server that was down) it takes up with the next one.
CREATE TABLE IF NOT EXISTS otel.llm_minutes
(
    minute DateTime,
    touched_at SimpleAggregateFunction(max, DateTime64(3))
)
ENGINE = AggregatingMergeTree
ORDER BY minute
TTL minute + INTERVAL 90 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel.llm_minutes_mv TO otel.llm_minutes AS
SELECT toStartOfMinute(ts) AS minute, now64(3) AS touched_at
FROM otel.llm_call_facts
GROUP BY minute;

CREATE TABLE IF NOT EXISTS otel.llm_cost_1m_sums
(
    minute DateTime CODEC(Delta, ZSTD(1)),
    tenant_id LowCardinality(String),
    service LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    calls UInt64 CODEC(T64, ZSTD(1)),
    errors UInt64 CODEC(T64, ZSTD(1)),
    unpriced_calls UInt64 CODEC(T64, ZSTD(1)),
    cache_hits UInt64 CODEC(T64, ZSTD(1)),
    cache_lookups UInt64 CODEC(T64, ZSTD(1)),
    input_tokens Int64 CODEC(T64, ZSTD(1)),
    output_tokens Int64 CODEC(T64, ZSTD(1)),
    cost_usd Decimal(38, 12) CODEC(ZSTD(1)),
    saved_usd Decimal(38, 12) CODEC(ZSTD(1)),
    refreshed_at DateTime64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(refreshed_at)
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, tenant_id, service, provider, model)
TTL minute + INTERVAL 2 YEAR;

-- The minutes whose sums are older than their last call; a minute's grace for inserts that were under way. Not those whose calls
-- are about to go: what is left of them must not replace the whole.
CREATE VIEW IF NOT EXISTS otel.llm_minutes_due AS
SELECT minute
FROM otel.llm_minutes
WHERE minute > now() - INTERVAL 80 DAY
GROUP BY minute
HAVING max(touched_at) > (SELECT max(refreshed_at) FROM otel.llm_cost_1m_sums) - INTERVAL 1 MINUTE;

CREATE VIEW IF NOT EXISTS otel.llm_cost_1m_due AS
SELECT
    toStartOfMinute(ts) AS minute,
    ifNull(calls.tenant_id, '') AS tenant_id,
    service,
    ifNull(calls.provider, '') AS provider,
    ifNull(calls.model, '') AS model,
    count() AS calls,
    countIf(error_type IS NOT NULL) AS errors,
    countIf(cost_source = 'unknown') AS unpriced_calls,
    countIf(cache_hit = 1) AS cache_hits,
    countIf(cache_status != 'disabled') AS cache_lookups,
    sum(ifNull(calls.input_tokens, 0)) AS input_tokens,
    sum(ifNull(calls.output_tokens, 0)) AS output_tokens,
    sum(toDecimal128(ifNull(calls.cost_usd, 0), 12)) AS cost_usd,
    sum(toDecimal128(ifNull(calls.saved_usd, 0), 12)) AS saved_usd
FROM otel.llm_call_facts AS calls FINAL
WHERE toStartOfMinute(ts) IN (SELECT minute FROM otel.llm_minutes_due)
GROUP BY minute, tenant_id, service, provider, model
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel.llm_cost_1m_refresh
REFRESH EVERY 1 MINUTE APPEND TO otel.llm_cost_1m_sums AS
SELECT *, (SELECT now64(3)) AS refreshed_at FROM otel.llm_cost_1m_due;

CREATE VIEW IF NOT EXISTS otel.llm_cost_1m AS
SELECT * EXCEPT refreshed_at FROM otel.llm_cost_1m_sums FINAL WHERE minute NOT IN (SELECT minute FROM otel.llm_minutes_due)
UNION ALL
SELECT * FROM otel.llm_cost_1m_due;
