"""When a provider takes requests again, by its own word: in headers, or in the error's body."""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, cast

from skep.records.limits import SECONDS_MAX

_EPOCH_MS_FROM: Final = 1e11
_EPOCH_S_FROM: Final = 1e9

_LIMIT: Final = re.compile(
    r"^(?:x-ratelimit-(?P<verb>reset|remaining)(?:-(?P<of>[\w-]+))?"
    r"|anthropic-ratelimit-(?P<what>[\w-]+)-(?P<end>reset|remaining))$"
)
_UNITS: Final[Mapping[str, float]] = {
    "ms": 0.001,
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
}
_PIECE: Final = r"\d{1,9}(?:\.\d{1,6})?\s*(?:ms|days?|hours?|minutes?|min|seconds?|sec|[dhms])"
_DURATION: Final = re.compile(rf"(?:{_PIECE}\s*)+", re.IGNORECASE)
_AGAIN_IN: Final = re.compile(
    rf"(?:again|retry|reset|wait|resets?)[^.\d]{{0,30}}?\b(?:in|after)\s+(?P<rest>(?:{_PIECE}\s*)+)",
    re.IGNORECASE,
)
_AGAIN_ON: Final = re.compile(
    r"(?:regain|again|resets?|until|on|at)\s[^.\d]{0,40}"
    r"(?P<day>\d{4}-\d\d-\d\d)(?:\s+at\s+|[T ])?(?P<hour>\d\d:\d\d(?::\d\d)?)?"
    r"(?:\.\d+)?\s*(?P<zone>Z|UTC|GMT|[+-]\d\d:\d\d)?",
    re.IGNORECASE,
)
_AT_KEYS: Final = ("resets_at", "reset_at", "retry_at")
_IN_KEYS: Final = ("resets_in_seconds", "retry_after", "retry_after_seconds", "retryDelay")


def reset_at(
    headers: Mapping[str, str], *, said: str, body: object, now: float, is_account: bool
) -> float | None:
    """Find when requests are taken again, in epoch seconds; None when nothing says it.

    `Retry-After` is the word for the next request, a limit's own reset that of the limit; for a
    spent account the body goes first, for there the headers tell of the rate alone. Never before
    `now`, never more than SECONDS_MAX from it.

    >>> reset_at({"retry-after": "20"}, said="", body=None, now=1000.0, is_account=False)
    1020.0
    >>> reset_at({}, said="Try again in 1m30s.", body=None, now=1000.0, is_account=False)
    1090.0
    """
    told_by_headers = (_retry_after(headers, now), _limits_reset(headers, now))
    told_by_body = (_body_reset(body, now), _words_reset(said, now))
    order = (*told_by_body, *told_by_headers) if is_account else (*told_by_headers, *told_by_body)
    found = next((at for at in order if at is not None and math.isfinite(at)), None)
    return None if found is None else min(max(found, now), now + SECONDS_MAX)


def duration_s(text: str) -> float | None:
    """Read a duration as providers write it.

    >>> duration_s("6m0s"), duration_s("1.5s"), duration_s("250ms"), duration_s("soon")
    (360.0, 1.5, 0.25, None)
    """
    if not _DURATION.fullmatch(text.strip()):
        return None
    pieces = re.findall(r"([\d.]+)\s*([a-z]+)", text.lower())
    return float(sum(float(number) * _UNITS[_singular(unit)] for number, unit in pieces))


def _singular(unit: str) -> str:
    return unit if unit in _UNITS else unit.removesuffix("s")


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    in_ms = _number(headers.get("retry-after-ms", ""))
    if in_ms is not None:
        return now + in_ms / 1000
    text = headers.get("retry-after", "")
    seconds = _number(text)
    return now + seconds if seconds is not None else _http_date(text)


def _limits_reset(headers: Mapping[str, str], now: float) -> float | None:
    """When the limits that are used up are reset, all of them; or else the first that is."""
    resets, remaining = dict[str, float](), dict[str, float]()
    for name, text in headers.items():
        match = _LIMIT.match(name)
        if match is None:
            continue
        verb, limit = match["verb"] or match["end"], match["of"] or match["what"] or ""
        if verb == "reset" and (at := _moment(text, now)) is not None:
            resets[limit] = at
        elif verb == "remaining" and (left := _number(text)) is not None:
            remaining[limit] = left
    used_up = [at for limit, at in resets.items() if remaining.get(limit) == 0]
    if used_up:
        return max(used_up)
    return min((at for limit, at in resets.items() if limit not in remaining), default=None)


def _body_reset(body: object, now: float) -> float | None:
    for level in _levels(body):
        for key in _AT_KEYS:
            if (at := _moment(_text(level.get(key)), now)) is not None:
                return at
        for key in _IN_KEYS:
            text = _text(level.get(key))
            seconds = _number(text)
            seconds = duration_s(text) if seconds is None else seconds
            if seconds is not None:
                return now + seconds
    return None


def _levels(body: object) -> Iterator[Mapping[str, object]]:
    """Give the objects of an error's body that may tell: itself, its error, that one's details."""
    if not isinstance(body, Mapping):
        return
    outer = cast("Mapping[str, object]", body)
    yield outer
    inner = outer.get("error")
    if isinstance(inner, Mapping):
        yield from _levels({**cast("Mapping[str, object]", inner), "error": None})
    details = outer.get("details")
    for each in cast("list[object]", details) if isinstance(details, list) else ():
        if isinstance(each, Mapping):
            yield cast("Mapping[str, object]", each)


def _words_reset(said: str, now: float) -> float | None:
    if (match := _AGAIN_IN.search(said)) and (rest := duration_s(match["rest"])) is not None:
        return now + rest
    if match := _AGAIN_ON.search(said):
        zone = {"Z": "+00:00", "UTC": "+00:00", "GMT": "+00:00"}
        offset = zone.get((match["zone"] or "Z").upper(), match["zone"])
        return _iso(f"{match['day']}T{match['hour'] or '00:00'}{offset}")
    return None


def _moment(text: str, now: float) -> float | None:
    """Read a moment: epoch seconds or milliseconds, seconds from now, a duration or a date."""
    number = _number(text)
    if number is None:
        rest = duration_s(text)
        return now + rest if rest is not None else _iso(text)
    if number >= _EPOCH_MS_FROM:
        return number / 1000
    return number if number >= _EPOCH_S_FROM else now + number


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\s*\d{1,18}(\.\d{1,9})?\s*", text) else None


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int | float) else ""


def _iso(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text.strip())
        return _utc(moment).timestamp()
    except (ValueError, OverflowError):
        return None


def _http_date(text: str) -> float | None:
    try:
        return _utc(parsedate_to_datetime(text)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
