"""The command line: one file a group of commands; a command parses, makes one library call, and prints.

What is heavy (NumPy, the database, the models) is imported inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    try:
        # Inside the function, so that Ctrl-C in the first tenth of a second is no traceback either.
        from facesearch.cli.app import app

        app(prog_name="facesearch")
    except KeyboardInterrupt:
        raise SystemExit(130) from None
