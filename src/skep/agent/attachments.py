"""Attachments: files of the workspace that a task hands to its model as they are.

A task's input names them: `{"attach": ["docs/plan.pdf", "shot.png"], …}`. They are read once, in
a step, and kept as blobs: an attempt that takes over sends the same bytes, whatever has become of
the files.
"""

import mimetypes
from collections.abc import Sequence
from typing import Final, cast

from pydantic_ai.messages import BinaryContent, UserContent

from skep.agent.brief import Brief
from skep.agent.names import shown_path
from skep.agent.workspace import Workspace
from skep.records.errors import InvalidInput, LimitExceeded
from skep.records.step import Effect
from skep.records.values import BlobRef, Json, blob_ref

ATTACH: Final = "attach"
"""The field of a task's input that names files of the workspace."""

ATTACHMENTS_MAX: Final = 16
"""Files attached to one task."""

ATTACHMENT_BYTES_MAX: Final = 5 * 1024 * 1024
"""One attached file."""

ATTACHED_BYTES_MAX: Final = 10 * 1024 * 1024
"""All files attached to one task, together."""

SHOWN_TYPES: Final = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"}
)
"""What is sent as it is; anything else has to be a text in UTF-8."""


async def attached(brief: Brief, workspace: Workspace) -> Sequence[UserContent]:
    """Give what a task attaches, each file after its name.

    Raises `InvalidInput`, `LimitExceeded` or `FileRefused` for what cannot be attached.
    """
    names = _names(brief.input)
    if not names:
        return []

    async def made() -> Json:
        return await _kept(brief, workspace, names)

    request: Json = [*names]
    stored = await brief.journal.step("input/files", request, made, effect=Effect.PURE)
    given: list[UserContent] = []
    for name, kept in zip(names, cast("list[dict[str, Json]]", stored), strict=True):
        ref = blob_ref(kept["content"])
        assert ref is not None
        content = await brief.store.blobs.get(ref.digest)
        given.append(f"The file {shown_path(name)}:")
        given.append(_shown(content, str(kept["media_type"])))
    return given


async def _kept(brief: Brief, workspace: Workspace, names: Sequence[str]) -> Json:
    """Read the files and keep them as blobs."""
    contents = [workspace.content(name, bytes_max=ATTACHMENT_BYTES_MAX) for name in names]
    total = sum(map(len, contents))
    if total > ATTACHED_BYTES_MAX:
        raise LimitExceeded(limit="ATTACHED_BYTES_MAX", allowed=ATTACHED_BYTES_MAX, actual=total)
    types = [_type_of(name, content) for name, content in zip(names, contents, strict=True)]
    digests = await brief.store.blobs.put(contents)
    return [
        {
            "content": BlobRef(digest=digest, size_bytes=len(content)).as_json(),
            "media_type": media_type,
        }
        for digest, content, media_type in zip(digests, contents, types, strict=True)
    ]


def _names(given: Json) -> Sequence[str]:
    names = given.get(ATTACH) if isinstance(given, dict) else None
    if names is None:
        return []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidInput(f"The input's {ATTACH!r} is no list of paths in the workspace.")
    if len(names) > ATTACHMENTS_MAX:
        raise LimitExceeded(limit="ATTACHMENTS_MAX", allowed=ATTACHMENTS_MAX, actual=len(names))
    return cast("list[str]", names)


def _type_of(name: str, content: bytes) -> str:
    guessed = mimetypes.guess_type(name)[0]
    if guessed in SHOWN_TYPES:
        return guessed
    try:
        content.decode()
    except UnicodeDecodeError:
        raise InvalidInput(
            f"{shown_path(name)} can not be attached: it is no image, no PDF and no text.",
            hint=f"Attach {', '.join(sorted(SHOWN_TYPES))}, or text in UTF-8.",
        ) from None
    return "text/plain"


def _shown(content: bytes, media_type: str) -> UserContent:
    if media_type == "text/plain":
        return content.decode()
    return BinaryContent(content, media_type=media_type)
