"""Credentials that lie open in the workspace, told by place and kind, never by value."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final, TypedDict

from skep.agent.files import FileEntry, TextFile
from skep.agent.names import shown_path
from skep.agent.tools.languages import extension_of
from skep.agent.tools.scope import Scope, at_most, scope_of
from skep.agent.tools.secretrules import (
    RULES,
    SETTING,
    SETTINGS_EXTENSIONS,
    Confidence,
    Rule,
    is_placeholder,
    looks_random,
)
from skep.agent.workspace import TEXT_BYTES_MAX, Workspace

FINDINGS_MAX: Final = 200
MATCHES_PER_RULE_MAX: Final = 100
"""How many matches of one rule in one file are looked at."""

_SHOWN_CHARS: Final = 4
_FIXTURE: Final = re.compile(
    r"(?i)(?:^|[/._-])(?:tests?|testing|testdata|specs?|fixtures?|mocks?|examples?|samples?|docs?"
    r"|demo|__tests__)(?:[/._-]|$)"
)
_TELLING_NAME: Final = re.compile(
    r"(?i)(?:^|/)(?:\.env(?:\.(?!example|sample|template|dist)[^/]*)?|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|[^/]*\.(?:pem|key|p12|pfx|jks|keystore|kdbx)|\.netrc|\.pgpass|\.htpasswd|credentials)$"
)
_ORDER: Final = {Confidence.HIGH: 0, Confidence.MEDIUM: 1, Confidence.LOW: 2}


class SecretFound(TypedDict):
    """A credential; `context` is plain, test (also documentation, examples) or placeholder."""

    path: str
    line: int
    kind: str
    masked: str
    confidence: str
    context: str


class Secrets(TypedDict):
    """The credentials of the workspace, the surest first."""

    scope: Scope
    total: int
    by_confidence: dict[str, int]
    by_kind: dict[str, int]
    findings: list[SecretFound]
    findings_omitted: int
    telling_names: list[str]


def secrets(workspace: Workspace, *, limit: int = FINDINGS_MAX) -> Secrets:
    """Find private keys, cloud keys, tokens and passwords written into files.

    Values are masked. What lies in tests, documentation and examples, or reads like a placeholder,
    is found too, with low confidence. Only files as they are now are read, not their history. A
    `telling_names` entry is a file whose name alone says that it holds a credential.

    Args:
        workspace: What to read.
        limit: How many findings to name, the surest first; the others are counted only.
    """
    limit = at_most(limit)
    listing = workspace.listing()
    found = [secret for file in workspace.texts(listing) for secret in _secrets_of(file)]
    found.sort(key=_by_confidence_and_place)
    counts = Counter(secret["confidence"] for secret in found)
    return Secrets(
        scope=scope_of(listing, bytes_max=TEXT_BYTES_MAX),
        total=len(found),
        by_confidence={confidence.value: counts[confidence] for confidence in Confidence},
        by_kind=dict(sorted(Counter(secret["kind"] for secret in found).items())),
        findings=found[:limit],
        findings_omitted=max(0, len(found) - limit),
        telling_names=_telling_names(listing.files, limit),
    )


def _by_confidence_and_place(secret: SecretFound) -> tuple[int, str, int, str]:
    order = _ORDER[Confidence(secret["confidence"])]
    return order, secret["path"], secret["line"], secret["kind"]


def _telling_names(files: tuple[FileEntry, ...], limit: int) -> list[str]:
    telling = (file.path for file in files if _TELLING_NAME.search(file.path))
    return [shown_path(path) for path in islice(telling, limit)]


def _secrets_of(file: TextFile) -> Iterator[SecretFound]:
    is_settings = extension_of(f"_{file.path.rpartition('/')[2]}") in SETTINGS_EXTENSIONS
    in_test = _FIXTURE.search(file.path) is not None
    folded = file.content.lower()
    seen: set[tuple[int, bytes]] = set()  # one value may satisfy several rules
    for rule in (*RULES, SETTING) if is_settings else RULES:
        searched = folded if rule.is_caseless else file.content
        if not any(hint in searched for hint in rule.hints):
            continue
        matches = islice(rule.pattern.finditer(searched), MATCHES_PER_RULE_MAX)
        for line, match in file.numbered(matches):
            value = _value_of(match, file)
            if (line, value) not in seen:
                seen.add((line, value))
                yield _secret(rule, match, file=file, line=line, in_test=in_test)


def _secret(
    rule: Rule, match: re.Match[bytes], *, file: TextFile, line: int, in_test: bool
) -> SecretFound:
    value = _value_of(match, file)
    context = "placeholder" if is_placeholder(value) else "test" if in_test else "plain"
    return SecretFound(
        path=shown_path(file.path),
        line=line,
        kind=rule.name,
        masked=_masked(value, rule),
        confidence=(
            _confidence(rule, match, value) if context == "plain" else Confidence.LOW
        ).value,
        context=context,
    )


def _value_of(match: re.Match[bytes], file: TextFile) -> bytes:
    start, end = match.span("value" if "value" in match.re.groupindex else 0)
    return file.content[start:end]


def _confidence(rule: Rule, match: re.Match[bytes], value: bytes) -> Confidence:
    if "body" in match.re.groupindex:
        return rule.confidence if match["body"] else Confidence.LOW
    is_chosen = not rule.is_prefix_public  # passwords are chosen, tokens are issued
    return Confidence.LOW if is_chosen and not looks_random(value) else rule.confidence


def _masked(value: bytes, rule: Rule) -> str:
    if value.startswith(b"-----BEGIN"):
        return value.decode("ascii", "replace")
    shown = value[:_SHOWN_CHARS].decode("ascii", "replace") if rule.is_prefix_public else ""
    return f"{shown}**** ({len(value)} characters)"
