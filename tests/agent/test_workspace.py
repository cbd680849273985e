"""What the workspace lists, reads and refuses."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skep.agent import git as git_module
from skep.agent.files import FileRefused, Reason
from skep.agent.workspace import Workspace, WorkspaceLimits
from skep.records.errors import WorkspaceError

Write = Callable[..., Path]
Git = Callable[..., str]

NOBODY = 65534
TIME_TO_READ_S = 10


def listed(workspace: Workspace) -> list[str]:
    return [file.path for file in workspace.listing().files]


def skipped(workspace: Workspace) -> dict[str, int]:
    listing = workspace.listing()
    list(workspace.texts(listing, bytes_max=1_000))
    return {row["reason"]: row["files"] for row in listing.skips.findings()}


def refusal(workspace: Workspace, path: str) -> Reason:
    with pytest.raises(FileRefused) as caught:
        workspace.read(path)
    return caught.value.reason


def found_by_find(folder: Path) -> list[str]:
    command = ["find", ".", "-type", "f", "-not", "-path", "./.git/*", "-print0"]
    output = subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout
    return sorted(os.fsdecode(name)[2:] for name in output.split(b"\0") if name)


# --- listing ------------------------------------------------------------------------------------


def test_in_git_the_files_are_those_git_lists(write: Write, git: Git, workspace: Workspace) -> None:
    """Tracked files and untracked ones that are not ignored, in the order of their names."""
    for name in ("b.py", "a/c.txt", "ignored.log", "a/new.md"):
        write(name)
    write(".gitignore", "*.log\n")
    git("add", "b.py", "a/c.txt")

    expected = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")

    assert listed(workspace) == sorted(filter(None, expected))
    assert workspace.listing().git


def test_without_git_the_files_are_those_find_finds(write: Write, folder: Path) -> None:
    """Outside of a work tree everything beneath the root is listed."""
    for name in ("b.py", "a/c.txt", ".hidden", "a/b/d/e.log"):
        write(name)

    assert listed(Workspace(folder)) == found_by_find(folder)
    assert not Workspace(folder).listing().git


def test_without_a_git_program_the_folder_is_walked(
    write: Write, git: Git, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without git lists the files of a repository all the same."""
    write("a.py")
    git("add", ".")
    monkeypatch.setenv("PATH", str(folder))

    assert listed(Workspace(folder)) == ["a.py"]
    assert not Workspace(folder).listing().git


def test_a_part_of_a_work_tree_lists_its_own_files(write: Write, git: Git, folder: Path) -> None:
    """A folder inside a repository lists what lies beneath it, by names from there."""
    write("top.py")
    write("part/inner.py")
    git("add", ".")

    assert listed(Workspace(folder / "part")) == ["inner.py"]


def test_a_folder_that_git_ignores_is_walked(write: Write, git: Git, folder: Path) -> None:
    """A virtual environment inside a project can be audited, though git lists nothing of it."""
    write(".gitignore", ".venv/\n")
    write(".venv/lib/code.py")
    git("add", ".gitignore")

    assert listed(Workspace(folder / ".venv")) == ["lib/code.py"]


@pytest.mark.parametrize("name", [".git", ".skep"])
def test_state_folders_are_left_out(name: str, write: Write, workspace: Workspace) -> None:
    """Nothing in `.git` or `.skep`, at any depth, is listed or read."""
    write(f"deep/{name}/config")
    write("a.py")

    assert listed(workspace) == ["a.py"]
    assert refusal(workspace, f"deep/{name}/config") is Reason.OUTSIDE


def test_files_deleted_but_still_tracked_are_not_listed(
    write: Write, git: Git, workspace: Workspace
) -> None:
    """What git tracks and the disk has not is stated as missing."""
    write("gone.py")
    git("add", ".")
    write("gone.py").unlink()

    assert listed(workspace) == []
    assert skipped(workspace) == {"missing": 1}


def test_a_repository_inside_is_not_entered(
    write: Write, git: Git, folder: Path, workspace: Workspace
) -> None:
    """A submodule, or a clone that lies about, is named and left to itself."""
    write("a.py")
    subprocess.run(["git", "init", "-q", str(folder / "inner")], check=True)
    write("inner/b.py")
    git("add", "a.py")

    assert listed(workspace) == ["a.py"]
    assert skipped(workspace) == {"submodule": 1}


def test_files_over_the_limit_are_counted(write: Write, folder: Path) -> None:
    """A workspace larger than its limit says how much of it was not looked at."""
    for number in range(5):
        write(f"{number}.py")

    workspace = Workspace(folder, limits=WorkspaceLimits(files_max=2))

    assert listed(workspace) == ["0.py", "1.py"]
    assert skipped(workspace) == {"over_limit": 3}


def test_folders_below_the_deepest_are_counted(write: Write, folder: Path) -> None:
    """A tree deeper than its limit is not descended for ever, and that is stated."""
    write("1/2/3/4/a.py")
    write("1/b.py")

    workspace = Workspace(folder, limits=WorkspaceLimits(depth_max=2))

    assert listed(workspace) == ["1/b.py"]
    assert skipped(workspace) == {"too_deep": 1}


def test_an_empty_folder_has_no_files(workspace: Workspace) -> None:
    """An empty folder is a workspace with nothing in it."""
    assert listed(workspace) == []


def test_a_missing_folder_is_refused(folder: Path) -> None:
    """A workspace that is not there is an error that names it."""
    with pytest.raises(WorkspaceError, match="nowhere"):
        Workspace(folder / "nowhere")


def test_a_file_is_no_workspace(write: Write) -> None:
    """A workspace must be a folder."""
    with pytest.raises(WorkspaceError, match="Not a directory"):
        Workspace(write("a.py"))


# --- names --------------------------------------------------------------------------------------


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.binary(min_size=1, max_size=30), min_size=1, max_size=5))
def test_any_name_is_listed_and_read(folder: Path, names: set[bytes]) -> None:
    """Whatever bytes a name holds, newlines and broken UTF-8 too, its file is read back."""
    root = Path(tempfile.mkdtemp(dir=folder))
    given_names = {b"n" + name.replace(b"/", b"-").replace(b"\0", b"0") for name in names}
    for name in given_names:
        (root / os.fsdecode(name)).write_bytes(b"content of " + name)

    workspace = Workspace(root)
    read = {file.path: file.content for file in workspace.texts(workspace.listing())}

    assert read == {os.fsdecode(name): b"content of " + name for name in given_names}


def test_git_gives_strange_names_unchanged(write: Write, git: Git, workspace: Workspace) -> None:
    """Names that git would quote are listed as they are on the disk."""
    names = sorted(["two\nlines.py", os.fsdecode(b"\xe9.py"), '"quoted".py', "tab\t.py"])
    for name in names:
        write(name)
    git("add", ".")

    assert sorted(listed(workspace)) == names


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["../secret", "a/../../secret", "/etc/passwd", "a\0b"])
def test_paths_that_lead_out_are_refused(
    path: str, tmp_path: Path, write: Write, workspace: Workspace
) -> None:
    """No path that a model can name leads out of the workspace."""
    (tmp_path / "secret").write_text("outside")
    write("a/b")

    assert refusal(workspace, path) is Reason.OUTSIDE


def test_links_are_neither_listed_nor_followed(
    tmp_path: Path, write: Write, folder: Path, workspace: Workspace
) -> None:
    """A link to a file or a folder is counted, whether it leads out or not."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("outside")
    write("real/a.py")
    (folder / "file-link").symlink_to(tmp_path / "outside" / "secret")
    (folder / "folder-link").symlink_to(tmp_path / "outside")
    (folder / "inner-link").symlink_to("real/a.py")

    assert listed(workspace) == ["real/a.py"]
    assert skipped(workspace) == {"symlink": 3}
    assert refusal(workspace, "file-link") is Reason.SYMLINK
    assert refusal(workspace, "folder-link/secret") is Reason.SYMLINK


def test_loops_of_links_end(write: Write, folder: Path, workspace: Workspace) -> None:
    """A link to its own folder, and two that point at each other, are no endless walk."""
    write("a/b.py")
    (folder / "a" / "loop").symlink_to("..")
    (folder / "ping").symlink_to("pong")
    (folder / "pong").symlink_to("ping")

    assert listed(workspace) == ["a/b.py"]
    assert skipped(workspace) == {"symlink": 3}


def test_a_folder_that_becomes_a_link_is_not_followed(
    tmp_path: Path, write: Write, folder: Path, workspace: Workspace
) -> None:
    """A folder swapped for a link after the listing does not open the place it leads to."""
    write("swapped/a.py", "inside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.py").write_text("outside")
    listing = workspace.listing()

    shutil.rmtree(folder / "swapped")
    (folder / "swapped").symlink_to(tmp_path / "outside")

    assert list(workspace.texts(listing)) == []
    assert [row["reason"] for row in listing.skips.findings()] == ["symlink"]


def test_tracked_files_behind_a_new_link_are_not_listed(
    tmp_path: Path, write: Write, git: Git, folder: Path
) -> None:
    """Git still lists the files of a folder that was replaced by a link; they lie outside."""
    write("swapped/a.py")
    git("add", ".")
    shutil.move(folder / "swapped", tmp_path / "outside")
    (folder / "swapped").symlink_to(tmp_path / "outside")

    assert listed(Workspace(folder)) == []


@pytest.mark.timeout(TIME_TO_READ_S)
def test_pipes_and_sockets_are_never_opened(folder: Path, workspace: Workspace) -> None:
    """A pipe that nobody writes to does not hold the reader."""
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(folder / "socket"))

    assert listed(workspace) == []
    assert skipped(workspace) == {"special": 2}
    assert refusal(workspace, "pipe") is refusal(workspace, "socket") is Reason.SPECIAL


def test_binary_and_large_files_are_stated(write: Write, workspace: Workspace) -> None:
    """Files that are no text, or over the limit of bytes, are listed, not read, and stated."""
    write("image.png", b"\x89PNG\0\0")
    write("large.txt", "x" * 1_001)
    write("late-nul.txt", b"x" * 900 + b"\n")

    assert len(listed(workspace)) == 3
    assert skipped(workspace) == {"binary": 1, "too_large": 1}


def test_a_file_at_its_limit_is_read_whole(write: Write, workspace: Workspace) -> None:
    """The limit of bytes itself is allowed."""
    write("a.txt", "x" * 10_000)

    assert len(workspace.read("a.txt", bytes_max=10_000)) == 10_000


def test_the_workspace_knows_what_it_has(write: Write, workspace: Workspace) -> None:
    """Files and folders are there or not, without being read."""
    write("a/b.py")

    assert [workspace.has(path) for path in ("a/b.py", "a", "c")] == [True, True, False]


# --- permissions --------------------------------------------------------------------------------


@contextmanager
def as_ordinary_user() -> Generator[None]:
    """Give up the rights of root, who may read everything, for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder on whose whole way anybody may go; pytest's own is for its user alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o700)


@pytest.mark.parametrize("place", ["plain", "git"])
def test_unreadable_files_are_stated(open_folder: Path, place: str) -> None:
    """A file that may not be opened is listed and stated as unreadable."""
    (open_folder / "open.py").write_text("x = 1\n")
    (open_folder / "closed.py").write_text("y = 2\n")
    if place == "git":
        subprocess.run(["git", "init", "-q", str(open_folder)], check=True)
    (open_folder / "closed.py").chmod(0)

    with as_ordinary_user():
        names, reasons = listed(Workspace(open_folder)), skipped(Workspace(open_folder))

    assert names == ["closed.py", "open.py"]
    assert reasons == {"unreadable": 1}


def test_unreadable_folders_are_stated(open_folder: Path) -> None:
    """A folder that may not be listed is stated; its neighbours are read."""
    (open_folder / "closed").mkdir(mode=0)
    (open_folder / "open.py").write_text("x = 1\n")

    with as_ordinary_user():
        names, reasons = listed(Workspace(open_folder)), skipped(Workspace(open_folder))

    assert names == ["open.py"]
    assert reasons == {"unreadable": 1}


def test_an_unreadable_root_is_refused(open_folder: Path) -> None:
    """A workspace that may not be listed is an error, not an empty audit."""
    (open_folder / "closed").mkdir(mode=0)

    with as_ordinary_user(), pytest.raises(WorkspaceError, match="Permission denied"):
        Workspace(open_folder / "closed")


# --- hostile repositories and size --------------------------------------------------------------


def test_nothing_that_a_repository_names_is_run(
    tmp_path: Path, write: Write, git: Git, folder: Path, workspace: Workspace
) -> None:
    """Programs in a repository's settings do not start when its files and history are read."""
    trap = tmp_path / "trap"
    sprung = tmp_path / "sprung"
    trap.write_text(f"#!/bin/sh\ntouch {sprung}\n")
    trap.chmod(0o755)
    write("a.py")
    git("add", ".")
    git("commit", "-qm", "first")
    for setting in ("core.fsmonitor", "core.pager", "diff.external", "gpg.program"):
        git("config", setting, str(trap))
    git("config", "log.showSignature", "true")
    git("config", "core.hooksPath", str(tmp_path))
    git("status")
    assert sprung.exists(), "an ordinary git must fall into the trap, else this proves nothing"
    sprung.unlink()

    repository = workspace.repository
    assert repository is not None
    log = list(repository.records("log", "-z", "--format=", "--name-only", "HEAD"))

    assert listed(Workspace(folder)) == ["a.py"]
    assert log == [b"a.py"]
    assert not sprung.exists()


@pytest.mark.timeout(TIME_TO_READ_S)
def test_a_git_that_hangs_is_stopped(
    git: Git, folder: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe in the place of .gitignore holds git for ever, but not the listing."""
    git("status")
    os.mkfifo(folder / ".gitignore")
    monkeypatch.setattr(git_module, "SECONDS_MAX", 0.3)

    with pytest.raises(WorkspaceError, match="did not answer in time"):
        workspace.listing()


def test_a_broken_repository_is_an_error(write: Write, git: Git, workspace: Workspace) -> None:
    """A repository whose index is damaged is not taken for an empty folder."""
    git("status")
    write(".git/index", "no index")

    with pytest.raises(WorkspaceError, match="git ls-files"):
        workspace.listing()


MEASURED = """
import resource, sys
from pathlib import Path
from skep.agent.tools.shelf import SHELF
from skep.agent.workspace import Workspace
found = SHELF[sys.argv[2]].run(Workspace(Path(sys.argv[1])))
print(found["scope"]["files"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.fixture(scope="module")
def many_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 50,000 files."""
    root = tmp_path_factory.mktemp("many")
    for number in range(50_000):
        if number % 500 == 0:
            (root / f"{number // 500:03}").mkdir()
        text = f"# TODO: {number}\ndef f{number}(x):\n    return x\n"
        (root / f"{number // 500:03}" / f"{number}.py").write_text(text)
    return root


@pytest.mark.deep
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "tool",
    [
        "inventory",
        "complexity",
        "secrets",
        "todos",
        "tests_layout",
        "dependencies",
        "documentation",
    ],
)
def test_fifty_thousand_files_fit_into_memory(tool: str, many_files: Path) -> None:
    """Every tool reads 50,000 files within 200 MB, which include the interpreter."""
    command = [sys.executable, "-c", MEASURED, str(many_files), tool]

    measured = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    files, megabytes = map(int, measured.split())
    assert files == 50_000
    assert megabytes < 200
