"""The one place where errors become messages and exit codes; no traceback reaches a user unless they ask for it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from facesearch.cli.output import PipeClosedError, complain, emit, finish, hint
from facesearch.errors import FacesearchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEBUG_VARIABLE = "FACESEARCH_DEBUG"

ERROR, INTERRUPTED, PIPE_CLOSED = 2, 130, 141
"""Exit codes beside 0 and 1; the last two are what a shell reports of programs that a signal ended."""


class InterruptedRunError(Exception):
    """Ctrl-C, in a form that typer lets through."""


class Commands(TyperGroup):
    """The group of all commands, which never raises."""

    def invoke(self, ctx: Any) -> object:  # noqa: ANN401 - typer's own annotation is private
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as exc:
            raise InterruptedRunError from exc

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002
        """List the commands under the headings that they were registered with."""
        sections: dict[str, list[tuple[str, str]]] = {}
        limit = formatter.width - 6 - max(map(len, self.commands), default=0)
        for name, command in self.commands.items():
            heading = getattr(command, "rich_help_panel", None)
            sections.setdefault(heading if isinstance(heading, str) else "Commands", []).append(
                (name, command.get_short_help_str(limit))
            )
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows, col_max=13)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: object,
    ) -> object:
        """Run a command; leaves the process with its exit code, or returns it without ``standalone_mode``."""
        words = list(sys.argv[1:] if args is None else args)
        run = super().main

        def call() -> object:
            return run(words, prog_name, complete_var, False, windows_expand_args, **extra)  # noqa: FBT003

        code = guarded(call, as_json="--json" in words)
        if standalone_mode:
            sys.exit(code)
        return code


def guarded(call: Callable[[], object], *, as_json: bool) -> int:
    """Call a command and return the exit code; whatever it raises has been told by then."""
    try:
        result = call()
        finish()
    except FacesearchError as error:
        return _failed(error.kind, error.message, error.hint, as_json=as_json)
    except typer.TyperException as error:
        return _failed("usage", _sentence(error), _usage_hint(error), as_json=as_json)
    except (PipeClosedError, BrokenPipeError):
        return PIPE_CLOSED
    except (InterruptedRunError, KeyboardInterrupt, typer.Abort):
        _failed("interrupted", "interrupted", None, as_json=as_json)
        return INTERRUPTED
    except SystemExit:  # typer's answer to a closed pipe, where it prints itself: --help
        return PIPE_CLOSED
    except Exception as error:  # noqa: BLE001 - the last line of defence: a user gets a sentence, whatever it was
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        advice = f"this is a fault of facesearch: please report it with what {DEBUG_VARIABLE}=1 shows"
        return _failed("internal", f"internal error: {what}", advice, as_json=as_json)
    return result if isinstance(result, int) else 0


def _failed(kind: str, message: str, advice: str | None, *, as_json: bool) -> int:
    if kind != "interrupted" and os.environ.get(DEBUG_VARIABLE, "0") not in {"", "0"}:
        import traceback

        traceback.print_exc()
    with suppress(FacesearchError, PipeClosedError):  # nobody can be told that nothing can be told
        if as_json:
            emit({"error": {"kind": kind, "message": message, "hint": advice}})
            finish()
        else:
            complain(message if kind in {"internal", "interrupted"} else f"error: {message}")
            if advice:
                hint(advice)
    return ERROR


def _sentence(error: typer.TyperException) -> str:
    message = error.format_message().strip().removesuffix(".").replace("Value error, ", "")
    return message[:1].lower() + message[1:]


def _usage_hint(error: typer.TyperException) -> str | None:
    context = getattr(error, "ctx", None)
    if context is None:
        return None
    if context.parent is None and hasattr(error, "option_name"):
        return "options follow the command: facesearch COMMAND --help lists them"
    return f"see: {context.command_path} --help"
