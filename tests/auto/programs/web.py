"""A WSGI application: a call for each request. `EARLY` imports the client as the module is imported, before any fork."""

import os

from ask import ask

if os.environ.get("EARLY"):
    import openai  # noqa: F401


def app(environ, start_response):
    ask()
    start_response("200 OK", [])
    return [b"asked"]
