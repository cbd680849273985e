"""Options that several commands share, and how their values are read."""

import getpass
import os
import re
from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import Group, Parameter

from skep.hive.planner import Planner
from skep.records.errors import InvalidInput

EVERYWHERE: Final = Group("Common options", sort_key=8)

StoreUrl = Annotated[
    str | None,
    Parameter(
        group=EVERYWHERE,
        metavar="URL",
        help="Where swarms are kept: sqlite:///PATH or redis://HOST:PORT/DB."
        " Default: .skep/skep.db.",
    ),
]
AsJson = Annotated[
    bool, Parameter(name="--json", group=EVERYWHERE, help="Write one JSON document to stdout.")
]
SwarmName = Annotated[
    str, Parameter(help="A swarm's id, the beginning or end of it, or `last` for the newest.")
]

NAME: Final = re.compile(r"[\w.-]{1,64}")
"""What a queue or a worker may be called."""


PlannerName = Annotated[
    Planner | None,
    Parameter(
        name="--planner",
        help="Who drafts the plan: the language model, or a template."
        " Default: the model, where it is a language model.",
    ),
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Common:
    """What every command about swarms takes."""

    store: StoreUrl = None
    json: AsJson = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Working(Common):
    """What every command that works on a swarm takes."""

    out: Annotated[
        str | None,
        Parameter(
            metavar="FILE", help="Write the report here. Default: .skep/swarms/ID/report.md."
        ),
    ] = None
    max_agents: Annotated[
        int | None, Parameter(metavar="N", help="How many agents may work at once. Default: 8.")
    ] = None


COMMON: Final = Common()
WORKING: Final = Working()


def parted(text: str) -> frozenset[str]:
    """Read names that commas part.

    >>> sorted(parted("eu, gpu,"))
    ['eu', 'gpu']
    """
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def login_name() -> str:
    """Name who is at the keyboard."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"  # a container's user without a name


def agents_at_once(asked: int | None, default: int) -> int:
    """Read how many agents may work at once. Raises `InvalidInput`."""
    if asked is not None and asked < 1:
        raise InvalidInput(
            "At least one agent must be allowed to work.", hint="Say --max-agents 4."
        )
    return asked or default
