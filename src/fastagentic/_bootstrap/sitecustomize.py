"""Python imports this as it starts: `fastagentic run` puts this folder on PYTHONPATH, and every Python below inherits it.

It may run in any Python, also in an old one that has no fastagentic: old syntax, no noise, and then whatever `sitecustomize`
the environment has itself.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def observe() -> None:
    """Have this process observed. Where that cannot be, only the program that was asked for says so."""
    try:
        from fastagentic._auto import start_with_a_client

        start_with_a_client()
    except Exception as error:  # noqa: BLE001  # whatever it is, the program goes on
        if os.environ.get("FASTAGENTIC_RUN_PID") == str(os.getpid()):
            told = "fastagentic: this process is not observed: %s (%s)\n"
            sys.stderr.write(told % (error, sys.executable))  # an old Python has nothing newer


def go_on() -> None:
    """Leave no trace on the path, and run the `sitecustomize` that Python would have found without us."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != HERE]
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


observe()
go_on()
