"""What happens to one LLM call, whoever makes it. Nothing here knows a client, a destination or a disk."""
