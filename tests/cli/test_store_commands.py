"""`skep gc`, `skep store backup` and `restore`, as a user meets them."""

import pytest
from tests.cli.shell import Shell, files_into


@pytest.fixture
def shell(shell: Shell) -> Shell:
    """A shell in a folder with one swarm that has completed."""
    files_into(shell.folder)
    done = shell.skep("run", "Look for TODOs", "--model", "offline", "--json")
    assert done.code == 0, done.err
    return shell


def swarms(shell: Shell, *arguments: str) -> int:
    """Count the swarms that are listed."""
    return len(shell.skep("swarm", "list", "--json", *arguments).json["swarms"])


@pytest.mark.slow
def test_gc_forgets_what_it_was_asked_to(shell: Shell) -> None:
    """By default what is younger than eight days stays; a dry run removes nothing."""
    unasked = shell.skep("gc", "--json")
    dry = shell.skep("gc", "--older-than", "0.01s", "--dry-run")
    told = shell.skep("gc", "--older-than", "0.01s", "--dry-run", "--json")
    before = swarms(shell)
    done = shell.skep("gc", "--older-than", "0.01s")

    assert (unasked.code, unasked.json["forgotten"], unasked.json["older_than_s"]) == (0, 0, 691200)
    assert "1 swarm ended more than 0.01s ago; nothing was removed." in dry.out
    assert [each["status"] for each in told.json["swarms"]] == ["completed"]
    assert (before, swarms(shell)) == (1, 0)
    assert done.code == 0
    assert "Forgot 1 swarm that ended more than 0.01s ago" in done.out
    assert list(shell.folder.glob(".skep/swarms/*/report.md"))


@pytest.mark.slow
def test_reading_a_forgotten_swarm_says_so(shell: Shell) -> None:
    """A swarm that was forgotten is not found, and the hint says why that may be."""
    name = shell.skep("swarm", "list", "--json").json["swarms"][0]["swarm"]
    shell.skep("gc", "--older-than", "0.01s")

    shown = shell.skep("swarm", "show", name)

    assert shown.code == 1
    assert "may have been forgotten" in shown.err


@pytest.mark.slow
def test_a_store_goes_to_a_file_and_back(shell: Shell) -> None:
    """A backup is restored elsewhere, and over the store itself only with force."""
    made = shell.skep("store", "backup", "monday.skep", "--json")
    there = shell.skep("store", "restore", "monday.skep", "--store", "sqlite:///there.db")
    refused = shell.skep("store", "restore", "monday.skep", "--json")
    forced = shell.skep("store", "restore", "monday.skep", "--force")

    assert (made.code, made.json["swarms"]) == (0, 1)
    assert there.code == 0
    assert "Restored 1 swarm as of" in there.out
    assert (refused.code, refused.json["error"]["code"]) == (1, "store_not_empty")
    assert "--force" in refused.json["error"]["hint"]
    assert (forced.code, swarms(shell), swarms(shell, "--store", "sqlite:///there.db")) == (0, 1, 1)
    assert "skep.db.bak-" in forced.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("gc", "--older-than", "soon"), "invalid_input"),
        (("gc", "--store", "memory:"), "invalid_input"),
        (("store", "backup", "README.md"), "backup_unusable"),
        (("store", "restore", "README.md", "--force"), "backup_unusable"),
        (("store", "restore", "nothing", "--store", "sqlite:///new.db"), "backup_unusable"),
    ],
)
def test_what_makes_no_sense_is_told(shell: Shell, arguments: tuple[str, ...], code: str) -> None:
    """A usage error ends with 2, one document under --json, and changes nothing."""
    done = shell.skep(*arguments, "--json")

    assert (done.code, done.json["error"]["code"]) == (2, code)
    assert swarms(shell) == 1
    assert not (shell.folder / "new.db").exists()
