-- Calls that arrived more than once and are not merged yet, by hour of their start: how often batches are sent again.
-- Parameters: since, until (UTC).
SELECT toStartOfHour(ts) AS hour, count() AS rows, uniqExact(trace_id, span_id) AS calls, rows - calls AS repeats
FROM otel.llm_call_facts
WHERE ts >= {since:DateTime} AND ts < {until:DateTime}
GROUP BY hour
HAVING repeats > 0
ORDER BY hour
