"""What manifests declare."""

from collections.abc import Callable
from pathlib import Path

import pytest

from skep.agent.tools.dependencies import dependencies
from skep.agent.workspace import Workspace

Write = Callable[..., Path]

MANIFESTS = {
    "pyproject.toml": """
[project]
dependencies = ["a[x]>=1; python_version>'3'", "b", "c==2.0"]
[dependency-groups]
dev = ["d~=3", {include-group = "x"}]
""",
    "requirements.txt": """
# comment
-r other.txt
a==1 \\
  --hash=sha256:00
b # why
c @ https://u:pw@h/c.whl
./d
""",
    "setup.cfg": """
[options]
install_requires =
    a>=1
    b
[options.extras_require]
x = c==1
""",
    "package.json": """{
"dependencies": {"a": "^1.0.0", "b": "*"},
"devDependencies": {"c": "1.2.3", "d": "file:../d"}
}""",
    "go.mod": """
module m

require example.org/a v1.2.3
require (
\texample.org/b v0.1.0 // indirect
)
replace (
\texample.org/b v0.1.0 => example.org/c v0.2.0
)
""",
    "Cargo.toml": """
[dependencies]
a = "1.2"
b = { version = "=1.0.0" }
c = { path = "../c" }
""",
    "Gemfile": """
gem 'a'
gem "b", '~> 7.0'
""",
    "pom.xml": """
<dependency><groupId>g</groupId><artifactId>a</artifactId><version>1.0</version></dependency>
<dependency><groupId>g</groupId><artifactId>b</artifactId></dependency>
""",
}
DECLARED = {
    "pyproject.toml": ["a >=1 range", "b  none", "c ==2.0 exact", "d ~=3 range"],
    "requirements.txt": ["a ==1 exact", "b  none", "c @ https://****@h/c.whl reference"],
    "setup.cfg": ["a >=1 range", "b  none", "c ==1 exact"],
    "package.json": ["a ^1.0.0 range", "b * none", "c 1.2.3 exact", "d file:../d reference"],
    "go.mod": ["example.org/a v1.2.3 exact", "example.org/b v0.1.0 exact"],
    "Cargo.toml": ["a 1.2 range", "b =1.0.0 exact", "c path: reference"],
    "Gemfile": ["a  none", "b ~> 7.0 range"],
    "pom.xml": ["g:a 1.0 exact", "g:b  reference"],
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_read(name: str, write: Write, workspace: Workspace) -> None:
    """Names and constraints come out as written, each with how tightly it is pinned."""
    write(name, MANIFESTS[name])

    found = dependencies(workspace)

    declared = [f"{one['name']} {one['constraint']} {one['pin']}" for one in found["dependencies"]]
    assert declared == DECLARED[name]
    assert found["unpinned"] == [one for one in found["dependencies"] if one["pin"] == "none"]
    assert found["manifests"][0]["problem"] == ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("package.json", "{"),
        ("package.json", "[" * 100_000),
        ("pyproject.toml", "a = [" * 20_000),
        ("setup.cfg", "no section\n"),
        ("Cargo.toml", b"\xff\xfe\xfd"),
        ("setup.py", "from setuptools import setup\n"),
    ],
)
def test_a_manifest_that_is_not_read_says_why(
    name: str, content: str | bytes, write: Write, workspace: Workspace
) -> None:
    """A broken manifest, or one that is a program, is named with its problem."""
    write(name, content)

    found = dependencies(workspace)

    assert found["total"] == 0
    assert found["manifests"][0]["problem"]


@pytest.mark.parametrize("content", ['{"dependencies": [1]}', "[]", '{"dependencies": {"a": 1}}'])
def test_a_manifest_of_another_shape_is_no_error(
    content: str, write: Write, workspace: Workspace
) -> None:
    """Valid JSON that is no manifest declares nothing that is made up."""
    write("package.json", content)

    assert all(one["constraint"] == "" for one in dependencies(workspace)["dependencies"])


def test_a_lock_file_serves_its_folder_and_those_below(write: Write, workspace: Workspace) -> None:
    """A manifest is locked by a lock file of its ecosystem beside or above it."""
    for name in ("web/package.json", "web/part/package.json", "other/package.json"):
        write(name, "{}")
    write("web/yarn.lock")
    write("uv.lock")

    found = dependencies(workspace)

    locked = {row["path"]: row["has_lock"] for row in found["manifests"]}
    assert locked == {
        "web/package.json": True,
        "web/part/package.json": True,
        "other/package.json": False,
    }
    assert [row["path"] for row in found["lock_files"]] == ["uv.lock", "web/yarn.lock"]


def test_manifests_of_others_are_counted_only(write: Write, workspace: Workspace) -> None:
    """What node_modules and vendor folders declare is not this project's."""
    write("node_modules/a/package.json", '{"dependencies": {"b": "1"}}')

    found = dependencies(workspace)

    assert (found["total"], found["manifests"], found["vendored_manifests"]) == (0, [], 1)
