"""The store in memory: the reference reading of the contract, and the fastest to test against.

Nothing survives the process. What the other drivers do with rows and indices is done here with
plain dictionaries, in the order in which the contract says it.
"""

from skep.drivers.memory.store import MemoryStore

__all__ = ["MemoryStore"]
