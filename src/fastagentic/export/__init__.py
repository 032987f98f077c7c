"""Where spans go once they have ended. Nothing here knows what an LLM call is."""
