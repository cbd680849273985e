"""How an image is written down: lines of JSON in compressed parts, and read back with suspicion.

The log comes first, a fixed number of events to a part. A part of the log that is full never
changes again, so the captures of a swarm share it by its hash, and each new one costs what is new.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from skep.records.capture import Capture
from skep.records.capture_errors import CaptureUnusable
from skep.records.event import Event
from skep.records.image import Image, TaskImage
from skep.records.swarm import Swarm
from skep.records.told import Told

FORMAT: Final = 1
EVENTS_IN_PART: Final = 1_000
PART_BYTES: Final = 1024 * 1024
"""How much text a part holds before the next one begins; one line may be longer."""

PART_BYTES_MAX: Final = 64 * 1024 * 1024
"""How much text a part may hold when it is read."""

LEVEL: Final = 6

Kept = TypeVar("Kept")


def image_parts(image: Image) -> list[bytes]:
    """Write an image as compressed parts; equal logs give equal first parts."""
    return [zlib.compress(text.encode(), LEVEL) for text in image_texts(image)]


def image_texts(image: Image) -> list[str]:
    """Write an image as texts of lines."""
    events = [_line("event", event) for event in image.events]
    rest = [
        json.dumps(["format", FORMAT]),
        _line("swarm", image.swarm),
        *(_line("told", told) for told in image.told),
        json.dumps(["commands", list(image.commands)]),
        *(_line("task", task) for task in image.tasks),
    ]
    logs = [events[at : at + EVENTS_IN_PART] for at in range(0, len(events), EVENTS_IN_PART)]
    return ["\n".join(lines) for lines in (*logs, *_by_size(rest))]


def image_digest(parts: Iterable[bytes]) -> str:
    """Hash an image by its parts."""
    return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()


def image_from(parts: Sequence[bytes]) -> Image:
    """Read an image; raises `CaptureUnusable` for what is none, or of a newer Skep."""
    try:
        texts = [_unpacked(part) for part in parts]
    except (ValueError, zlib.error) as error:
        raise CaptureUnusable("A part of the image is damaged.") from error
    return image_from_texts(texts)


def image_from_texts(texts: Sequence[str]) -> Image:
    """Read an image from its texts; raises `CaptureUnusable`."""
    try:
        return _assembled([line for text in texts for line in _lines(text)])
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
        raise CaptureUnusable(
            f"The image cannot be read: {type(error).__name__}.",
            hint="Use another capture or export.",
        ) from error


def _assembled(lines: Sequence[tuple[str, Any]]) -> Image:
    kinds: dict[str, list[Any]] = {}
    for kind, value in lines:
        kinds.setdefault(kind, []).append(value)
    if kinds["format"] != [FORMAT]:
        raise CaptureUnusable("The image was written by a newer Skep.", hint="Use that one.")
    [swarm] = kinds["swarm"]
    [commands] = kinds["commands"]
    return Image(
        swarm=_adapter(Swarm).validate_python(swarm),
        tasks=tuple(_all(TaskImage, kinds.get("task", []))),
        events=tuple(_all(Event, kinds.get("event", []))),
        told=tuple(_all(Told, kinds.get("told", []))),
        commands=tuple(map(str, commands)),
    )


def _all(kind: type[Kept], values: Sequence[Any]) -> Iterator[Kept]:
    adapter = _adapter(kind)
    return (adapter.validate_python(value) for value in values)


@cache
def _adapter(kind: type[Kept]) -> TypeAdapter[Kept]:
    return TypeAdapter(kind)


def _line(kind: str, value: object) -> str:
    told = _adapter(type(value)).dump_python(value, mode="json")
    return json.dumps([kind, told], ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _by_size(lines: Iterable[str]) -> Iterator[list[str]]:
    part, size = list[str](), 0
    for line in lines:
        if part and size + len(line) > PART_BYTES:
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line)
    yield part


def _unpacked(part: bytes) -> str:
    reader = zlib.decompressobj()
    text = reader.decompress(part, PART_BYTES_MAX)
    if not reader.eof or reader.unused_data:
        raise ValueError(part[:8])
    return text.decode()


def _lines(text: str) -> Iterator[tuple[str, Any]]:
    for line in text.split("\n"):
        kind, value = json.loads(line)
        yield kind, value


def capture_text(capture: Capture) -> str:
    """Write a capture as it is stored."""
    told = _adapter(Capture).dump_python(capture, mode="json")
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def capture_from(text: str) -> Capture:
    """Read a capture as it was stored."""
    return _adapter(Capture).validate_json(text)
