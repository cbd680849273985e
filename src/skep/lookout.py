"""Looking at stores from outside, without opening them: what the doctor asks the drivers.

As in `compose`, a driver is imported when it is first asked.
"""

from collections.abc import Mapping
from pathlib import Path

from skep.drivers.system import SystemClock
from skep.ports.inspection import FileLook, Underway


def sqlite_library() -> tuple[str, str]:
    """The version of the SQLite library here, and the oldest one that is trusted with a store."""
    from skep.drivers.sqlite import look

    return look.library()


def network_file_system(path: Path) -> str:
    """Name the network file system that a path is or will be on; empty when it is a local one."""
    from skep.drivers.sqlite import look

    return look.network_file_system(path)


def look_into_sqlite(path: Path, *, limit: int, scans: bool) -> FileLook:
    """Look into a file without changing it; see `drivers.sqlite.look`."""
    from skep.drivers.sqlite import look

    return look.look_into(path, limit=limit, scans=scans)


async def look_into_redis(url: str, *, limit: int) -> tuple[Mapping[str, str], Underway | None]:
    """Ask a server about itself without changing it; see `drivers.redis.look`."""
    from skep.drivers.redis import look

    return await look.look_into(url, clock=SystemClock(), limit=limit)
