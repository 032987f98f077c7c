"""A function as Lambda runs it: once an invocation it is called, and frozen the moment it has answered. Here it never thaws."""

import os
import signal

from ask import ask

import fastagentic


def handler(event, context):
    try:
        return ask(event["question"])
    finally:
        fastagentic.flush(timeout=5)


if __name__ == "__main__":
    handler({"question": "Does it ship?"}, None)
    os.kill(os.getpid(), signal.SIGKILL)
