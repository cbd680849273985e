"""The ten faults that `skep doctor` must find, each caused on purpose, one test each.

For each: the exit code is 1, and the one line that fails says what is wrong, why that matters and
the command or edit that mends it. Where a fault cannot be caused here, a stand-in plays it, and
its test says so: a server that is too old or whose clock is off (a loopback server that only
tells such things of itself), and a network file system (a table of mounts that names one).
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from tests.cli.shell import Result, Shell, files_into
from tests.cli.stand_in import stand_in
from tests.cli.test_doctor import foreign_folder, settings_of, submit_one
from tests.redis.conftest import written
from tests.servers import RedisProcess

from skep.cli import checks_sqlite
from skep.cli.checks import Level
from skep.cli.doctor import doctor
from skep.cli.options import Common
from skep.drivers.sqlite import connection

HOUR_S: Final = 3600.0
Check = Mapping[str, str]


def faults(told: Mapping[str, Any]) -> dict[str, Check]:
    """The checks that failed, by what they looked at, each of the same four fields."""
    assert told["ok"] is False
    for each in told["checks"]:
        assert list(each) == ["level", "what", "found", "mend"]
    return {each["what"]: each for each in told["checks"] if each["level"] == "FAIL"}


def only_fault(asked: Result, what: str) -> Check:
    """The one check that failed, which must be this one; the exit code says that one did."""
    assert asked.code == 1, asked.out + asked.err
    found = faults(asked.json)
    assert list(found) == [what], found
    return found[what]


def says(check: Check, *, wrong: str, why: str, mend: str) -> None:
    """Hold a finding to its three parts."""
    assert wrong in check["found"]
    assert why in check["found"]
    assert mend in check["mend"]


def test_fault_1_a_wrong_url(shell: Shell) -> None:
    """A store of a kind that Skep does not know."""
    check = only_fault(shell.skep("doctor", "--json", "--store", "mysql://host/db"), "store")

    says(check, wrong="'mysql'", why="no work can be stored", mend="--store or in SKEP_STORE")


def test_fault_2_no_append_only_file(shell: Shell, tmp_path: Path) -> None:
    """A real server that keeps everything in memory."""
    with RedisProcess(tmp_path, "--appendonly", "no") as server:
        asked = shell.skep("doctor", "--json", "--store", server.url)

    says(
        only_fault(asked, "durability"),
        wrong="no append-only file",
        why="a restart loses everything",
        mend="CONFIG SET appendonly yes",
    )


def test_fault_3_an_evicting_policy(shell: Shell, tmp_path: Path) -> None:
    """A real server that makes room by throwing keys away."""
    options = ("--appendonly", "yes", "--maxmemory-policy", "allkeys-lru")
    with RedisProcess(tmp_path, *options) as server:
        asked = shell.skep("doctor", "--json", "--store", server.url)

    says(
        only_fault(asked, "eviction"),
        wrong="allkeys-lru",
        why="an evicted key is a lost task",
        mend="CONFIG SET maxmemory-policy noeviction",
    )


def test_fault_4_an_old_server(shell: Shell) -> None:
    """A stand-in that says it is Redis 6.2; as the same, but of today, it passes."""
    with stand_in() as url:
        today = shell.skep("doctor", "--json", "--store", url)
    with stand_in(redis_version="6.2.14") as url:
        asked = shell.skep("doctor", "--json", "--store", url)

    assert today.code == 0, today.out
    says(
        only_fault(asked, "server"),
        wrong="Redis 6.2.14",
        why="all of Skep's operations are",
        mend="Valkey 7.2, or later: docker run",
    )


def test_fault_5_a_full_disk(tmp_path: Path) -> None:
    """A real file system of 1 MiB, full to the last byte, where this process may mount one.

    Where it may not, the check is handed the number 0 in place of what the system says.
    """
    asked = on_a_full_disk(tmp_path)
    if asked is None:
        found = checks_sqlite.disk(0, where=tmp_path)
        assert found.level is Level.FAIL
        check: Check = {"found": found.found, "mend": found.mend}
    else:
        check = only_fault(asked, "disk")

    says(check, wrong="0 B free", why="a full disk stops all work", mend="du -xh")


def on_a_full_disk(folder: Path) -> Result | None:
    """Ask the doctor in a full file system that only it and its shell can see."""
    if shutil.which("unshare") is None:
        return None
    script = (
        f"mount -t tmpfs -o size=1m none {folder} || exit 99; cd {folder};"
        f" cat /dev/zero > filler 2> /dev/null; exec {sys.executable} -m skep doctor --json"
    )
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "-r"]
    run = subprocess.run(
        [*alone, "sh", "-c", script], capture_output=True, text=True, check=False, timeout=50
    )
    if not run.stdout:
        return None
    return Result(code=run.returncode, out=run.stdout, err=run.stderr)


async def test_fault_6_an_unwritable_state_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real folder of somebody else; a store elsewhere does not hide it."""
    with foreign_folder() as folder:
        monkeypatch.chdir(folder.parent)
        code = await doctor(common=Common(store="memory:", json=True))
        monkeypatch.chdir("/")

    check = faults(json.loads(capsys.readouterr().out))["state folder"]
    assert code == 1
    says(
        check,
        wrong="is not writable for this user",
        why="no report and no store can be written",
        mend=f"chmod u+rwx {folder}",
    )


async def test_fault_7_a_network_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table of mounts, which stands in for the system's, says that this folder is on NFS."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/home {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(connection, "MOUNTS", mounts)
    monkeypatch.chdir(tmp_path)

    code = await doctor(common=Common(json=True))

    found = faults(json.loads(capsys.readouterr().out))
    assert (code, list(found)) == (1, ["file system"])
    says(
        found["file system"],
        wrong="nfs4, a network file system",
        why="where SQLite corrupts",
        mend="--store sqlite:///PATH, or share a Redis",
    )


@pytest.mark.parametrize(("off_s", "ahead"), [(HOUR_S, "server"), (-HOUR_S, "this host")])
def test_fault_8_a_clock_far_off(shell: Shell, off_s: float, ahead: str) -> None:
    """A stand-in whose clock is an hour before or behind this host's."""
    with stand_in(clock_off_s=off_s) as url:
        asked = shell.skep("doctor", "--json", "--store", url)

    says(
        only_fault(asked, "clocks"),
        wrong=f"s apart, {ahead} ahead",
        why="times of tasks and leases mean something else on each",
        mend="timedatectl set-ntp true",
    )


async def test_fault_9_a_stale_incarnation(shell: Shell, tmp_path: Path) -> None:
    """A real server restored from a copy of its files, while a swarm was under way."""
    folder, copy = tmp_path / "server", tmp_path / "copy"
    folder.mkdir()
    with RedisProcess(folder, "--appendonly", "yes", "--appendfsync", "always") as server:
        settings = settings_of(tmp_path, server.url)
        await submit_one(settings)
        written(server.port)
        shutil.copytree(folder, copy)
        assert shell.skep("swarm", "cancel", "11111111", "--store", server.url).code == 0
        server.kill()
        shutil.rmtree(folder)
        shutil.copytree(copy, folder)
        server.start()

        asked = shell.skep("doctor", "--json", "--store", server.url)
        mended = shell.skep("swarm", "list", "--store", server.url)
        after = shell.skep("doctor", "--json", "--store", server.url)

    says(
        only_fault(asked, "incarnation"),
        wrong="stale: the server was started again, or restored",
        why="nobody goes on with its 1 active swarms",
        mend="skep swarm list",
    )
    assert (mended.code, after.code) == (0, 0), after.out


def test_fault_10_a_broken_agent_file(shell: Shell) -> None:
    """A real file without front matter; the command that mends it does."""
    broken = ".skep/agents/broken.md"
    files_into(shell.folder, {broken: "I have no front matter.\n"})
    path = shell.folder / broken

    asked = shell.skep("doctor", "--json")

    says(
        only_fault(asked, "agent files"),
        wrong=f"{path} cannot be used: it does not begin with front matter",
        why="Nothing is worked on here until then",
        mend=f"mv {path} {path}.off",
    )
    path.rename(f"{path}.off")
    assert shell.skep("doctor", "--json").code == 0
