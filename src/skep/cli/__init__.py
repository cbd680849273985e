"""The command line: `skep` and its commands; each is imported when it is called."""

import sys
from collections.abc import Sequence

from skep.cli.app import build
from skep.cli.failures import FAILED, explained, flushed
from skep.cli.screen import open_screen


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `skep` with these arguments (default: the process's); returns the exit code.

    0 done, 1 failed, 2 the command or its input makes no sense, 130 interrupted.
    """
    tokens = _with_dash_last(sys.argv[1:] if arguments is None else arguments)
    screen = open_screen()
    try:
        result = build()(
            tokens,
            console=screen.out,
            error_console=screen.err,
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
        flushed()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else FAILED
    except BaseException as error:  # noqa: BLE001 - the edge of the process
        return explained(error, screen, as_json="--json" in tokens)
    return result if isinstance(result, int) else 0


def _with_dash_last(tokens: Sequence[str]) -> list[str]:
    """Move a lone `-`, which stands for stdin, behind the options: the parser takes it for one."""
    dashes = [at for at, word in enumerate(tokens) if word == "-" and tokens[at - 1] != "--plan"]
    if not dashes or "--" in tokens:
        return list(tokens)
    return [word for at, word in enumerate(tokens) if at != dashes[0]] + ["--", "-"]
