-- What each tenant cost, dearest first. Parameters: since, until (UTC).
SELECT tenant_id, sum(calls) AS calls, sum(errors) AS errors, sum(unpriced_calls) AS unpriced_calls, sum(cost_usd) AS cost_usd
FROM otel.llm_cost_1m
WHERE minute >= {since:DateTime} AND minute < {until:DateTime}
GROUP BY tenant_id
ORDER BY cost_usd DESC
