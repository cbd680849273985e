"""An identity among hosts: what a store offers that more than one host can reach."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from skep.records.ids import WorkerId


@runtime_checkable
class Identities(Protocol):
    """A store that knows of every worker, on whatever host, whether a live process has its name.

    A store of one host needs none of this: there the lock of a file tells (`drivers.identity`).
    """

    def held_identity(self, worker: WorkerId) -> AbstractAsyncContextManager[None]:
        """Hold an identity while the context lasts; at most one live process holds it.

        A holder that was killed is replaced at once where it is seen to be dead, which is on its
        own host, and elsewhere when its lease has run out. A holder that could not reach the
        store for as long may lose the identity to another: its context is then ended.

        Raises `IdentityInUse` on entering when another holds it, and on leaving when this one
        lost it; and `StoreUnavailable`.
        """
        ...
