#!/usr/bin/env python3
"""Write the pages of docs/reference from the code.

With `--check` nothing is written: the pages that differ from the code are named, and the status
is 1 when there are any.
"""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, cast

from cyclopts import App
from rich.text import Text

import skep
from skep.agent.catalog import read_catalog
from skep.agent.models import BASE_URLS, KEYS, PROVIDERS
from skep.agent.toolbox import shapes
from skep.agent.tools.shelf import SHELF
from skep.cli.app import build
from skep.cli.failures import FAILED, INTERRUPTED, OUT_OF_BUDGET, USAGE
from skep.ports.web import ANSWER_TOKENS_MAX, BETWEEN_BYTES_S, FIRST_BYTE_S
from skep.records import limits
from skep.records.codec import spec_json
from skep.records.errors import SkepError
from skep.records.event import EVENT_KINDS, Remark
from skep.records.ids import TaskKey
from skep.records.swarm import SWARM_MOVES, SwarmMove
from skep.records.task import (
    PRIORITY_NAMES,
    TASK_MOVES,
    AgentKind,
    RetryPolicy,
    TaskMove,
    TaskSpec,
)
from skep.records.values import Json
from skep.settings import (
    APPROVE_VARIABLE,
    BETWEEN_BYTES_VARIABLE,
    FIRST_BYTE_VARIABLE,
    HEARTBEAT_S,
    HEARTBEAT_VARIABLE,
    LEADER_LEASE_VARIABLE,
    LIMITS_VARIABLE,
    MAX_TOKENS_VARIABLE,
    MODEL_VARIABLE,
    PRICES_VARIABLE,
    RETENTION_VARIABLE,
    STORE_VARIABLE,
    STREAM_VARIABLE,
    SWARMS_VARIABLE,
    TIER_VARIABLES,
)

REPO: Final = Path(__file__).parents[1]
FOLDER: Final = REPO / "docs" / "reference"
MADE: Final = "*Made from the code by `make docs`; not edited by hand.*"

UNTOLD: Final = re.compile(r"\.(testing|__main__)\b")
"""Modules without a page: what tests and the interpreter use."""

LIMIT: Final = re.compile(r"[A-Z_]+_(MAX|S|TRIES)")
"""How the name of a limit or of a length of time ends."""

EVENTS: Final[Mapping[str, tuple[str, str]]] = {
    TaskMove.RELEASE: ("", "What the task waits for is met; it is queued."),
    TaskMove.POSTPONE: ("wake_at", "The same, but the task has a delay and sleeps until then."),
    TaskMove.CLAIM: ("worker, attempt", "A worker took it under a fresh lease."),
    TaskMove.SUCCEED: ("value_sha256, artifacts", "It is done."),
    TaskMove.FAIL: ("class, code, reason", "It failed for good."),
    TaskMove.RETRY: ("class, code, reason, wake_at", "The attempt failed; it rests until then."),
    TaskMove.SNOOZE: ("reason, wake_at", "It waits for a quota; no failure."),
    TaskMove.BLOCK: (
        "reason, awaits",
        "It waits for a person: for decisions of the approvals in `awaits`, else for a retry.",
    ),
    TaskMove.HAND_BACK: ("reason", "Its worker gave it back unfinished; no failure."),
    TaskMove.LOSE: ("reason, failures", "Its lease was lost; it is ready again."),
    TaskMove.GIVE_UP: ("reason, failures", "Its lease was lost once too often."),
    TaskMove.WAKE: ("", "Its sleep is over, or what it awaits is decided; it is ready."),
    TaskMove.CANCEL: ("reason", "It will not be done."),
    TaskMove.REOPEN: ("run", "A retry; this run begins."),
    SwarmMove.START: ("tasks", "The swarm was stored with its whole plan."),
    SwarmMove.EXTEND: (
        "tasks, by, placed",
        "Tasks were added; `by` is who spawned them, or null, `placed` why one was placed here.",
    ),
    SwarmMove.SEAL: ("reason", "The plan takes no more tasks from outside."),
    SwarmMove.PAUSE: ("reason", "No more tasks are granted."),
    SwarmMove.INTERRUPT: ("reason", "The swarm was left unfinished."),
    SwarmMove.RECOVER: ("reason", "It was taken from all who work on it, to be rebuilt."),
    SwarmMove.REINSTATE: (
        "source, seq, written, dropped",
        "It was rebuilt: `written` records were made anew, the tasks in `dropped` are gone.",
    ),
    Remark.REINSTATED: (
        "status, run, attempt, failures",
        "Its record was made anew, and stands so.",
    ),
    Remark.RESTORED: (
        "of, capture, seq",
        "This swarm was made from a capture or an export of `of`, whose log it begins with.",
    ),
    SwarmMove.RESUME: ("reason", "The swarm goes on; failures are forgiven."),
    SwarmMove.COMPLETE: ("reason", "Its last task has ended, and its last tasks succeeded."),
    SwarmMove.FAIL: ("reason", "Its last task has ended, and a last task did not succeed."),
    SwarmMove.CANCEL: ("reason", "A person cancelled it, or its time was over."),
    SwarmMove.REOPEN: ("tasks, reason", "A retry; these tasks begin their next run."),
    SwarmMove.CAP: (
        "max_agents, was, reason",
        "How many of its tasks may run at once was changed.",
    ),
    SwarmMove.RAISE: ("budget, reason", "The limits of its purse were changed."),
    SwarmMove.CUT_SHORT: ("reason", "It finishes with what there is: only its last tasks run."),
    SwarmMove.TELL: (
        "number, text, by, task",
        "A person told it something; `task` is the one that is to hear it, or null for all.",
    ),
    Remark.STEP_RECORDED: (
        "key, effect, calls, usage, payee",
        "The result of a step stands in the journal; the last two where it was told what it took.",
    ),
    Remark.STEP_LAPSED: ("key, spent, payee", "A call that ended without an answer was charged."),
    Remark.PURSE_LOST: (
        "keys, spent",
        "What these calls had reserved counts as spent: nobody can say whether they were made.",
    ),
    Remark.PURSE_OVERRUN: (
        "key, reserved, spent",
        "A call took more than it had reserved; no other is let out until the budget is raised.",
    ),
    Remark.PURSE_EMPTY: (
        "key, asked, spent, budget",
        "A call does not fit, and none is under way: the swarm is paused.",
    ),
    Remark.RESOURCE_ALLOCATED: (
        "id, pool, amount",
        "The swarm, or the task, holds a part of a pool.",
    ),
    Remark.RESOURCE_RELEASED: ("id, pool, amount, reason", "That part was given back, and why."),
    Remark.STEP_UNKNOWN: ("key", "A step of class `once` may have been carried out; nobody knows."),
    Remark.APPROVAL_ASKED: (
        "approval, key, question, expires_at",
        "The task asks a person; `expires_at` is null when the question does not expire.",
    ),
    Remark.APPROVAL_DECIDED: (
        "approval, key, verdict, by, reason",
        "A person decided, or nobody did in time (`expired`).",
    ),
    Remark.PROGRESS: ("text, fraction", "What the agent said; `fraction` only when it gave one."),
    Remark.LATE_RESULT: ("as of the outcome", "A result that came after the task was cancelled."),
}
"""Of each kind of event: what its data carries, and what it says."""

SAMPLE_FOLDER: Final = "/home/me/shop"
SAMPLE_ID: Final = "01a1f869-1ee2-7248-aece-172aaf662809"
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

SETTINGS: Final = (
    (
        STORE_VARIABLE,
        "`--store`",
        "`sqlite:///.skep/skep.db`",
        "Where swarms are kept: `sqlite:///PATH`, or `memory:`, which ends with the process.",
    ),
    (
        MODEL_VARIABLE,
        "`--model`",
        "`offline`",
        "The model, as `provider:name`, or `offline`; or a chain of them, parted by commas.",
    ),
    *(
        (variable, "", f"`{MODEL_VARIABLE}`", f"The model, or chain, of roles of tier `{tier}`.")
        for tier, variable in TIER_VARIABLES.items()
    ),
    (
        FIRST_BYTE_VARIABLE,
        "",
        f"`{FIRST_BYTE_S:g}`",
        "Seconds that a provider may take to the first byte of its answer.",
    ),
    (
        BETWEEN_BYTES_VARIABLE,
        "",
        f"`{BETWEEN_BYTES_S:g}`",
        "Seconds that an answer under way may pause.",
    ),
    (MAX_TOKENS_VARIABLE, "", f"`{ANSWER_TOKENS_MAX}`", "Tokens of one answer."),
    (
        PRICES_VARIABLE,
        "",
        "",
        "Prices of models, `MODEL=ASKED/ANSWERED` in dollars per million tokens, with commas.",
    ),
    (
        LIMITS_VARIABLE,
        "",
        "",
        (
            "What providers and models let through: `anthropic: rpm=50, tpm=40000, at_once=8;"
            " openai:gpt-5: rpm=500`; `rps`, `tps` by the second, `requests=100/10s` by any time."
        ),
    ),
    (STREAM_VARIABLE, "", "`on`", "`off`: ask for answers whole, for servers that cannot stream."),
    ("HTTPS_PROXY", "", "", "The proxy to providers; `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY` too."),
    ("SSL_CERT_FILE", "", "", "Whom to trust at providers, in PEM; `SSL_CERT_DIR` too."),
    (
        RETENTION_VARIABLE,
        "",
        "",
        "How long workers keep swarms that have ended: `30d`, `12h`. Unset: for ever.",
    ),
    (SWARMS_VARIABLE, "", f"`{limits.SWARMS_LIVE_MAX}`", "How many swarms may live at once."),
    (
        LEADER_LEASE_VARIABLE,
        "",
        "",
        "How long a leader leads after it last told the store. Unset: `30s`.",
    ),
    (
        HEARTBEAT_VARIABLE,
        "",
        f"`{HEARTBEAT_S:g}s`",
        "How often a process says that it is there; lost after three times as long.",
    ),
    (
        APPROVE_VARIABLE,
        "",
        "",
        "Tools whose calls a person has to approve, with commas between them, for all roles.",
    ),
    ("SKEP_DEBUG", "", "", "Any value: show where in the code an unexpected error came from."),
    ("NO_COLOR", "", "", "Any value: no colours (no-color.org)."),
)
"""Variables that Skep reads: name, flag that goes before it, default, meaning."""


def main(arguments: list[str]) -> int:
    """Write every page, or name those that are out of date."""
    wanted = {FOLDER / f"{name}.md": page() for name, page in PAGES.items()}
    if "--check" in arguments:
        stale = [str(path) for path, text in wanted.items() if _present(path) != text]
        stale += [str(path) for path in FOLDER.iterdir() if path not in wanted]
        print("\n".join(stale), end="\n" if stale else "")
        return int(bool(stale))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in wanted.items():
        path.write_text(text)
    return 0


def index() -> str:
    """List the pages."""
    rows = [f"- [{_title(page)}]({name}.md)" for name, page in PAGES.items() if name != "index"]
    return _page("Reference", "What there is, exactly.", *_block(rows))


def errors() -> str:
    """List every error that Skep defines, as a tree."""
    _import_everything()
    rows = [
        (
            f"{'· ' * depth}`{error.__name__}`",
            f"`{error.code}`",
            str(error.http_status),
            str(error.rpc_code),
            _first_line(error),
        )
        for depth, error in _errors(SkepError, 0)
    ]
    return _page(
        "Errors",
        "Each error has a stable `code`, a message, and often a `hint` that says what to do. The"
        " command line prints both; with `--json` it writes them as"
        ' `{"error": {"code", "message", "hint"}}`. The HTTP status (RFC 9457) and the JSON-RPC'
        " code are fixed for the interfaces to come. A dot stands for each step down the tree.",
        *_table(("class", "code", "HTTP", "RPC", "meaning"), rows),
        "A task that failed says why in its `reason`; the `code` of its failure is one of these, or"
        " the class name of whatever else its agent raised.",
    )


def events() -> str:
    """List the kinds of events, the moves they tell of, and what they carry."""
    missing = EVENT_KINDS ^ set(map(str, EVENTS))
    assert not missing, f"the table of events is out of date: {sorted(missing)}"
    rows = [
        (f"`{kind}`", _arrows(kind), _codes(carries), means)
        for kind, (carries, means) in EVENTS.items()
    ]
    return _page(
        "Events",
        "Every change of state appends one event to the log of its swarm, in the same atomic"
        " operation. An event has `swarm`, `seq` (dense from 1 in its swarm), `kind`, `at` (seconds"
        " since 1970), `task` (null when it speaks of the swarm) and `data`.",
        *_table(("kind", "move", "data", "meaning"), rows),
        "A move from `waiting` to `cancelled` and one from `running` to `cancelled` are told alike;"
        " [the lifecycle](../lifecycle.md) has the diagrams.",
    )


def bounds() -> str:
    """List every named limit, with the sentence that stands below it in the code."""
    engine = list(_constants(Path(inspect.getfile(limits))))
    parts = [
        (name, value, means, f"`{_module(path)}`")
        for path in sorted((REPO / "src" / "skep").rglob("*.py"))
        if path != Path(inspect.getfile(limits)) and not UNTOLD.search(_module(path))
        for name, value, means in _constants(path)
    ]
    return _page(
        "Limits",
        "Everything has a bound, and the bound has a name. What is too large is refused with the"
        " error `limit_exceeded`, which says the name, what is allowed and what was asked; nothing"
        " is dropped in silence. Where the bound is on what one call does (`CLAIM_MAX`,"
        " `SETTLE_EDGES_MAX`, `EVENTS_PAGE_MAX`), the next call does the rest.",
        "## Of the engine",
        *_table(("limit", "value", "of what"), engine),
        "## Of single parts, and their times",
        *_table(("limit", "value", "of what", "module"), parts),
    )


def settings() -> str:
    """List the variables and files that Skep reads."""
    rows = [(f"`{name}`", flag, default, means) for name, flag, default, means in SETTINGS]
    providers = [
        (f"`{name}:NAME`", f"`skep[{extra}]`", f"`{KEYS[name]}`", f"`{BASE_URLS[name][0]}`")
        for name, (_, extra, _) in PROVIDERS.items()
    ]
    return _page(
        "Settings",
        "A flag goes before the environment, the environment before the default. There is no"
        " settings file yet. Skep sends no telemetry anywhere, so there is nothing to switch off.",
        *_table(("variable", "flag", "default", "meaning"), rows),
        "## Language models",
        "A provider needs its extra installed, and its key or the base URL of a server that needs"
        " none. No model is ever guessed from a key: without a name the offline model works.",
        *_table(("name", "extra", "key", "base URL"), providers),
        "## The state folder",
        "`.skep/` in the folder that Skep was started in, with a `.gitignore` of `*`:",
        *_table(
            ("path", "what it is"),
            [
                ("`skep.db`", "the store: swarms, tasks, journals, events, blobs"),
                ("`skep.db.bak-ID`", "what stood there before a restore replaced it"),
                ("`skep.db.vN.bak`", "a copy of it from before its schema was changed"),
                (
                    "`skep.db.locks/`",
                    "one lock for each identity that a live process works under; beside the file",
                ),
                ("`swarms/ID/report.md`", "the report of a swarm"),
                ("`swarms/ID/artifacts/`", "its artefacts, as `task/name`"),
                ("`agents/*.md`", "your own roles"),
            ],
        ),
    )


def roles() -> str:
    """List the built-in roles."""
    rows = [
        (
            f"`{role.name}`",
            role.description,
            _codes(", ".join(role.tools)),
            _codes(", ".join(role.capabilities)),
            f"`{role.tier}`",
        )
        for role in sorted(read_catalog().roles.values(), key=lambda role: role.name)
    ]
    return _page(
        "Roles",
        "The agents that come with Skep, each a Markdown file. A file of your own with the same"
        " name takes its place: see [how to write one](../howto/own-role.md).",
        *_table(("role", "what it does", "tools", "capabilities", "tier"), rows),
    )


def tools() -> str:
    """List the tools that roles may use."""
    rows = [
        (
            f"`{tool.name}`",
            "analysis" if tool.is_analysis else "look-up",
            tool.summary,
            _arguments(shapes([tool.name])[tool.name].schema),
        )
        for tool in SHELF.values()
    ]
    return _page(
        "Tools",
        "What an LLM agent may call, when its role names it. Every tool reads the swarm's workspace"
        " and nothing outside it, changes nothing, and gives the same result for the same workspace"
        " (effect class `pure`). The result of an analysis is kept as the artefact"
        " `findings/NAME.json`.",
        *_table(("tool", "sort", "what it does", "arguments"), rows),
    )


def plan_file() -> str:
    """Describe the fields of a plan file."""
    kinds = ", ".join(f"{name} {value}" for name, value in PRIORITY_NAMES.items())
    return _page(
        "Plan file",
        "A plan is YAML or JSON: an `objective` (a text, which may be left out when it is said on"
        " the command line) and `tasks`, a list of mappings. A field that is not in this table is"
        " refused, so that a misspelt one does not fail in silence. No worker takes tasks of kind"
        " `command` yet, and those of kind `function` belong to a program that defines the agent.",
        *_table(("field", "type", "default"), list(_keys(_SPEC, TaskSpec))),
        *_paragraphs(TaskSpec),
        f"Priorities go from 0 to {limits.PRIORITY_MAX}: {kinds}.",
        "## `retry`",
        *_table(("field", "type", "default"), list(_keys(_SPEC["retry"], RetryPolicy))),
        *_paragraphs(RetryPolicy),
        "## All of it",
        "A task with every default written out:",
        *_block(["```json", json.dumps(_SPEC, indent=2), "```"]),
    )


def command_line() -> str:
    """Describe the commands, with their options and examples."""
    app = build()
    text = app.generate_docs(output_format="markdown", recursive=True, heading_level=1)
    text = re.sub(r"## Table of Contents\n.*?(?=\n## |\Z)", "", text, flags=re.DOTALL)
    sections = [part.strip() for part in re.split(r"^(?=##+ )", text, flags=re.MULTILINE)[1:]]
    return _page(
        "Command line",
        "Every command says the same with `--help`. Results go to stdout; progress, when stdout is"
        " not a terminal, is plain lines, and errors go to stderr. With `--json` stdout holds one"
        " JSON document and nothing else.",
        *_table(
            ("exit code", "meaning"),
            [
                ("0", "done"),
                (str(FAILED), "failed"),
                (str(USAGE), "the command or its input makes no sense"),
                (str(OUT_OF_BUDGET), "stopped at its budget: raise it, finish, or stop"),
                (str(INTERRUPTED), "interrupted"),
            ],
        ),
        *(_command(app, section) for section in sections),
    )


def run_json() -> str:
    """Show the document that `skep run --json` writes."""
    return _page(
        "The document of `skep run --json`",
        "One JSON object on stdout, when the swarm rests; `skep resume --json` writes the same."
        " Times are seconds, sizes bytes. `reason` is empty for a completed swarm.",
        *_block(["```json", json.dumps(_answer("List the TODOs"), indent=2), "```"]),
        "A swarm that did not complete has an `error` as well. Where no swarm came about, for the"
        " input was refused or a key is missing, the document has nothing else:",
        *_block(["```json", json.dumps(_answer("Bake a cake"), indent=2), "```"]),
    )


def library() -> str:
    """Describe the public names of the library."""
    parts: list[str] = []
    for name in sorted(skep.__all__, key=str.lower):
        parts += [f"## `skep.{name}`", *_described(name, getattr(skep, name))]
    return _page(
        "Python library",
        "`import skep` gives these names. Other modules may change without notice. Version"
        f" {skep.__version__}.",
        *parts,
    )


# --- what the code says --------------------------------------------------------------------------


def _import_everything() -> None:
    for module in pkgutil.walk_packages(skep.__path__, "skep."):
        if not UNTOLD.search(module.name):
            importlib.import_module(module.name)


def _errors(error: type[SkepError], depth: int) -> Iterator[tuple[int, type[SkepError]]]:
    yield depth, error
    for child in sorted(error.__subclasses__(), key=_place):
        if child.__module__.startswith("skep."):
            yield from _errors(child, depth + 1)


def _place(error: type) -> tuple[bool, str, int]:
    """Order errors as their module does, those of the tree's own module first."""
    line = inspect.getsourcelines(error)[1]
    return error.__module__ != SkepError.__module__, error.__module__, line


def _arrows(kind: str) -> str:
    arrows = [
        f"{status} → {target}"
        for table in (TASK_MOVES, SWARM_MOVES)
        for status, exits in cast("Mapping[str, Mapping[str, str]]", table).items()
        for move, target in exits.items()
        if move == kind
    ]
    return "<br>".join(arrows) or "none"


def _constants(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the limits of a module: numbers by name, with the sentence that stands below them."""
    body = ast.parse(path.read_text()).body
    for node, below in pairwise(body):
        name, sentence = _assigned(node), _sentence(below)
        if LIMIT.fullmatch(name) and sentence:
            value: object = getattr(importlib.import_module(_module(path)), name)
            yield f"`{name.lstrip('_')}`", f"{value:,}", sentence


def _assigned(node: ast.stmt) -> str:
    return ast.unparse(node.target) if isinstance(node, ast.AnnAssign) else _targets(node)


def _targets(node: ast.stmt) -> str:
    return ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else ""


def _sentence(node: ast.stmt) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return " ".join(str(node.value.value).split())
    return ""


def _module(path: Path) -> str:
    return ".".join(path.relative_to(REPO / "src").with_suffix("").parts)


def _arguments(schema: Mapping[str, Json]) -> str:
    properties = cast("Mapping[str, Mapping[str, Json]]", schema.get("properties", {}))
    required = cast("Sequence[str]", schema.get("required", ()))
    shown = [name if name in required else f"{name}?" for name in properties]
    return _codes(", ".join(shown)) or "none"


def _fields(record: type) -> Iterator[tuple[str, str, str]]:
    assert is_dataclass(record)
    lines = {name: (kind, default) for name, kind, default in _source_fields(record)}
    for field in fields(record):
        kind, default = lines[field.name]
        yield f"`{field.name}`", f"`{kind}`", f"`{default}`" if default else "required"


def _keys(written: Json, record: type) -> Iterator[tuple[str, str, str]]:
    """Yield the fields of a record as a plan file has them, with defaults as JSON."""
    defaults = cast("Mapping[str, Json]", written)
    for name, kind, default in _fields(record):
        value = json.dumps(defaults[name.strip("`")])
        shown = default if default == "required" else f"`{value}`"
        yield name, _PLAIN_TYPES[kind.strip("`")], shown


def _source_fields(record: type) -> Iterator[tuple[str, str, str]]:
    """Read name, type and default of each field as they stand in the source."""
    for node in _class(record).body:
        if isinstance(node, ast.AnnAssign):
            default = ast.unparse(node.value) if node.value else ""
            yield ast.unparse(node.target), ast.unparse(node.annotation), default


def _class(record: type) -> ast.ClassDef:
    node = ast.parse(textwrap.dedent(inspect.getsource(record))).body[0]
    assert isinstance(node, ast.ClassDef)
    return node


def _described(name: str, thing: object) -> Iterator[str]:
    if isinstance(thing, type):
        yield from _class_described(thing)
    elif callable(thing) and not hasattr(thing, "__supertype__"):
        yield from _block(["```text", _signature(thing, name=name), "```"])
        yield from _paragraphs(thing)
    else:
        yield f"A `{getattr(thing, '__supertype__', str).__name__}` with a meaning of its own."


def _class_described(thing: type[object]) -> Iterator[str]:
    yield from _paragraphs(thing)
    if issubclass(thing, StrEnum):
        yield f"Values: {', '.join(f'`{value}`' for value in thing)}."
        return
    if "__dataclass_fields__" in vars(thing):
        yield from _table(("field", "type", "default"), list(_fields(thing)))
    for name, member in vars(thing).items():
        function = member.fget if isinstance(member, property) else member
        if not name.startswith("_") and inspect.isfunction(function):
            yield f"### `{name}`"
            yield from _block(["```text", _signature(function, name=name), "```"])
            yield from _paragraphs(member)


def _signature(function: Callable[..., object], *, name: str) -> str:
    """Write a function's head as a caller would use it."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    decorators = " ".join(ast.unparse(each) for each in node.decorator_list)
    result = ast.unparse(node.returns) if node.returns else "None"
    if decorators == "property":
        return f"{name}: {result}"
    word = "async def " if isinstance(node, ast.AsyncFunctionDef) else "def "
    if "contextmanager" in decorators:
        word = "async with skep."
        result = re.sub(r"\w+\[(\w+)\]", r"\1", result)
    arguments = re.sub(r"^self(, )?", "", ast.unparse(node.args))
    return f"{word}{name}({arguments}) -> {result}"


def _paragraphs(thing: object) -> Iterator[str]:
    yield from (inspect.getdoc(thing) or "").split("\n\n")


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _command(app: App, section: str) -> str:
    """Give a command's section its usage as plain text, and the examples of its help."""
    heading = section.partition("\n")[0]
    epilogue = _app_of(app, heading.split()[2:]).help_epilogue or ""
    examples = Text.from_markup(epilogue).plain.splitlines()[1:]
    section = re.sub(r"\*\*(Arguments|Parameters)\*\*:\n\n", "", section)
    section = re.sub(r"\n{3,}", "\n\n", section.replace("```console", "```text"))
    if not examples:
        return section
    return "\n".join((section, "", "```text", *map(str.strip, examples), "```"))


def _app_of(app: App, names: Sequence[str]) -> App:
    for name in names:
        app = app[name]
    return app


def _answer(*arguments: str) -> Json:
    """Run `skep run --json` in a small folder; what differs from run to run is made the same."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "menu.py").write_text("# TODO: more drinks\n")
        command = [sys.executable, "-m", "skep", "run", *arguments, "--json"]
        quiet = {"PATH": "", "SKEP_STORE": "", "SKEP_MODEL": "", "PYTHONPATH": str(REPO / "src")}
        ran = subprocess.run(
            command, cwd=folder, env=quiet, capture_output=True, text=True, check=False
        )
        text = ran.stdout.replace(str(Path(folder).resolve()), SAMPLE_FOLDER)
    text = re.sub(r'"elapsed_s": [\d.]+', '"elapsed_s": 0.21', text)
    value: Json = json.loads(_ID.sub(SAMPLE_ID, text))
    return value


# --- Markdown ------------------------------------------------------------------------------------


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", MADE, *parts)) + "\n"


def _title(page: Callable[[], str]) -> str:
    return page().partition("\n")[0].removeprefix("# ")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]
    return ["\n".join(lines)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _block(lines: Sequence[str]) -> list[str]:
    return ["\n".join(lines)]


def _codes(names: str) -> str:
    return ", ".join(f"`{name}`" if " " not in name else name for name in names.split(", ") if name)


def _present(path: Path) -> str:
    return path.read_text() if path.exists() else ""


_SPEC: Final = spec_json(TaskSpec(key=TaskKey("a"), agent="cartographer"))
_PLAIN_TYPES: Final = {
    "TaskKey": "name",
    "str": "text",
    "AgentKind": f"one of {', '.join(f'`{kind}`' for kind in AgentKind)}",
    "Json": "anything",
    "tuple[TaskKey, ...]": "list of keys",
    "bool": "true or false",
    "int": "whole number",
    "float": "number",
    "frozenset[str]": "list of names",
    "RetryPolicy": "mapping, see below",
}
"""What the types of a specification are called in a file."""

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "index": index,
    "errors": errors,
    "events": events,
    "limits": bounds,
    "settings": settings,
    "roles": roles,
    "tools": tools,
    "plan-file": plan_file,
    "command-line": command_line,
    "run-json": run_json,
    "python": library,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
