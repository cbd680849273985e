"""Between an image and its capture: parts put beside it, and read back by their hash."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final

from skep.ports.store import Store
from skep.records.capture import Capture, CaptureKind, Part
from skep.records.capture_errors import CaptureUnusable
from skep.records.errors import ArtifactNotFound
from skep.records.image import Image
from skep.records.imaging import image_digest, image_from, image_parts
from skep.records.limits import VALUE_BYTES_MAX
from skep.records.task import TERMINAL
from skep.records.values import blob_digest

INLINE_BYTES_MAX: Final = VALUE_BYTES_MAX
"""An image of no more bytes stands in its capture; a larger one is kept beside it."""

TRIES: Final = 3


async def taken(store: Store, image: Image, kind: CaptureKind, *, label: str = "") -> Capture:
    """Keep an image as a capture. Raises what `States.keep` raises."""
    parts = image_parts(image)
    for _ in range(TRIES):
        try:
            return await store.states.keep(await _written(store, image, kind, label, parts))
        except ArtifactNotFound:
            continue  # a part was dropped between its put and the note that it is in use
    return await store.states.keep(await _written(store, image, kind, label, parts))


async def image_of(store: Store, capture: Capture) -> Image:
    """Read the image of a capture; raises `CaptureUnusable` for one that is not whole."""
    parts = [await _read(store, capture, part) for part in capture.parts]
    if not parts or image_digest(parts) != capture.digest:
        raise CaptureUnusable(f"The {capture.name} of {capture.swarm} is not whole.")
    return image_from(parts)


async def _written(  # noqa: PLR0917 - a leaf of one caller
    store: Store, image: Image, kind: CaptureKind, label: str, parts: Sequence[bytes]
) -> Capture:
    size = sum(map(len, parts))
    is_small = size <= INLINE_BYTES_MAX
    if not is_small:
        for part in parts:
            await store.blobs.put([part])
    return Capture(
        swarm=image.swarm.id,
        kind=kind,
        number=0,
        at=0.0,
        seq=image.swarm.last_seq,
        label=label,
        tasks=len(image.tasks),
        ended=sum(task.task.status in TERMINAL for task in image.tasks),
        size_bytes=size,
        digest=image_digest(parts),
        parts=tuple(_part(part, is_inline=is_small) for part in parts),
    )


def _part(content: bytes, *, is_inline: bool) -> Part:
    inline = b64encode(content).decode() if is_inline else ""
    return Part(digest=blob_digest(content), size_bytes=len(content), inline=inline)


async def _read(store: Store, capture: Capture, part: Part) -> bytes:
    try:
        content = b64decode(part.inline) if part.inline else await store.blobs.get(part.digest)
    except (ArtifactNotFound, ValueError) as error:
        raise CaptureUnusable(f"The {capture.name} of {capture.swarm} is not whole.") from error
    if blob_digest(content) != part.digest:
        raise CaptureUnusable(f"The {capture.name} of {capture.swarm} was changed.")
    return content
