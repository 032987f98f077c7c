-- This month (UTC) by service and day: what to hold against a provider's bill.
SELECT service, toDate(minute) AS day, sum(calls) AS calls, sum(unpriced_calls) AS unpriced_calls, sum(cost_usd) AS cost_usd
FROM otel.llm_cost_1m
WHERE minute >= toStartOfMonth(now('UTC'))
GROUP BY service, day
ORDER BY service, day
