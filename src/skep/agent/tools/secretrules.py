"""What credentials look like: their patterns, and the words that give away a mere example.

Every pattern is bounded, has no nested repetition and begins with something definite, so that no
file makes the search slow. Without one of its `hints`, plain words, a pattern cannot match.
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
    hints: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    is_prefix_public: bool = True
    """The first four characters name the issuer and tell nothing of the secret."""
    is_caseless: bool = False
    """The pattern is for content in lower case: five times as fast as ignoring case."""


def _token(name: str, pattern: bytes, *hints: bytes) -> Rule:
    return Rule(name, Confidence.HIGH, hints, re.compile(rb"(?<![A-Za-z0-9_+/-])" + pattern))


_ASSIGNED: Final = (b"passw", b"secret", b"token", b"key", b"credential")
RULES: Final = (
    Rule(
        "private-key",
        Confidence.HIGH,
        (b"PRIVATE KEY",),
        # A header alone is what documentation and parsers hold; a key has its base64 behind it.
        re.compile(
            rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            rb"(?=(?:[\s\\nr\"'+,]|(?:Proc-Type|DEK-Info)[^\n]{0,80}\n){1,40}"
            rb"(?P<body>[A-Za-z0-9+/=]{40}))?"
        ),
    ),
    _token("aws-access-key", rb"A[KS]IA[A-Z2-7]{16}(?![A-Za-z0-9])", b"AKIA", b"ASIA"),
    _token("github-token", rb"gh[posu]_[A-Za-z0-9]{36,251}", b"ghp_", b"gho_", b"ghs_", b"ghu_"),
    _token("github-token", rb"github_pat_[A-Za-z0-9_]{60,90}", b"github_pat_"),
    _token("gitlab-token", rb"glpat-[A-Za-z0-9_-]{20,64}", b"glpat-"),
    _token("slack-token", rb"xox[abeoprs]-[A-Za-z0-9-]{10,250}", b"xox"),
    _token("google-api-key", rb"AIza[A-Za-z0-9_-]{35}", b"AIza"),
    _token("stripe-key", rb"[rs]k_live_[A-Za-z0-9]{20,250}", b"k_live_"),
    _token("anthropic-key", rb"sk-ant-[A-Za-z0-9_-]{20,250}", b"sk-ant-"),
    # Without a word behind `sk-`, any hash in base64 might begin so: then no `-` or `_` in it.
    _token("openai-key", rb"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,250}", b"sk-"),
    _token("openai-key", rb"sk-[A-Za-z0-9]{32,250}(?![A-Za-z0-9_+/=-])", b"sk-"),
    _token("package-index-token", rb"pypi-AgE[A-Za-z0-9_-]{50,250}", b"pypi-AgE"),
    _token("package-index-token", rb"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])", b"npm_"),
    Rule(
        "json-web-token",
        Confidence.MEDIUM,
        (b"eyJ",),
        re.compile(
            rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}"
            rb"\.[A-Za-z0-9_-]{10,1000}"
        ),
    ),
    Rule(
        "password-in-url",
        Confidence.MEDIUM,
        (b"://",),
        re.compile(rb"://[^\s/:@\"'`<>]{0,64}:(?P<value>[^\s/:@\"'`<>]{3,128})@"),
        is_prefix_public=False,
    ),
    Rule(
        "assigned-secret",
        Confidence.MEDIUM,
        _ASSIGNED,
        re.compile(
            rb"(?:passw(?:or)?d|secret|token|api_?key|access_?key|private_?key|credential)"
            rb"[a-z0-9_]{0,20}[\"']?[ \t]{0,4}(?::=|=>|[:=])[ \t]{0,4}"
            rb"(?P<quote>[\"'])(?P<value>[^\"'\s]{6,200})(?P=quote)"
        ),
        is_prefix_public=False,
        is_caseless=True,
    ),
)
SETTING: Final = Rule(
    "assigned-secret",
    Confidence.MEDIUM,
    _ASSIGNED,
    re.compile(
        rb"(?m)^[ \t]{0,40}(?:export[ \t]{1,4})?[a-z0-9_.-]{0,40}"
        rb"(?:password|passwd|secret|token|api_?key|access_?key|private_?key)"
        rb"[a-z0-9_.-]{0,20}[ \t]{0,4}[:=][ \t]{0,4}(?P<value>[^\s\"'#]{8,200})[ \t]{0,20}\r?$"
    ),
    is_prefix_public=False,
    is_caseless=True,
)
"""Settings files assign without quotes."""
SETTINGS_EXTENSIONS: Final = frozenset(
    {".env", ".ini", ".cfg", ".conf", ".properties", ".yml", ".yaml"}
)

_PLACEHOLDER: Final = re.compile(
    rb"(?i)example|sample|dummy|fake|placeholder|change.?me|change.?it|redacted|replace|insert"
    rb"|your|my[-_]|test|todo|none|null|xxx|\*\*\*|\.\.\.|12345|abcdef|qwerty|foobar|hunter2"
    rb"|[<>{}$%()\[\]]|\A(?:pass|passwd|password|pwd?|secret|token|user)\Z"
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
