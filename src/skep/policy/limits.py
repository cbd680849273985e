"""Limits as people write them: `anthropic: rpm=50, tpm=40000, at_once=8; openai:gpt-5: rpm=500`."""

import re
from collections.abc import Mapping
from typing import Final

from skep.records.duration import seconds
from skep.records.errors import InvalidInput
from skep.records.gate import Limits, Rate, Unit

ALIASES: Final = {"openai-chat": "openai", "openai-responses": "openai"}
"""Ways of speaking to a provider under names of their own: its limits are those of all of them."""

RATE_MAX: Final = 10**12
"""The largest rate."""

RATE_S_MAX: Final = 24 * 3600.0
"""The longest stretch of a rate."""

AT_ONCE_MAX: Final = 100_000
"""The largest number of requests at once."""

_SHORT: Final[Mapping[str, tuple[Unit, str]]] = {
    "rps": (Unit.REQUESTS, "1s"),
    "rpm": (Unit.REQUESTS, "1m"),
    "tps": (Unit.TOKENS, "1s"),
    "tpm": (Unit.TOKENS, "1m"),
}
_NUMBER: Final = re.compile(r"[1-9]\d{0,12}")
HINT: Final = (
    "Say GATE: WORD=NUMBER, ...; with rpm, rps, tpm, tps, at_once, or requests=100/10s:"
    " `anthropic: rpm=50, tpm=40000, at_once=8; openai:gpt-5: rpm=500`."
)


def gates_of(model: str) -> tuple[str, ...]:
    """Name the gates of a model: its provider's, and its own.

    >>> gates_of("openai-chat:gpt-5"), gates_of("own")
    (('openai', 'openai:gpt-5'), ('own',))
    """
    provider, _, name = model.partition(":")
    provider = ALIASES.get(provider, provider)
    return (provider, f"{provider}:{name}") if name else (provider,)


def limits_from(text: str) -> Mapping[str, Limits]:
    """Read the limits of gates. Raises `InvalidInput`.

    >>> limits_from("own: rps=2, at_once=8")["own"].at_once
    8
    """
    found = dict[str, Limits]()
    for part in filter(None, map(str.strip, text.split(";"))):
        name, colon, words = part.rpartition(":")
        gate = gates_of(name.strip())[-1]
        if not colon or not gate or gate in found:
            raise _refusal(part, "names no gate, or one twice")
        found[gate] = _limits(words)
    return found


def _limits(text: str) -> Limits:
    rates, at_once = dict[str, Rate](), None
    for word in filter(None, map(str.strip, text.split(","))):
        key, _, amount = (each.strip() for each in word.partition("="))
        if key == "at_once" and at_once is None:
            at_once = _number(amount, word, most=AT_ONCE_MAX)
            continue
        rate = _rate(key, amount, word)
        if rate.key in rates:
            raise _refusal(word, "limits what is limited already")
        rates[rate.key] = rate
    if not rates and at_once is None:
        raise _refusal(text.strip(), "limits nothing")
    return Limits(rates=tuple(rates.values()), at_once=at_once)


def _rate(key: str, amount: str, word: str) -> Rate:
    number, slash, length = (each.strip() for each in amount.partition("/"))
    if key in _SHORT and not slash:
        unit, length = _SHORT[key]
    elif key in set(Unit) and slash:
        unit = Unit(key)
    else:
        raise _refusal(word, "is no limit")
    per_s = seconds(length)
    if per_s > RATE_S_MAX:
        raise _refusal(word, "counts over more than a day")
    return Rate(unit=unit, most=_number(number, word, most=RATE_MAX), per_s=per_s)


def _number(text: str, word: str, *, most: int) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > most:
        raise _refusal(word, f"has no whole number from 1 to {most}")
    return int(text)


def _refusal(text: str, why: str) -> InvalidInput:
    return InvalidInput(f"The limit {text!r} {why}.", hint=HINT)
