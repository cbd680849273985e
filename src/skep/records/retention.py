"""What retention did: contents that were dropped because nothing refers to them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """How many contents went, and how large they were together."""

    blobs: int = 0
    size_bytes: int = 0
