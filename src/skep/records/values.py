"""JSON values as they are stored: one canonical text, its digest, and large content by hash."""

import hashlib
import json
from dataclasses import dataclass
from typing import Final, NewType

from typing_extensions import TypeAliasType

Json = TypeAliasType("Json", "bool | int | float | str | list[Json] | dict[str, Json] | None")
"""Any JSON value."""

Digest = NewType("Digest", str)
"""SHA-256 in lower-case hex."""

BLOB_KEY: Final = "$blob"


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

    Raises `ValueError` for NaN and infinities, which JSON does not have.

    >>> canonical({"b": [1, None], "a": "é"})
    '{"a":"é","b":[1,null]}'
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def parsed(text: str) -> Json:
    """Read a stored JSON text."""
    value: Json = json.loads(text)
    return value


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
