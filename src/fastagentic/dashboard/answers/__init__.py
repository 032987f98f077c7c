"""What the dashboard answers, one file a question: pydantic models with the names of the command line's `--json`, and how each
is filled from `store/queries/`. Pages and API hand out the same objects, so they cannot disagree.
"""
