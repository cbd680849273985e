"""Tasks added to a swarm, by a spawn or from outside, in as many calls as it takes."""

from skep.policy.pieces import check_whole, split
from skep.ports.store import Store
from skep.records.command import Addition
from skep.records.errors import SkepError


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
