-- Models whose price nobody knew. Parameters: since, until (UTC).
SELECT ifNull(response_model, model) AS answered_by, gateway, service, count() AS calls,
    sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens
FROM otel.llm_calls
WHERE ts >= {since:DateTime} AND ts < {until:DateTime} AND cost_source = 'unknown'
GROUP BY answered_by, gateway, service
ORDER BY calls DESC
