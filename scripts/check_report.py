"""Recompute the figures of an audit with git, find, wc, grep and sed, and compare.

    check_report.py --workspace DIR FINDINGS

FINDINGS is a JSON object of tool name to result, or a folder of `<tool>.json` files. Prints every
compared figure; exits with 1 when one differs, with 2 when there is nothing to compare. Nothing
of Skep is imported: a mistake in a tool cannot repeat itself here.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

Findings = dict[str, Any]

BATCH: Final = 500
HEAD_BYTES: Final = 8192
MARKERS: Final = "TODO|FIXME|XXX|HACK"
ENVIRONMENT: Final = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "HOME": "/dev/null",
    "LC_ALL": "C",
    "PATH": os.defpath,
}
ESCAPE: Final = re.compile(r"\\(?:([nrt\\])|x([0-9a-f]{2})|u\{([0-9a-f]+)\})")


@dataclass(frozen=True)
class Figure:
    """One figure of the report beside what the outside commands say."""

    name: str
    claimed: object
    actual: object

    @property
    def is_true(self) -> bool:
        """Tell whether the report told the truth."""
        return self.claimed == self.actual


def main() -> int:
    """Compare, print, and give the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("findings", type=Path)
    arguments = parser.parse_args()
    findings = read_findings(arguments.findings)
    disk = Disk(arguments.workspace)
    figures = [
        figure
        for tool, compare in COMPARISONS.items()
        if tool in findings
        for figure in compare(findings[tool], disk)
    ]
    for figure in figures:
        verdict = "ok   " if figure.is_true else "FALSE"
        print(f"{verdict} {figure.name}: claimed {figure.claimed!r}, actual {figure.actual!r}")
    false = sum(1 for figure in figures if not figure.is_true)
    print(f"{len(figures)} figures compared, {false} false")
    return 2 if not figures else min(false, 1)


def read_findings(path: Path) -> Findings:
    """Read one JSON object, or a folder with one file per tool, wherever below it."""
    if path.is_dir():
        return {file.stem: json.loads(file.read_bytes()) for file in sorted(path.rglob("*.json"))}
    return json.loads(path.read_bytes())


class Disk:
    """The workspace as the outside commands see it."""

    def __init__(self, root: Path) -> None:
        """Look at `root`."""
        self.root = root

    def output(self, *command: str | bytes, stdin: bytes = b"") -> bytes:
        """Run a command in the workspace; a status of failure is an answer too."""
        done = subprocess.run(
            command, cwd=self.root, env=ENVIRONMENT, input=stdin, capture_output=True, check=False
        )
        return done.stdout

    def git(self, *arguments: str) -> bytes:
        """Ask git."""
        return self.output(
            "git", "-c", "safe.directory=*", "-c", "core.excludesFile=/dev/null", *arguments
        )

    @cached_property
    def is_git(self) -> bool:
        """Whether the workspace lies in a work tree that does not ignore it."""
        inside = self.git("rev-parse", "--is-inside-work-tree").strip() == b"true"
        is_top = self.git("rev-parse", "--show-prefix").strip() == b""
        return inside and (is_top or not self.git("check-ignore", "."))

    @cached_property
    def files(self) -> list[bytes]:
        """The regular files, as git or find lists them."""
        if self.is_git:
            listed = self.git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        else:
            listed = self.output("find", ".", "-type", "f", "-print0")
        names = {name.removeprefix(b"./") for name in listed.split(b"\0") if name}
        hidden = {b".git", b".skep"}
        return sorted(
            name for name in names if not hidden & set(name.split(b"/")) and self.is_file(name)
        )

    def path(self, name: bytes) -> Path:
        """Where a file of the workspace lies."""
        return self.root / os.fsdecode(name)

    def is_file(self, name: bytes) -> bool:
        """Whether a name is a regular file that no link leads to."""
        path = self.path(name)
        above = [path, *path.parents][: name.count(b"/") + 1]
        return path.is_file() and not any(part.is_symlink() for part in above)

    def size(self, name: bytes) -> int:
        """The bytes of a file."""
        return self.path(name).lstat().st_size

    def texts(self, bytes_max: int) -> list[bytes]:
        """The files without NUL in their heads, readable, of at most so many bytes."""
        small = [name for name in self.files if self.size(name) <= bytes_max]
        readable = [name for name in small if os.access(self.path(name), os.R_OK)]
        with_nul = self.batched(readable, "grep", "-lZaP", r"\x00").split(b"\0")
        binary = {
            name.removeprefix(b"./") for name in with_nul if name and self.has_nul_in_head(name)
        }
        return [name for name in readable if name not in binary]

    def has_nul_in_head(self, name: bytes) -> bool:
        """Whether head and tr find a NUL."""
        return b"\0" in self.output("head", "-c", str(HEAD_BYTES), "--", name)

    def batched(self, names: Sequence[bytes], *command: str) -> bytes:
        """Run a command over many files, some hundred at a time."""
        return b"".join(
            self.output(*command, "--", *(b"./" + name for name in names[start : start + BATCH]))
            for start in range(0, len(names), BATCH)
        )

    def line_counts(self, names: Sequence[bytes]) -> dict[bytes, int]:
        """What `wc -l` prints for each file, in the order asked."""
        counts: dict[bytes, int] = {}
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            printed = self.batched(batch, "wc", "-l").splitlines()
            counts |= {
                name: int(line.split()[0]) for name, line in zip(batch, printed, strict=False)
            }
        return counts

    def lines_of(self, shown: str) -> int:
        """What `wc -l` says of one file of the report."""
        return int(self.output("wc", "-l", "--", name_of(shown)).split()[0])

    def line(self, shown: str, number: int) -> bytes:
        """What sed prints as that line of a file of the report."""
        return self.output("sed", "-n", f"{number}p", "--", name_of(shown))


def name_of(shown: str) -> bytes:
    """Undo the escapes of a path in the report."""
    short = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}

    def char(escape: re.Match[str]) -> str:
        letter, byte, code = escape.groups()
        return short[letter] if letter else chr(0xDC00 + int(byte, 16) if byte else int(code, 16))

    return b"./" + os.fsencode(ESCAPE.sub(char, shown))


def compare_inventory(found: Findings, disk: Disk) -> Iterator[Figure]:
    """Files, bytes, lines, extensions and the largest files."""
    texts = disk.texts(found["scope"]["file_bytes_max"])
    lines = disk.line_counts(texts)
    sizes = {name: disk.size(name) for name in disk.files}
    yield Figure("inventory: in git", found["scope"]["git"], disk.is_git)
    yield Figure("inventory: files", found["files"], len(disk.files))
    yield Figure("inventory: bytes", found["bytes"], sum(sizes.values()))
    yield Figure("inventory: text files", found["text_files"], len(texts))
    yield Figure("inventory: lines", found["lines"], disk.batched(texts, "cat").count(b"\n"))
    for unit in ("files", "lines"):
        total = sum(language[unit] for language in found["languages"])
        expected = found["text_files" if unit == "files" else "lines"]
        yield Figure(f"inventory: {unit} of all languages", total, expected)
    yield from compare_extensions(found, lines)
    yield from compare_largest(found["largest_by_bytes"], sizes, "bytes")
    yield from compare_largest(found["largest_by_lines"], lines, "lines")


def compare_extensions(found: Findings, lines: dict[bytes, int]) -> Iterator[Figure]:
    """Files and lines of every extension, whatever languages it was counted for."""
    claimed: Counter[tuple[str, str]] = Counter()
    for language in found["languages"]:
        for row in language["extensions"]:
            for unit in ("files", "lines"):
                claimed[row["extension"], unit] += row[unit]
    for (extension, unit), count in sorted(claimed.items()):
        fitting = [name for name in lines if extension_of(name) == extension]
        actual = len(fitting) if unit == "files" else sum(lines[name] for name in fitting)
        yield Figure(f"inventory: {unit} of {extension or 'no extension'}", count, actual)


def extension_of(name: bytes) -> str:
    """The last extension in lower case."""
    stem, dot, extension = os.fsdecode(name).rpartition("/")[2].rpartition(".")
    return dot + extension.lower() if stem.strip(".") and extension else ""


def compare_largest(
    claimed: list[Findings], actual: dict[bytes, int], unit: str
) -> Iterator[Figure]:
    """Each figure of the largest files, and that no larger file was left out."""
    for row in claimed:
        yield Figure(f"{unit} of {row['path']}", row[unit], actual.get(name_of(row["path"])[2:]))
    largest = sorted(actual.values(), reverse=True)[: len(claimed)]
    yield Figure(f"the largest by {unit}", [row[unit] for row in claimed], largest)


def compare_churn(found: Findings, disk: Disk) -> Iterator[Figure]:
    """Commits, authors, dates, and the files changed most often."""
    has_past = disk.is_git and bool(disk.git("rev-parse", "--verify", "-q", "HEAD"))
    yield Figure("churn: has a history", bool(found["head"]), has_past)
    if not has_past:
        return
    part = () if disk.git("rev-parse", "--show-prefix").strip() == b"" else ("--", ".")
    days = sorted(disk.git("log", "--format=%as", "HEAD", *part).split())
    authors = disk.git("log", "--format=%ae", "HEAD", *part).splitlines()
    commits = int(disk.git("rev-list", "--count", "HEAD", *part))
    yield Figure("churn: commits", found["commits"], commits)
    yield Figure("churn: authors", found["authors"], len(set(authors)))
    yield Figure("churn: first commit", found["first_commit"], days[0].decode())
    yield Figure("churn: last commit", found["last_commit"], days[-1].decode())
    newest = f"--max-count={found['commits_with_files']}"
    names = disk.git(
        "log", "-z", "--format=", "--name-only", "--no-renames", "--relative", newest, "HEAD", *part
    )
    counts = Counter(name for name in names.split(b"\0") if name)
    claimed = [{**row, "changes": row["commits"]} for row in found["most_changed"]]
    yield from compare_largest(claimed, dict(counts), "changes")


def compare_todos(found: Findings, disk: Disk) -> Iterator[Figure]:
    """The marked lines in all, per marker, per file, and each one quoted."""
    texts = disk.texts(found["scope"]["file_bytes_max"])
    yield Figure("todos: lines", found["total"], marked_lines(disk, texts, MARKERS))
    for marker in MARKERS.split("|"):
        actual = marked_lines(disk, texts, marker)
        yield Figure(f"todos: lines with {marker}", found["markers"].get(marker), actual)
    for row in found["files"]:
        actual = marked_lines(disk, [name_of(row["path"])[2:]], MARKERS)
        yield Figure(f"todos: lines of {row['path']}", row["lines"], actual)
    for row in found["items"]:
        marked = disk.output(
            "grep", "-awE", row["marker"], stdin=disk.line(row["path"], row["line"])
        )
        yield Figure(
            f"{row['marker']} at {row['path']}:{row['line']}", claimed=True, actual=bool(marked)
        )


def marked_lines(disk: Disk, names: Sequence[bytes], marker: str) -> int:
    """How many lines grep prints."""
    return disk.batched(names, "grep", "-ahwE", marker).count(b"\n")


def compare_complexity(found: Findings, disk: Disk) -> Iterator[Figure]:
    """The lengths of the longest files, and that each function begins where it is said to."""
    for row in found["longest_files"]:
        yield Figure(f"lines of {row['path']}", row["lines"], disk.lines_of(row["path"]))
    for row in [*found["longest_functions"], *found["most_complex_functions"]]:
        name = row["name"].rpartition(".")[2]
        line = disk.line(row["path"], row["line"]).decode("utf-8", "replace")
        begins = re.search(rf"\bdef\s+{re.escape(name)}\b", line) is not None
        yield Figure(f"{row['name']} at {row['path']}:{row['line']}", claimed=True, actual=begins)


def compare_tests(found: Findings, disk: Disk) -> Iterator[Figure]:
    """The lengths of test files and of modules that no test mentions."""
    for row in [*found["largest_test_files"], *found["unmentioned_modules"]]:
        yield Figure(f"lines of {row['path']}", row["lines"], disk.lines_of(row["path"]))


def compare_secrets(found: Findings, disk: Disk) -> Iterator[Figure]:
    """That each place has a line at all; what stands there is not printed."""
    yield Figure("secrets: by confidence", sum(found["by_confidence"].values()), found["total"])
    for row in found["findings"]:
        is_there = bool(disk.line(row["path"], row["line"]).strip())
        yield Figure(f"a line at {row['path']}:{row['line']}", claimed=True, actual=is_there)


def compare_dependencies(found: Findings, disk: Disk) -> Iterator[Figure]:
    """That manifests and lock files are there, and each name stands in its manifest."""
    files = set(disk.files)
    for row in [*found["manifests"], *found["lock_files"]]:
        yield Figure(
            f"{row['path']} is there", claimed=True, actual=name_of(row["path"])[2:] in files
        )
    for row in found["dependencies"]:
        name = row["name"].rpartition(":")[2]
        stands = disk.output("grep", "-aF", "-e", name, "--", name_of(row["manifest"]))
        yield Figure(f"{name} in {row['manifest']}", claimed=True, actual=bool(stands))


def compare_documentation(found: Findings, disk: Disk) -> Iterator[Figure]:
    """The lengths of documents, and that the targets of broken links are not there."""
    for row in [*filter(None, [found["readme"]]), *found["largest_documents"]]:
        yield Figure(f"lines of {row['path']}", row["lines"], disk.lines_of(row["path"]))
    for row in found["broken_links"]:
        is_there = os.path.lexists(disk.path(name_of(row["target"])))
        yield Figure(f"{row['target']} is there", claimed=False, actual=is_there)


COMPARISONS: Final[dict[str, Callable[[Findings, Disk], Iterator[Figure]]]] = {
    "inventory": compare_inventory,
    "churn": compare_churn,
    "todos": compare_todos,
    "complexity": compare_complexity,
    "tests_layout": compare_tests,
    "secrets": compare_secrets,
    "dependencies": compare_dependencies,
    "documentation": compare_documentation,
}

if __name__ == "__main__":
    sys.exit(main())
