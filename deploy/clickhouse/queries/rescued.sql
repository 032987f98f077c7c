-- What retries and fallbacks saved from failing, by target. Parameters: since, until (UTC).
SELECT
    gateway, coalesce(target_name, target_path, '') AS target, count() AS calls,
    countIf(error_type IS NULL AND fallback_used = 1) AS rescued_by_fallback,
    countIf(error_type IS NULL AND ifNull(fallback_used, 0) = 0 AND retries > 0) AS rescued_by_retry,
    countIf(error_type IS NOT NULL) AS errors
FROM otel.llm_calls
WHERE ts >= {since:DateTime} AND ts < {until:DateTime} AND gateway IS NOT NULL
GROUP BY gateway, target
ORDER BY calls DESC
