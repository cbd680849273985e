"""Lengths of time as people write them: 90, 90s, 10m, 2h, 8d."""

import re
from typing import Final

from skep.records.errors import InvalidInput

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)?")
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """Read a length of time: `90`, `90s`, `10m`, `2h` or `8d`. Raises `InvalidInput`.

    >>> seconds("90"), seconds("10m"), seconds("1.5h"), seconds("8d")
    (90.0, 600.0, 5400.0, 691200.0)
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None or float(match[1]) == 0:
        raise InvalidInput(
            f"{text!r} is no length of time.",
            hint="Say 90 or 90s, 10m, 2h for two hours, or 8d for eight days.",
        )
    return float(match[1]) * _SECONDS[match[2] or "s"]
