"""Credentials are found by place and never repeated."""

import json
from collections.abc import Callable
from itertools import repeat
from pathlib import Path

import pytest

from skep.agent.tools.secrets import secrets
from skep.agent.workspace import Workspace

Write = Callable[..., Path]

# Joined at run time, so that no scanner takes this file for a leak.
RANDOM = "q7Zt9Kw2Xp4Rv8Ns3Jd6Lf1Hb5Gy0CmAeT8u"
KEY_BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7"
HEADER = "-----BEGIN RSA " + "PRIVATE KEY-----"
CREDENTIALS = {
    "private-key": f"{HEADER}\n{KEY_BODY}\n",
    "aws-access-key": "AKIA" + "Q3EGRXK7VWZ2TBNM",
    "github-token": "ghp_" + RANDOM,
    "gitlab-token": "glpat-" + RANDOM[:20],
    "slack-token": "xoxb-" + RANDOM,
    "google-api-key": "AIza" + RANDOM[:35],
    "stripe-key": "sk_" + "live_" + RANDOM[:24],
    "anthropic-key": "sk-ant-" + RANDOM,
    "openai-key": "sk-" + RANDOM,
    "json-web-token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0." + RANDOM,
    "password-in-url": f"postgres://app:{RANDOM[:12]}@db.internal/app",
    "assigned-secret": f'db_password = "{RANDOM[:16]}"',
}


@pytest.mark.parametrize(("kind", "text"), CREDENTIALS.items())
def test_a_credential_is_found_and_masked(
    kind: str, text: str, write: Write, workspace: Workspace
) -> None:
    """Each kind is found with its line; its value stands nowhere in the result."""
    write("src/settings.py", f"\n{text}\n")

    found = secrets(workspace)

    assert [(row["kind"], row["path"], row["line"]) for row in found["findings"]] == [
        (kind, "src/settings.py", 2)
    ]
    assert found["findings"][0]["confidence"] in {"high", "medium"}
    assert RANDOM[:10] not in json.dumps(found)
    assert KEY_BODY[:10] not in json.dumps(found)


def test_of_a_password_not_one_character_is_shown(write: Write, workspace: Workspace) -> None:
    """A token's prefix names its issuer; a password's would give a part of it away."""
    write("src/settings.py", CREDENTIALS["assigned-secret"])

    assert secrets(workspace)["findings"][0]["masked"] == "**** (16 characters)"


@pytest.mark.parametrize(
    "text",
    [
        'password = "changeme"',
        'api_key = "<your-key-here>"',
        'token = "${TOKEN}"',
        "AKIA" + "IOSFODNN7EXAMPLE",
        "postgres://user:{password}@host/db",
        'secret = "xxxxxxxxxxxxxxxx"',
    ],
)
def test_a_placeholder_is_marked_as_one(text: str, write: Write, workspace: Workspace) -> None:
    """What is written to be replaced has low confidence and says why."""
    write("src/settings.py", text)

    found = secrets(workspace)

    assert [(row["confidence"], row["context"]) for row in found["findings"]] == [
        ("low", "placeholder")
    ]


def test_a_fixture_is_marked_as_one(write: Write, workspace: Workspace) -> None:
    """The same token counts less in a test than in the source, and comes after it."""
    write("a/tests/data.py", CREDENTIALS["github-token"])
    write("src/app.py", CREDENTIALS["github-token"])

    found = secrets(workspace)

    assert [(row["path"], row["confidence"], row["context"]) for row in found["findings"]] == [
        ("src/app.py", "high", "plain"),
        ("a/tests/data.py", "low", "test"),
    ]
    assert found["by_confidence"] == {"high": 1, "medium": 0, "low": 1}


def test_a_header_without_a_key_is_no_key(write: Write, workspace: Workspace) -> None:
    """Code that looks for the header of a private key holds none."""
    write("src/parse.py", f'if line == "{HEADER}":\n    read()\n')

    assert secrets(workspace)["by_confidence"] == {"high": 0, "medium": 0, "low": 1}


def test_settings_files_assign_without_quotes(write: Write, workspace: Workspace) -> None:
    """An .env file needs no quotes to leak, and its name alone is telling."""
    write(".env", f"API_TOKEN={RANDOM[:20]}\n")
    write(".env.example", "API_TOKEN=\n")

    found = secrets(workspace)

    assert [(row["path"], row["kind"]) for row in found["findings"]] == [
        (".env", "assigned-secret")
    ]
    assert found["telling_names"] == [".env"]


def test_ordinary_code_has_no_findings_to_act_on(write: Write, workspace: Workspace) -> None:
    """Code that handles passwords without holding one raises no alarm above low."""
    write("src/auth.py", 'password = os.getenv("PASSWORD")\ntoken: str = ""\nsecret = read()\n')
    write("src/a.css", ".token { color: #abcdef; }\n")

    found = secrets(workspace)

    assert found["by_confidence"]["high"] == found["by_confidence"]["medium"] == 0


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    [
        "password=",
        "://a:",
        "eyJaaaaaaaaaaaa.",
        "Proc-Type",
        "Proc-Type\n",
        "secret_",
        "A",
        " ",
        "\\n",
    ],
)
def test_no_file_makes_the_search_slow(piece: str, write: Write, workspace: Workspace) -> None:
    """A file made to mislead the patterns is searched in time that grows with its length."""
    start = f"{HEADER}\\n"
    write("a.ini", start + "".join(repeat(piece, 400_000 // len(piece))))
    write("b.ini", "".join(repeat(start + piece * 60, 300)))

    assert secrets(workspace)["scope"]["files"] == 2
