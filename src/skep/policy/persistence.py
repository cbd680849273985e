"""How long to go on offering a store that does not answer what must not be lost."""

from typing import Final

TRIES_MAX: Final = 20
"""How often finished work is offered to a store that does not answer (it is safe to repeat)."""

REST_S: Final = 0.2
"""The rest after the first try; each is twice the one before, up to `REST_MAX_S`."""

REST_MAX_S: Final = 1.0
"""So a store may be away for about 17 s before finished work is left to its lease."""

RESTS: Final = tuple(min(REST_S * 2**tried, REST_MAX_S) for tried in range(TRIES_MAX - 1))
"""The rests between the tries, in seconds."""
