-- Distinct users and latency by hour and model, estimated. Parameters: since, until (UTC).
SELECT
    hour, model, uniqCombined64Merge(12)(users) AS users,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(latency_s) AS p50_p95_p99_s
FROM otel.llm_sketch_1h
WHERE hour >= {since:DateTime} AND hour < {until:DateTime}
GROUP BY hour, model
ORDER BY hour, model
