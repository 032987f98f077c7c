-- What the gateways' caches answered and saved, by model. Parameters: since, until (UTC).
SELECT
    model, sum(cache_lookups) AS lookups, sum(cache_hits) AS hits, if(lookups = 0, NULL, hits / lookups) AS hit_rate,
    sum(saved_usd) AS saved_usd, sum(cost_usd) AS cost_usd
FROM otel.llm_cost_1m
WHERE minute >= {since:DateTime} AND minute < {until:DateTime}
GROUP BY model
ORDER BY saved_usd DESC
