"""Two children of multiprocessing, started as the first argument says, with a call each; given a second one, a call before."""

import multiprocessing
import sys

from ask import ask

if __name__ == "__main__":
    if len(sys.argv) > 2:
        ask()
    context = multiprocessing.get_context(sys.argv[1])
    children = [context.Process(target=ask) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    sys.exit(sum(child.exitcode for child in children))
