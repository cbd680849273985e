"""The nest: a process that has imported what a worker needs, and forks a life for each order.

A life then costs a fork and not seconds of imports, so that there can be hundreds of them. Each is
a process of its own, with its own folder, environment and command line, and dies by itself.

python -m tests.crash.nest

Orders come as lines of JSON. Each is answered by a line with the `begun` pid, and each end of a
life is told by one with the `ended` pid and its exit code, negative for a signal. When the orders
end, all that live are killed.
"""

import gc
import importlib
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Mapping
from types import FrameType
from typing import Any, Final

WARM: Final = (
    "anthropic",
    "openai",
    "genai_prices",
    "pydantic_ai.models.anthropic",
    "pydantic_ai.models.openai",
    "pydantic_ai.providers.anthropic",
    "pydantic_ai.providers.openai",
    "skep.agent.loop",
    "skep.agent.models",
    "skep.agent.prices",
    "skep.cli.app",
    "skep.cli.work",
    "skep.drivers.redis",
    "skep.drivers.sqlite",
    "skep.drivers.web",
)
CRASHED: Final = 70


def main() -> None:
    """Fork for each order until there are no more."""
    for name in WARM:
        importlib.import_module(name)
    gc.freeze()
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, _look_up)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    living: set[int] = set()
    orders = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _bury(living)
        if 0 in ready:
            content = os.read(0, 65536)
            if not content:
                break
            *lines, orders = (orders + content).split(b"\n")
            for line in lines:
                living.add(_begin(json.loads(line)))
    for pid in living:
        os.kill(pid, signal.SIGKILL)


def _look_up(signum: int, frame: FrameType | None) -> None:
    """Do nothing: that there was a signal is enough to wake the loop."""


def _bury(living: set[int]) -> None:
    """Tell of those that have ended."""
    while living:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        living.discard(pid)
        _tell(ended=pid, code=os.waitstatus_to_exitcode(status))


def _begin(order: Mapping[str, Any]) -> int:
    pid = os.fork()
    if not pid:
        _live(order)
    _tell(begun=pid)
    return pid


def _tell(**told: int) -> None:
    os.write(1, f"{json.dumps(told)}\n".encode())


def _live(order: Mapping[str, Any]) -> None:
    """Become what the order says; never returns."""
    code: object = CRASHED
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.argv = order["argv"]
        module, _, name = order["call"].partition(":")
        code = getattr(importlib.import_module(module), name)()
    except SystemExit as leaving:
        code = leaving.code
    except BaseException:  # noqa: BLE001 - the edge of the process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else CRASHED)


if __name__ == "__main__":
    main()
