-- Every call of a run, in the order in which they began. Parameter: run (32 hex digits, or the text that was given as run id).
SELECT ts, model, response_model, provider, target_path, cache_status, retries, fallback_used, error_type,
    input_tokens, output_tokens, cost_usd, cost_source, duration_s, span_id
FROM otel.llm_calls
WHERE run_id IN (SELECT run_id FROM otel.llm_run_facts WHERE external_id = {run:String} UNION ALL SELECT {run:String})
ORDER BY started_ns
