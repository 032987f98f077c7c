"""The application layer: `App` and `agent_endpoint` on FastAPI. The only room, with the dashboard, that imports FastAPI.

A request is a run: its span, its gateway, its hooks, its limits. What an endpoint runs is the user's own.
"""
