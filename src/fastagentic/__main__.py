"""`python -m fastagentic` is the command `fastagentic`."""

from fastagentic.cli import main

if __name__ == "__main__":
    main()
