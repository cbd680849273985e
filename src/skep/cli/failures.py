"""What went wrong, told in two lines: what happened, and what to do about it."""

import json
import os
import sys
import traceback
from typing import Final, NoReturn, cast

from cyclopts import CycloptsError
from rich.text import Text

from skep.cli.screen import Screen, clean
from skep.records.errors import InvalidInput, ModelError, SkepError

FAILED: Final = 1
USAGE: Final = 2
OUT_OF_BUDGET: Final = 3
INTERRUPTED: Final = 130
STDOUT: Final = 1
STDERR: Final = 2
SHOW_CURSOR: Final = b"\x1b[?25h\n"
BROKEN_PIPE: Final = 0
"""Whoever read our output had enough, as `head` does; that is no failure."""


def explained(error: BaseException, screen: Screen, *, as_json: bool) -> int:
    """Tell the user of an error that ended a command; returns the exit code."""
    error = _innermost(error)
    match error:
        case BrokenPipeError():
            return hung_up()
        case KeyboardInterrupt():
            screen.err.print("Interrupted.")
            return INTERRUPTED
        case _:
            code, message, hint, status = _told(error)
    if screen.is_debug:
        traceback.print_exception(error)
    if as_json:
        document = {"error": {"code": code, "message": message, "hint": hint}}
        sys.stdout.write(json.dumps(document) + "\n")
    _print(screen, message, hint)
    return status


def hung_up() -> int:
    """Forget what nobody reads, so that the interpreter does not try to write it at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def flushed() -> None:
    """Write out what is still buffered, here where a broken pipe is told from other errors."""
    sys.stdout.flush()


def leave_at_once() -> NoReturn:
    """End the process now, from a signal handler; the store is crash-safe.

    The streams may be in the middle of a write that this very thread makes, so they are let be.
    """
    for descriptor in (STDOUT, STDERR):
        if os.isatty(descriptor):
            os.write(descriptor, SHOW_CURSOR)
    os._exit(INTERRUPTED)


def leave(code: int) -> NoReturn:
    """End the process without waiting for its threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _told(error: BaseException) -> tuple[str, str, str, int]:
    """Give an error's code, message, hint and exit code."""
    match error:
        case SkepError():
            is_usage = isinstance(error, InvalidInput | ModelError)
            return error.code, error.message, error.hint, USAGE if is_usage else FAILED
        case CycloptsError():
            chain = " ".join(("skep", *(error.command_chain or ())))
            return "usage", str(error), f"See `{chain} --help`.", USAGE
        case OSError():
            name = f": {error.filename}" if error.filename else ""
            return "os_error", f"{error.strerror or error}{name}", "", FAILED
        case _:
            return (
                "internal",
                f"Something unexpected went wrong inside Skep: {type(error).__name__}: {error}",
                "Set SKEP_DEBUG=1 to see where.",
                FAILED,
            )


def _print(screen: Screen, message: str, hint: str) -> None:
    # A terminal wraps at words; a file keeps its lines whole.
    console, is_whole = screen.err, not screen.err.is_terminal
    error = Text.assemble(("error: ", "bold red"), clean(message))
    console.print(error, soft_wrap=is_whole)
    if hint:
        console.print(Text.assemble(("hint: ", "bold"), clean(hint)), soft_wrap=is_whole)


def _innermost(error: BaseException) -> BaseException:
    """Unwrap groups of one: what a task group raises when one task of it failed."""
    while isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        error = group.exceptions[0]
    return error
