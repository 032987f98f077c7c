-- The 100 runs that cost most, whatever they are called. Parameters: since, until (UTC).
SELECT
    calls.run_id AS run_id, any(runs.name) AS name, any(runs.external_id) AS external_id, min(calls.ts) AS started,
    count() AS calls, countIf(calls.is_error) AS errors, sum(calls.cost_usd) AS cost_usd
FROM otel.llm_calls AS calls
LEFT JOIN otel.llm_runs AS runs ON runs.run_id = calls.run_id
WHERE calls.ts >= {since:DateTime} AND calls.ts < {until:DateTime}
GROUP BY run_id
ORDER BY cost_usd DESC
LIMIT 100
