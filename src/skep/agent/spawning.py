"""Tasks added to a swarm, by a spawn or from outside, in as many calls as it takes."""

from collections.abc import Sequence
from dataclasses import replace

from skep.policy.pieces import check_whole, split
from skep.policy.plans import body_of
from skep.ports.store import Blobs, Store
from skep.records.command import Addition
from skep.records.errors import SkepError
from skep.records.lease import Token
from skep.records.limits import BLOB_BYTES_MAX, VALUE_BYTES_MAX
from skep.records.task import TaskSpec
from skep.records.values import BlobRef, canonical, digest_of


async def add_all(store: Store, addition: Addition) -> None:
    """Add tasks, as many as a plan may have; the same addition again adds what is not there yet.

    Raises what the store refuses it for. Where that is seen by the first piece, nothing was
    stored; a swarm that is closed, or a lease that is lost, meanwhile keeps the pieces before.
    """
    pieces = split(addition)
    if len(pieces) > 1:
        check_whole(addition, swarm=await store.registry.tasks(addition.swarm))
    for piece in pieces:
        (answer,) = await store.work.add([piece])
        if isinstance(answer, SkepError):
            raise answer


def spawn_of(token: Token, tasks: Sequence[TaskSpec], *, number: int) -> Addition:
    """The addition that a running task asks for; `number` counts its spawns in this attempt."""
    return Addition(
        command=f"spawn/{token.ref}/{token.run}/{number}",
        digest=digest_of(body_of(tasks)),
        swarm=token.swarm,
        tasks=tuple(tasks),
        token=token,
    )


async def light(task: TaskSpec, blobs: Blobs) -> TaskSpec:
    """Put an input that is too large for its record into a blob."""
    content = canonical(task.input).encode()
    if not VALUE_BYTES_MAX < len(content) <= BLOB_BYTES_MAX:
        return task
    (digest,) = await blobs.put([content])
    return replace(task, input=BlobRef(digest=digest, size_bytes=len(content)).as_json())
