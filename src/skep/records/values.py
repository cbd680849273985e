"""JSON values as they are stored: one canonical text, its digest, and large content by hash."""

import hashlib
import json
import re
from dataclasses import dataclass
from json import encoder
from typing import Any, Final, NewType, TypeAlias

from pydantic import JsonValue

Json: TypeAlias = JsonValue
"""Any JSON value."""

Digest = NewType("Digest", str)
"""SHA-256 in lower-case hex."""

BLOB_KEY: Final = "$blob"
_WRITER: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
_MAKE: Final[Any] = vars(encoder)["c_make_encoder"]
"""What `_WRITER` makes anew for each text, which takes three times as long as the writing itself;
None where `json` has no part in C."""
_WRITE: Final[Any] = _MAKE and _MAKE(
    markers=None,
    default=_WRITER.default,
    encoder=encoder.encode_basestring,
    indent=None,
    key_separator=_WRITER.key_separator,
    item_separator=_WRITER.item_separator,
    sort_keys=_WRITER.sort_keys,
    skipkeys=_WRITER.skipkeys,
    allow_nan=_WRITER.allow_nan,
)
_HALF_A_PAIR: Final = re.compile("[\ud800-\udfff]")
_REFERENCE: Final = re.compile(r'\{"\$blob":"([0-9a-f]{64})","bytes":\d+\}')


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRef:
    """Content kept beside the record under its hash, because it is too large to stand in it."""

    digest: Digest
    size_bytes: int

    def as_json(self) -> Json:
        """Give the reference as the JSON value that stands in the record."""
        return {BLOB_KEY: self.digest, "bytes": self.size_bytes}


def canonical(value: Json) -> str:
    """Write `value` the one way it is stored and compared: sorted keys, no spaces, no NaN.

    Raises `ValueError` for NaN and infinities, which JSON does not have, `TypeError` for what is no
    JSON value, and `RecursionError` for one that holds itself.

    >>> canonical({"b": [1, None], "a": "é"})
    '{"a":"é","b":[1,null]}'
    """
    if _WRITE is None or isinstance(value, str):
        return _WRITER.encode(value)
    return "".join(_WRITE(value, 0))


def parsed(text: str) -> Json:
    """Read a stored JSON text."""
    value: Json = json.loads(text)
    return value


def is_storable(text: str) -> bool:
    r"""Say whether every store can keep a text: no NUL, and no half of a surrogate pair.

    JSON and Python admit both; SQLite and Postgres do not.

    >>> is_storable("bee"), is_storable("a\0b"), is_storable("\ud800")
    (True, False, False)
    """
    return "\0" not in text and (text.isascii() or _HALF_A_PAIR.search(text) is None)


def storable(text: str) -> str:
    r"""Replace what no store can keep.

    >>> storable("a\0b\ud800")
    'a?b?'
    """
    return text.replace("\0", "?").encode("utf-8", "replace").decode()


def digest_of(text: str) -> Digest:
    """Hash a text.

    >>> digest_of("")[:12]
    'e3b0c44298fc'
    """
    return Digest(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())


def blob_digest(content: bytes) -> Digest:
    """Hash a content."""
    return Digest(hashlib.sha256(content).hexdigest())


def blob_ref(value: Json) -> BlobRef | None:
    """Read a reference back from a record's value; None when the value is the content itself."""
    if not (isinstance(value, dict) and set(value) == {BLOB_KEY, "bytes"}):
        return None
    digest, size = value[BLOB_KEY], value["bytes"]
    if isinstance(digest, str) and isinstance(size, int):
        return BlobRef(digest=Digest(digest), size_bytes=size)
    return None


def referred(text: str) -> Digest | None:
    """Name the content that a stored JSON text refers to; None when it is the content itself.

    >>> referred(canonical({"$blob": "ab" * 32, "bytes": 7})) == "ab" * 32
    True
    >>> referred("7") is None
    True
    """
    match = _REFERENCE.fullmatch(text)
    return Digest(match[1]) if match else None
