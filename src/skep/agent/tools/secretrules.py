"""What credentials look like: their patterns, and the words that give away a mere example.

Every pattern is bounded, has no nested repetition and begins with something definite, so that no
file makes the search slow. `hint` is a plain word without which the pattern cannot match.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Confidence(StrEnum):
    """How sure it is that a match is a credential in use."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of credential; the group `value`, where there is one, is what must stay hidden."""

    name: str
    confidence: Confidence
    hint: bytes
    pattern: re.Pattern[bytes]
    is_prefix_public: bool = True
    """The first four characters name the issuer and tell nothing of the secret."""


def _token(name: str, hint: bytes, pattern: bytes) -> Rule:
    return Rule(name, Confidence.HIGH, hint, re.compile(rb"(?<![A-Za-z0-9_-])" + pattern))


RULES: Final = (
    Rule(
        "private-key",
        Confidence.HIGH,
        b"PRIVATE KEY",
        # A header alone is what documentation and parsers hold; a key has its base64 behind it.
        re.compile(
            rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            rb"(?=(?:[\s\\nr\"'+,]|(?:Proc-Type|DEK-Info)[^\n]{0,80}\n){1,40}"
            rb"(?P<body>[A-Za-z0-9+/=]{40}))?"
        ),
    ),
    _token("aws-access-key", b"A", rb"(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
    _token("github-token", b"_", rb"gh[pousr]_[A-Za-z0-9]{36,251}"),
    _token("github-token", b"github_pat_", rb"github_pat_[A-Za-z0-9_]{60,90}"),
    _token("gitlab-token", b"glpat-", rb"glpat-[A-Za-z0-9_-]{20,64}"),
    _token("slack-token", b"xox", rb"xox[abeoprs]-[A-Za-z0-9-]{10,250}"),
    _token("google-api-key", b"AIza", rb"AIza[A-Za-z0-9_-]{35}"),
    _token("stripe-key", b"k_live_", rb"[rs]k_live_[A-Za-z0-9]{20,250}"),
    _token("anthropic-key", b"sk-ant-", rb"sk-ant-[A-Za-z0-9_-]{20,250}"),
    _token("openai-key", b"sk-", rb"sk-(?:proj-|svcacct-)?[A-Za-z0-9_]{32,250}"),
    _token("package-index-token", b"pypi-AgE", rb"pypi-AgE[A-Za-z0-9_-]{50,250}"),
    _token("package-index-token", b"npm_", rb"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    Rule(
        "json-web-token",
        Confidence.MEDIUM,
        b"eyJ",
        re.compile(
            rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}"
            rb"\.[A-Za-z0-9_-]{10,1000}"
        ),
    ),
    Rule(
        "password-in-url",
        Confidence.MEDIUM,
        b"://",
        re.compile(rb"://[^\s/:@\"'`<>]{0,64}:(?P<value>[^\s/:@\"'`<>]{3,128})@"),
        is_prefix_public=False,
    ),
    Rule(
        "assigned-secret",
        Confidence.MEDIUM,
        b"",
        re.compile(
            rb"(?i)(?:passw(?:or)?d|secret|token|api_?key|access_?key|private_?key|credential)"
            rb"[A-Za-z0-9_]{0,20}[\"']?[ \t]{0,4}(?::=|=>|[:=])[ \t]{0,4}"
            rb"(?P<quote>[\"'])(?P<value>[^\"'\s]{6,200})(?P=quote)"
        ),
        is_prefix_public=False,
    ),
)
SETTING: Final = Rule(
    "assigned-secret",
    Confidence.MEDIUM,
    b"",
    re.compile(
        rb"(?im)^[ \t]{0,40}(?:export[ \t]{1,4})?[A-Z0-9_.-]{0,40}"
        rb"(?:password|passwd|secret|token|api_?key|access_?key|private_?key)"
        rb"[A-Z0-9_.-]{0,20}[ \t]{0,4}[:=][ \t]{0,4}(?P<value>[^\s\"'#]{8,200})[ \t]{0,20}\r?$"
    ),
    is_prefix_public=False,
)
"""Settings files assign without quotes."""
SETTINGS_EXTENSIONS: Final = frozenset(
    {".env", ".ini", ".cfg", ".conf", ".properties", ".yml", ".yaml"}
)

_PLACEHOLDER: Final = re.compile(
    rb"(?i)example|sample|dummy|fake|placeholder|change.?me|change.?it|redacted|replace|insert"
    rb"|your|my[-_]|test|todo|none|null|xxx|\*\*\*|\.\.\.|12345|abcdef|qwerty|foobar|hunter2"
    rb"|[<>{}$%()\[\]]"
)
_SPREAD_LENGTH_MIN: Final = 12
_BITS_MIN: Final = 3.0
_MIX: Final = (re.compile(rb"[0-9]"), re.compile(rb"[A-Za-z]"))


def is_placeholder(value: bytes) -> bool:
    """Tell whether a value is written to be replaced, or is put in when the program runs.

    >>> is_placeholder(b"${DB_PASSWORD}"), is_placeholder(b"AKIAIOSFODNN7EXAMPLE")
    (True, True)
    """
    return _PLACEHOLDER.search(value) is not None or len(set(value)) < len(value) / 4


def looks_random(value: bytes) -> bool:
    """Tell whether a value has the length, the mixture and the spread of a generated one.

    >>> looks_random(b"correct-horse"), looks_random(b"s8Qz1vPp0Lr7Tn3X")
    (False, True)
    """
    mixed = all(kind.search(value) for kind in _MIX)
    return mixed and len(value) >= _SPREAD_LENGTH_MIN and _bits_per_byte(value) >= _BITS_MIN


def _bits_per_byte(value: bytes) -> float:
    shares = [count / len(value) for count in Counter(value).values()]
    return -sum(share * math.log2(share) for share in shares)
