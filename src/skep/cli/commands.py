"""The table of commands: what each is called, what it is for, and examples of its use."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command; `target` is imported when the command is called."""

    name: str
    target: str
    help: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A command that has commands of its own."""

    name: str
    help: str
    commands: tuple[Command, ...]


FIRST: Final = (
    'skep run "Audit this repository"',
    "skep swarm list",
    "skep run --help",
)

WORK: Final = (
    Command(
        name="run",
        target="skep.cli.run:run",
        help="Plan an objective, work on it with a swarm of agents, and write a report.",
        examples=(
            'skep run "Audit this repository"',
            'skep run "Look for secrets and TODOs" --workspace src --out report.md',
            'echo "Describe the tests" | skep run --json',
            "skep run --plan plan.yaml --model anthropic:claude-sonnet-4-6 --timeout 10m",
            'skep run "Audit this repository" --detach --model offline',
        ),
    ),
    Command(
        name="resume",
        target="skep.cli.resume:resume",
        help="Go on with a swarm that was interrupted or left, exactly where it was.",
        examples=("skep resume last", "skep resume 1d2f9c3a --max-agents 4"),
    ),
    Command(
        name="tell",
        target="skep.cli.tell:tell",
        help="Have the agents of a live swarm hear a message at their next turn.",
        examples=(
            'skep tell last "Leave the generated files out"',
            'skep tell 1d2f9c3a "The figures are in cents" --task totals',
        ),
    ),
    Command(
        name="work",
        target="skep.cli.work:work",
        help="Take tasks from queues and work on them, until told to stop.",
        examples=(
            "skep work",
            "skep work --slots 4 --import agents --identity worker-1",
            "skep work --store redis://localhost:6379/0 --queues default,bulk --finish 30",
        ),
    ),
    Command(
        name="plan",
        target="skep.cli.plan:plan",
        help="Show the plan for an objective without running it.",
        examples=(
            'skep plan "Audit this repository"',
            'skep plan "Look for secrets" --json > plan.json',
            'skep plan "How are errors handled?" --model ollama:qwen3 --out plan.json',
        ),
    ),
)

SWARM: Final = (
    Command(
        name="list",
        target="skep.cli.swarms:list_swarms",
        help="List swarms, the newest first.",
        examples=("skep swarm list", "skep swarm list --status failed --limit 5 --json"),
    ),
    Command(
        name="show",
        target="skep.cli.swarms:show_swarm",
        help="Show how a swarm stands, its tasks, and what to do next.",
        examples=("skep swarm show last", "skep swarm show 1d2f9c3a --json"),
    ),
    Command(
        name="tasks",
        target="skep.cli.swarms:list_tasks",
        help="List the tasks of a swarm in the order of its plan.",
        examples=("skep swarm tasks last", "skep swarm tasks last --json"),
    ),
    Command(
        name="events",
        target="skep.cli.history:events",
        help="Print what happened in a swarm, event by event.",
        examples=("skep swarm events last", "skep swarm events last --follow --json"),
    ),
    Command(
        name="journal",
        target="skep.cli.history:journal",
        help="List the model and tool calls that a swarm's tasks have made.",
        examples=("skep swarm journal last", "skep swarm journal last synthesis"),
    ),
    Command(
        name="watch",
        target="skep.cli.history:watch",
        help="Watch a swarm at work, without touching it.",
        examples=("skep swarm watch last",),
    ),
    Command(
        name="artifacts",
        target="skep.cli.pieces:artifacts",
        help="List what a swarm's tasks left behind, print one piece, or write them to a folder.",
        examples=(
            "skep swarm artifacts last",
            "skep swarm artifacts last inventory/findings/inventory.json",
            "skep swarm artifacts last --out findings",
        ),
    ),
    Command(
        name="resume",
        target="skep.cli.resume:resume",
        help="Go on with a swarm, in the same way as `skep resume`.",
        examples=("skep swarm resume last",),
    ),
    Command(
        name="retry",
        target="skep.cli.resume:retry",
        help="Do tasks again, with all that follows them; by default those that did not succeed.",
        examples=("skep swarm retry last", "skep swarm retry last --task churn --task todos"),
    ),
    Command(
        name="pause",
        target="skep.cli.steer:pause",
        help="Grant no more tasks of a swarm, and hand back what runs.",
        examples=("skep swarm pause last",),
    ),
    Command(
        name="cancel",
        target="skep.cli.steer:cancel",
        help="End a swarm and every task of it that has not ended.",
        examples=("skep swarm cancel last",),
    ),
    Command(
        name="cap",
        target="skep.cli.steer:cap",
        help="Change how many tasks of a swarm may run at once, while it lives.",
        examples=("skep swarm cap last 2", "skep swarm cap 1d2f9c3a 64"),
    ),
    Command(
        name="snapshot",
        target="skep.cli.captures:snapshot",
        help="Write down how a whole swarm stands, to go on from there another time.",
        examples=(
            "skep swarm snapshot last",
            'skep swarm snapshot 1d2f9c3a --label "before the migration"',
            "skep swarm snapshot last --checkpoint --json",
        ),
    ),
    Command(
        name="snapshots",
        target="skep.cli.captures:snapshots",
        help="List the snapshots and checkpoints of a swarm, the newest first.",
        examples=("skep swarm snapshots last", "skep swarm snapshots 1d2f9c3a --json"),
    ),
    Command(
        name="restore",
        target="skep.cli.captures:restore",
        help="Begin a new swarm where a snapshot ends; the first one stays as it is.",
        examples=("skep swarm restore last 3", "skep swarm restore 1d2f9c3a checkpoint/2"),
    ),
    Command(
        name="recover",
        target="skep.cli.captures:recover",
        help="Rebuild a swarm that was left or has lost records, and let it go on.",
        examples=("skep swarm recover last", "skep swarm recover 1d2f9c3a --json"),
    ),
    Command(
        name="export",
        target="skep.cli.carrying:export",
        help="Write a whole swarm to one file (a report's pieces: skep swarm artifacts).",
        examples=(
            "skep swarm export last -o audit.skep",
            "skep swarm export last -o a.skep --json",
        ),
    ),
    Command(
        name="import",
        target="skep.cli.carrying:import_file",
        help="Make a swarm from a file that `skep swarm export` wrote.",
        examples=(
            "skep swarm import audit.skep",
            "skep swarm import audit.skep --new --store redis://localhost:6379/0",
        ),
    ),
)

BUDGET: Final = Command(
    name="budget",
    target="skep.cli.budget:budget",
    help="Raise the budget of a swarm, have it finish with what there is, or stop it.",
    examples=(
        "skep swarm budget last",
        "skep swarm budget last --raise 5",
        "skep swarm budget last --finish",
    ),
)

DEADLETTERS: Final = (
    Command(
        name="list",
        target="skep.cli.deadletters:list_letters",
        help="List the tasks that failed for good, the newest first.",
        examples=(
            "skep deadletters list",
            "skep deadletters list --swarm last --limit 5 --json",
        ),
    ),
    Command(
        name="replay",
        target="skep.cli.deadletters:replay",
        help="Do tasks that failed again, with all that follows them.",
        examples=(
            "skep deadletters replay 1d2f9c3a/churn 1d2f9c3a/todos",
            "skep deadletters replay --swarm last",
            "skep deadletters replay --all",
        ),
    ),
)

APPROVALS: Final = (
    Command(
        name="list",
        target="skep.cli.approvals:list_approvals",
        help="List what tasks ask and nobody has answered, the newest first.",
        examples=("skep approvals list", "skep approvals list --swarm last --all --json"),
    ),
    Command(
        name="approve",
        target="skep.cli.approvals:approve",
        help="Let a task do what it asks for; it goes on at once.",
        examples=(
            "skep approvals approve 3fa8c1d2",
            'skep approvals approve 3fa8c1d2 --reason "Seen and checked" --by ann',
        ),
    ),
    Command(
        name="deny",
        target="skep.cli.approvals:deny",
        help="Have a task go on without what it asks for.",
        examples=('skep approvals deny 3fa8c1d2 --reason "Too dear"',),
    ),
    Command(
        name="show",
        target="skep.cli.approvals:show_approval",
        help="Show what exactly is asked, and what was decided of it.",
        examples=("skep approvals show 3fa8c1d2", "skep approvals show 3fa8c1d2 --json"),
    ),
)

MESSAGES: Final = (
    Command(
        name="send",
        target="skep.cli.messages:send",
        help="Send a message to a swarm, or to one agent in it.",
        examples=(
            'skep message send last "The budget is raised"',
            "skep message send 1d2f9c3a/scout '{\"page\": 7}' --type task_assignment",
        ),
    ),
    Command(
        name="tail",
        target="skep.cli.messages:tail",
        help="Show the last messages to a swarm, and those that come.",
        examples=("skep message tail last --follow", "skep message tail 1d2f9c3a --json"),
    ),
    Command(
        name="inbox",
        target="skep.cli.messages:inbox",
        help="Show the messages that wait or are dead, and deliver the dead ones again.",
        examples=("skep message inbox last", "skep message inbox last --replay"),
    ),
)

FLEET: Final = (
    Command(
        name="status",
        target="skep.cli.fleet_status:status",
        help="Show how many swarms there are and where they stand, and who works on them.",
        examples=("skep fleet status", "skep fleet status --json"),
    ),
    Command(
        name="nodes",
        target="skep.cli.nodes:nodes",
        help="Show the processes of the fleet, and how many swarms each one hosts.",
        examples=("skep fleet nodes", "skep fleet nodes --json"),
    ),
    Command(
        name="leader",
        target="skep.cli.fleet:leader",
        help="Show which process leads, in which term, and how its duties went.",
        examples=("skep fleet leader", "skep fleet leader --json"),
    ),
    Command(
        name="resources",
        target="skep.cli.pools:resources",
        help="Show the pools that swarms share, and who holds parts of them.",
        examples=("skep fleet resources", "skep fleet resources --holders"),
    ),
    Command(
        name="declare",
        target="skep.cli.pools:declare",
        help="Declare a pool of what there is only so much of, or change one.",
        examples=("skep fleet declare cpu 800", "skep fleet declare gpu 2 --unit cards --alone"),
    ),
    Command(
        name="conflicts",
        target="skep.cli.conflicts:conflicts",
        help="Show disputes between swarms, open or all.",
        examples=("skep fleet conflicts", "skep fleet conflicts --all --json"),
    ),
    Command(
        name="settle",
        target="skep.cli.conflicts:settle",
        help="Settle a dispute by its rule, and say who won and why.",
        examples=("skep fleet settle gpu-of-monday",),
    ),
)

AGENTS: Final = (
    Command(
        name="list",
        target="skep.cli.agents:list_agents",
        help="List the agents: built in, and the project's own.",
        examples=("skep agents list", "skep agents list --json"),
    ),
    Command(
        name="show",
        target="skep.cli.agents:show_agent",
        help="Show what an agent is for, what it may use, and its instructions.",
        examples=("skep agents show cartographer",),
    ),
)

STORE: Final = (
    Command(
        name="backup",
        target="skep.cli.keeping:backup",
        help="Copy the whole store to a file while everybody works on.",
        examples=(
            "skep store backup monday.skep",
            "skep store backup /backups/skep.zip --store redis://localhost:6379/0 --json",
        ),
    ),
    Command(
        name="restore",
        target="skep.cli.keeping:restore",
        help="Make a store from a backup; tokens and cursors of before are refused from then on.",
        examples=(
            "skep store restore monday.skep --store sqlite:///other.db",
            "skep store restore monday.skep --force",
        ),
    ),
)

TOOLS: Final = (
    Command(
        name="cost",
        target="skep.cli.cost:cost",
        help="Show what a swarm's model requests came to, by task, agent and model.",
        examples=("skep cost", "skep cost 1d2f9c3a --json"),
    ),
    Command(
        name="gates",
        target="skep.cli.gates:gates",
        help="Show what providers let through, and until when they are left alone.",
        examples=("skep gates", "skep gates --json", "skep gates --reopen anthropic"),
    ),
    Command(
        name="gc",
        target="skep.cli.gc:gc",
        help="Forget swarms that ended long ago, and give back the room they took.",
        examples=("skep gc --dry-run", "skep gc --older-than 30d", "skep gc --json"),
    ),
    Command(
        name="doctor",
        target="skep.cli.doctor:doctor",
        help="Check what Skep needs here and in its store, and say how to mend it.",
        examples=("skep doctor", "skep doctor --store redis://localhost:6379/0 --json"),
    ),
    Command(
        name="completion",
        target="skep.cli.completion:completion",
        help="Print a script that lets your shell complete commands and options.",
        examples=(
            "skep completion bash > ~/.local/share/bash-completion/completions/skep",
            "skep completion zsh > ~/.zfunc/_skep",
            "skep completion fish > ~/.config/fish/completions/skep.fish",
        ),
    ),
)

FAMILIES: Final = (
    Family(name="swarm", help="Look at swarms, and steer them.", commands=(*SWARM, BUDGET)),
    Family(
        name="deadletters",
        help="See which tasks failed for good, and do them again.",
        commands=DEADLETTERS,
    ),
    Family(name="approvals", help="Answer what tasks ask people.", commands=APPROVALS),
    Family(name="message", help="Send messages to swarms, and see them.", commands=MESSAGES),
    Family(name="fleet", help="See how the processes of a store work together.", commands=FLEET),
    Family(name="store", help="Back the store up, and restore it.", commands=STORE),
    Family(name="agents", help="See which agents a plan can name.", commands=AGENTS),
)
