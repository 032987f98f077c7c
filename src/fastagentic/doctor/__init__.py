"""Why fallbacks do not trigger, why the cache does not answer, where latency comes from: `fastagentic doctor`.

`gather.py` collects the evidence, a rule is a function over it, `rules.py` has the table. Nothing here prints.
"""
