"""Identities of one host: one live holder each, in a folder that is nobody else's."""

import subprocess
import sys
from pathlib import Path

import pytest

from skep.drivers.identity import held_identity, is_identity_held, own_folder
from skep.records.errors import IdentityInUse, StoreUnsafe
from skep.records.ids import WorkerId

BEE = WorkerId("bee")
HOLDER = """
import sys
from pathlib import Path
from skep.drivers.identity import held_identity

with held_identity(Path(sys.argv[1]), "bee"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_an_identity_has_one_holder_at_a_time(tmp_path: Path) -> None:
    """The second is refused while the first holds it, and not afterwards."""
    with held_identity(tmp_path, BEE):
        assert is_identity_held(tmp_path, BEE)
        with pytest.raises(IdentityInUse), held_identity(tmp_path, BEE):
            pass

    assert not is_identity_held(tmp_path, BEE)
    with held_identity(tmp_path, BEE):
        pass


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    """The system drops the lock with the process, however it ended."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        was_held = is_identity_held(tmp_path, BEE)
        holder.kill()

    assert was_held
    assert not is_identity_held(tmp_path, BEE)


def test_a_folder_that_somebody_else_made_is_refused(tmp_path: Path) -> None:
    """A link, or a folder of another user, in the place of ours is not used."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "ours").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StoreUnsafe, match="another user"):
        own_folder(tmp_path / "ours")
    assert own_folder(tmp_path / "new").stat().st_mode & 0o777 == 0o700
