"""Backing a Redis store up over the wire, and restoring it; how is told in 95_backup.lua."""

import zipfile
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from skep.drivers.landing import landing
from skep.drivers.redis import reading
from skep.drivers.redis.archive import (
    Archive,
    Manifest,
    Packed,
    Writing,
    is_archive,
    opened_archive,
)
from skep.drivers.redis.library import library
from skep.drivers.redis.life import Life, info_of
from skep.drivers.redis.wire import Wire
from skep.ports.keeping import BackedUp, Restored
from skep.ports.system import Chance, Clock
from skep.records.errors import (
    BackupUnusable,
    StoreError,
    StoreNotEmpty,
    StoreTooNew,
    StoreUnavailable,
)

SIDE: Final = "skep:in:"
PIECE_KEYS: Final = 200
PIECE_BYTES: Final = 512 * 1024
SCAN_COUNT: Final = 1_000


class RedisKeeper:
    """Backs the store of one database up and restores it."""

    def __init__(self, url: str, *, clock: Clock, chance: Chance) -> None:
        self._url = url
        self._clock = clock
        self._chance = chance

    async def back_up(self, target: Path) -> BackedUp:
        """See `ports.keeping.Keepable.back_up`."""
        _check_replaceable(target)
        async with self._arrived() as life:
            if not await life.wire.command("EXISTS", "skep:meta"):
                raise StoreUnavailable("There is no store in this database.")
            with landing(target, token=self._chance.uuid(), replaces=True) as beside:
                manifest = await _write(life, beside)
                size = beside.stat().st_size
                with opened_archive(beside):
                    pass
        return BackedUp(
            swarms=manifest.swarms,
            contents=manifest.contents,
            size_bytes=size,
            incarnation=manifest.incarnation,
            at=manifest.made_at,
        )

    async def restore(self, source: Path, *, force: bool) -> Restored:
        """See `ports.keeping.Keepable.restore`."""
        with opened_archive(source) as archive:
            async with self._arrived() as life:
                replaced = await _standing(life.wire)
                if replaced and not force:
                    raise StoreNotEmpty(
                        f"There are {replaced} swarms in this database already.",
                        hint="Say another --store, or --force to remove them all.",
                    )
                return await self._bring_in(life, archive, replaced)

    async def _bring_in(self, life: Life, archive: Archive, replaced: int) -> Restored:
        token, incarnation = self._chance.uuid(), self._chance.uuid()
        await _drop_side(life.wire)
        away_s = max(0.0, await _server_time(life.wire) - archive.manifest.made_at)
        try:
            for digest, content in archive.contents():
                await life.call("load_content", "", token, digest, content)
            for swarm, keys in archive.swarms():
                await _load(life, token, keys)
                await life.call("index", token, swarm, repr(away_s))
        except StoreError as error:
            await _drop_side(life.wire)
            raise _told(error, archive.manifest) from error
        held = int(await life.wire.command("SCARD", f"{SIDE}{token}:skep:held"))
        await life.call("commit", "", token, incarnation)
        await life.roll_forward()
        await life.call("reconcile", "")
        return Restored(
            swarms=archive.manifest.swarms,
            handed_back=held,
            incarnation=incarnation,
            backed_up_at=archive.manifest.made_at,
            replaced=replaced,
        )

    @asynccontextmanager
    async def _arrived(self) -> AsyncGenerator[Life]:
        wire = Wire(self._url)
        try:
            life = Life(wire, library(), self._chance)
            await life.load()
            await life.arrive()
            yield life
        finally:
            await wire.close()


def _check_replaceable(target: Path) -> None:
    if target.exists() and not is_archive(target):
        raise BackupUnusable(
            f"{target} is there already, and is no backup that could be replaced.",
            hint="Say another file.",
        )


async def _write(life: Life, path: Path) -> Manifest:
    wire, made_at = life.wire, await _server_time(life.wire)
    version = info_of(await wire.command("INFO", "server")).get("redis_version", "")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        writing = Writing(file)
        for swarm in await wire.command("ZRANGE", reading.INDEX, 0, -1):
            await _write_swarm(life, writing, swarm)
        manifest = Manifest(
            made_at=made_at,
            server_version=version,
            incarnation=life.incarnation,
            swarms=writing.swarms,
            contents=writing.contents,
        )
        writing.close(manifest)
    return manifest


async def _write_swarm(life: Life, writing: Writing, swarm: str) -> None:
    incarnation, row = await life.packed(swarm)
    if incarnation != life.incarnation:
        raise StoreUnavailable("The store began a new life while it was backed up; try again.")
    if not row:
        return  # it was forgotten meanwhile
    digests, *flat = row
    for digest in (each.decode() for each in digests):
        if not writing.has(digest):
            content = await life.wire.get_bytes(f"skep:blob:{digest}")
            if content is None:
                return  # it was forgotten meanwhile, and its contents were dropped
            writing.add_content(digest, content)
    keys = list(zip(flat[::3], map(int, flat[1::3]), flat[2::3], strict=True))
    writing.add_swarm(swarm, keys)


async def _load(life: Life, token: str, keys: Sequence[Packed]) -> None:
    for piece in _pieces(keys):
        await life.call("load", token, *[word for packed in piece for word in packed])


def _pieces(keys: Sequence[Packed]) -> Iterator[list[Packed]]:
    piece, size = list[Packed](), 0
    for packed in keys:
        piece.append(packed)
        size += len(packed[2])
        if len(piece) == PIECE_KEYS or size > PIECE_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


async def _standing(wire: Wire) -> int:
    """Count the swarms in the database, those that are still coming in included."""
    shown, staged = await wire.commands([("ZCARD", reading.INDEX), ("ZCARD", "skep:staged")])
    return int(shown) + int(staged)


async def _drop_side(wire: Wire) -> None:
    """Remove what a restore left that was cut off before its commit."""
    cursor = "0"
    while True:
        cursor, keys = await wire.command("SCAN", cursor, "MATCH", f"{SIDE}*", "COUNT", SCAN_COUNT)
        if keys:
            await wire.command("UNLINK", *keys)
        if cursor == "0":
            return


async def _server_time(wire: Wire) -> float:
    seconds, micros = await wire.command("TIME")
    return float(f"{seconds}.{micros:0>6}")


def _told(error: StoreError, manifest: Manifest) -> StoreError:
    if "DUMP payload version" in error.message or "Bad data format" in error.message:
        return StoreTooNew(
            f"This server cannot read what Redis {manifest.server_version} wrote.",
            hint="Restore into a server of that version or a later one.",
        )
    return error
