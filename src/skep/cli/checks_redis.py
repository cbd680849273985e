"""What the doctor finds in the facts that a Redis or Valkey server tells of itself."""

from collections.abc import Mapping
from typing import Final

from skep.cli.checks import Finding, fail, ok, warn
from skep.cli.checks_sqlite import sized

VERSION_FLOOR: Final = (7, 0)
CLOCK_WARN_S: Final = 1.0
"""Two clocks that differ by more make times hard to compare."""

CLOCK_FAIL_S: Final = 30.0
"""Two clocks that differ by more make them wrong."""

MEMORY_WARN_SHARE: Final = 0.8
"""Above this share of `maxmemory` a server is nearly full."""

Facts = Mapping[str, str]
"""The fields of INFO, and those that `look_into_redis` adds."""


def version(facts: Facts) -> Finding:
    """Look whether the server has functions."""
    name = "Valkey" if "valkey_version" in facts else "Redis"
    shown = f"{name} {facts.get('valkey_version', facts['redis_version'])}"
    if tuple(int(part) for part in facts["redis_version"].split(".")[:2]) < VERSION_FLOOR:
        mend = "Use Redis 7.0, Valkey 7.2, or later: docker run -p 6379:6379 valkey/valkey:8"
        return fail("server", f"{shown} has no functions, and all of Skep's operations are", mend)
    return ok("server", shown)


def role(facts: Facts) -> Finding:
    """Look whether the server takes writes."""
    if facts["role"] != "master":
        return fail("role", "a replica, which takes no writes", "Say the primary with --store.")
    return ok("role", "primary")


def durability(facts: Facts) -> Finding:
    """Tell what an acknowledgement means here."""
    if facts["aof_enabled"] != "1":
        mend = "Set appendonly yes, in its file and now: CONFIG SET appendonly yes"
        return fail("durability", "memory: no append-only file; a restart loses everything", mend)
    match facts.get("appendfsync"):
        case "always":
            return ok("durability", "fsynced: survives a power cut (appendfsync always)")
        case "everysec":
            found = "process: a power cut may lose up to 2 s (appendfsync everysec)"
            return ok("durability", found)
        case None:
            mend = "Let this user run CONFIG GET, or ask whoever runs the server."
            return warn("durability", "process or fsynced: CONFIG GET appendfsync refused", mend)
        case other:
            mend = "Set appendfsync everysec, or always: CONFIG SET appendfsync everysec"
            return warn("durability", f"process: the server never syncs ({other})", mend)


def file_written(facts: Facts) -> Finding:
    """Look whether the server can write its append-only file."""
    if facts["aof_enabled"] != "1":
        return warn("append-only file", "none to look at", "Set: CONFIG SET appendonly yes")
    if facts["aof_last_write_status"] != "ok" or facts["aof_last_bgrewrite_status"] != "ok":
        mend = "Free the server's disk and see its log; it refuses every change until then."
        return fail("append-only file", "the last write of it failed", mend)
    return ok("append-only file", "the last write of it succeeded")


def eviction(facts: Facts) -> Finding:
    """Look whether the server throws keys away."""
    policy = facts["maxmemory_policy"]
    if policy != "noeviction":
        mend = "Set: CONFIG SET maxmemory-policy noeviction, and the same in its file"
        return fail("eviction", f"{policy}: an evicted key is a lost task", mend)
    return ok("eviction", policy)


def memory(facts: Facts) -> Finding:
    """Look at the server's memory."""
    used, most = int(facts["used_memory"]), int(facts["maxmemory"])
    if not most:
        return ok("memory", f"{sized(used)} used, no limit set")
    found = f"{sized(used)} of {sized(most)} used"
    mend = "Raise maxmemory; nothing of Skep's can be evicted to make room."
    if used >= most:
        return fail("memory", f"{found}: every change is refused", mend)
    if used > MEMORY_WARN_SHARE * most:
        return warn("memory", found, mend)
    return ok("memory", found)


def clocks(*, server_s: float, host_s: float) -> Finding:
    """Compare the server's clock, which sets all times of the store, with this host's."""
    apart = abs(server_s - host_s)
    ahead = "server ahead" if server_s > host_s else "this host ahead"
    ahead += ": times of tasks and leases mean something else on each"
    mend = "Set both clocks by NTP: timedatectl set-ntp true"
    if apart > CLOCK_FAIL_S:
        return fail("clocks", f"{apart:.1f} s apart, {ahead}", mend)
    if apart > CLOCK_WARN_S:
        return warn("clocks", f"{apart:.1f} s apart, {ahead}", mend)
    return ok("clocks", f"{apart:.1f} s apart")


def incarnation(facts: Facts) -> Finding:
    """Look whether the store's life is that of the server that answers."""
    if not facts["incarnation"]:
        if facts["swarms"] == "0":
            return ok("incarnation", "none yet; the first command opens it")
        mend = "Restore what is missing from a backup, or start skep work, which opens a new one."
        return fail("incarnation", f"{facts['swarms']} swarms, but no incarnation", mend)
    if facts["known_run_id"] != facts["run_id"]:
        return _stale(int(facts["active"]))
    return ok("incarnation", facts["incarnation"])


def _stale(active: int) -> Finding:
    """Judge a server that nobody has called in this life: started again, or restored from a copy.

    From outside the two look alike (ADR 0011).
    """
    found = "stale: the server was started again, or restored, since Skep last called"
    if not active:
        mend = "Nothing to do if it was meant; skep work or any command goes on from here."
        return warn("incarnation", found, mend)
    mend = (
        "Go on from what it has: skep swarm list; then ask again. If it was restored from a copy,"
        " what was acknowledged after the copy is lost: put a newer one in its place first."
    )
    return fail("incarnation", f"{found}; nobody goes on with its {active} active swarms", mend)
