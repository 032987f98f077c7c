-- The 100 users who cost most. Parameters: since, until (UTC), tenant ('' is all).
SELECT user_id, tenant_id, count() AS calls, uniqExact(run_id) AS runs, sum(cost_usd) AS cost_usd
FROM otel.llm_calls
WHERE ts >= {since:DateTime} AND ts < {until:DateTime} AND ({tenant:String} = '' OR tenant_id = {tenant:String})
GROUP BY user_id, tenant_id
ORDER BY cost_usd DESC
LIMIT 100
