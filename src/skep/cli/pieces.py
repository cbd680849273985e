"""`skep swarm artifacts`: what the tasks of a swarm left behind."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.filesize import decimal
from rich.text import Text

from skep.cli.documents import write_json
from skep.cli.ending import near
from skep.cli.export import export_artifacts
from skep.cli.ids import find_swarm, short
from skep.cli.options import COMMON, Common, SwarmName
from skep.cli.screen import clean, clean_block, open_screen, plain_table, show
from skep.compose import open_fleet
from skep.hive.handle import SwarmHandle
from skep.records.errors import ArtifactNotFound, InvalidInput
from skep.records.ids import TaskRef
from skep.records.outcome import Artifact
from skep.records.values import Json
from skep.settings import read_settings

Piece = tuple[TaskRef, Artifact]


async def artifacts(
    swarm: SwarmName,
    name: Annotated[str | None, Parameter(help="The one to print, as NAME or TASK/NAME.")] = None,
    /,
    *,
    out: Annotated[str | None, Parameter(help="Write them into this folder instead.")] = None,
    common: Common = COMMON,
) -> int:
    """List artefacts, print one, or write them into a folder."""
    async with open_fleet(read_settings(store=common.store)) as fleet:
        handle = await find_swarm(fleet, swarm)
        pieces = _chosen(await handle.artifacts(), handle, name)
        if out is not None:
            await _export(handle, pieces, Path(out), as_json=common.json)
        elif name is not None and not common.json:
            _print(await handle.read(_only(pieces, name)))
        elif common.json:
            write_json({"swarm": handle.id, "artifacts": [_json(piece) for piece in pieces]})
        else:
            _print_list(handle, pieces)
    return 0


def _chosen(pieces: Sequence[Piece], handle: SwarmHandle, name: str | None) -> list[Piece]:
    if name is None:
        return list(pieces)
    chosen = [piece for piece in pieces if name in {piece[1].name, _full_name(piece)}]
    if not chosen:
        raise ArtifactNotFound(
            f"Swarm {handle.id} has no artefact {name!r}.",
            hint=f"`skep swarm artifacts {short(handle.id)}` lists them.",
        )
    return chosen


def _only(pieces: Sequence[Piece], name: str) -> Artifact:
    if len(pieces) > 1:
        names = ", ".join(map(_full_name, pieces))
        raise InvalidInput(f"{name!r} names {len(pieces)} artefacts.", hint=f"Say one of: {names}.")
    return pieces[0][1]


def _full_name(piece: Piece) -> str:
    return f"{piece[0].key}/{piece[1].name}"


async def _export(
    handle: SwarmHandle, pieces: Sequence[Piece], folder: Path, *, as_json: bool
) -> None:
    paths = await export_artifacts(handle, pieces, folder, within=folder)
    if as_json:
        write_json({"swarm": handle.id, "written": [str(path) for path in paths.values()]})
        return
    screen = open_screen()
    for path in paths.values():
        screen.out.print(near(path), soft_wrap=True)


def _print(content: bytes) -> None:
    """Write the very bytes into a pipe, and what is safe to see on a terminal."""
    if not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        return
    open_screen().out.print(clean_block(content.decode("utf-8", "replace")), soft_wrap=True)


def _print_list(handle: SwarmHandle, pieces: Sequence[Piece]) -> None:
    out = open_screen().out
    if not pieces:
        out.print("No task of this swarm left an artefact.")
        return
    table = plain_table("artefact", ">size", "type")
    for piece in pieces:
        size = decimal(piece[1].size_bytes)
        table.add_row(clean(_full_name(piece)), size, Text(clean(piece[1].media_type), "dim"))
    show(out, table)
    out.print()
    example = f"skep swarm artifacts {short(handle.id)} {clean(_full_name(pieces[0]))}"
    out.print(Text.assemble(("Print one  ", "dim"), example), soft_wrap=True)


def _json(piece: Piece) -> Json:
    ref, artifact = piece
    return {
        "task": ref.key,
        "name": artifact.name,
        "media_type": artifact.media_type,
        "bytes": artifact.size_bytes,
        "sha256": artifact.digest,
    }
