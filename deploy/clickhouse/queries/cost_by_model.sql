-- What each model cost, and for what. Parameters: since, until (UTC).
SELECT
    provider, model, sum(calls) AS calls, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
    sum(unpriced_calls) AS unpriced_calls, sum(cost_usd) AS cost_usd, sum(saved_usd) AS saved_usd
FROM otel.llm_cost_1m
WHERE minute >= {since:DateTime} AND minute < {until:DateTime}
GROUP BY provider, model
ORDER BY cost_usd DESC
