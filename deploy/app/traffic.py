"""Asks both endpoints of the example in turn, every two seconds: `traffic.py http://app:8000`. For something to look at."""

from __future__ import annotations

import itertools
import json
import sys
import time
import urllib.error
import urllib.request

QUESTIONS = ("Where is order 42?", "Has order 7 left?", "When does order 19 arrive?", "What is in order 3?")
USERS = ("u-ana", "u-ben", "u-chloe")
PAUSE_S = 2.0


def main(base: str) -> None:
    """Ask until stopped; an application that does not answer yet is asked again."""
    for number in itertools.count():
        path = ("premium", "standard")[number % 2]
        body = json.dumps({"question": QUESTIONS[number % len(QUESTIONS)]}).encode()
        headers = {"content-type": "application/json", "x-customer": USERS[number % len(USERS)]}
        try:
            urllib.request.urlopen(urllib.request.Request(f"{base}/{path}", body, headers), timeout=30).close()  # noqa: S310
        except (urllib.error.URLError, TimeoutError) as error:
            print(f"{path}: {error}", file=sys.stderr)
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main(sys.argv[1])
