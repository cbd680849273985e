"""When something is worth a look: fixed rules over the figures, the gravest first."""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Rule(Enum):
    """A rule's title and its condition; they stand in the order of their gravity."""

    OPEN_CREDENTIALS = (
        "Credentials in the open",
        "a match of high confidence outside tests, documentation and examples",
    )
    POSSIBLE_CREDENTIALS = ("Possible credentials", "a match of medium confidence")
    CREDENTIAL_FILES = (
        "Files named like credentials",
        "the name alone says that the file holds a key or password",
    )
    UNPINNED = ("Unpinned dependencies", "a declared dependency without any version constraint")
    UNLOCKED = (
        "Manifests without a lock",
        "open versions, and no lock file beside the manifest or above it",
    )
    UNREAD_MANIFESTS = ("Manifests that cannot be read", "the file is not what its name says")
    NO_TESTS = ("No tests", "code, but no file named like a test")
    HOT_SPOTS = (
        "Large and often changed",
        "of the files changed most, by 5 commits or more, one of the longest or most branching",
    )
    UNPARSED = ("Python that does not parse", "a Python file whose syntax could not be read")
    UNMENTIONED = (
        "Modules that no test mentions",
        "no test file contains the module's name as a word (a hint, not coverage)",
    )
    FEW_TESTS = ("Little test code", "fewer than 20 lines of tests for 100 lines of source")
    COMPLEX_FUNCTIONS = ("Complex functions", "a cyclomatic complexity over 10")
    LONG_FUNCTIONS = ("Long functions", "over 50 lines")
    LONG_FILES = ("Long files", "over 1,000 lines of code")
    NO_README = ("No README", "no text called README")
    DEAD_LINKS = ("Dead links", "a relative link whose target is not in the workspace")
    MARKED = ("Urgent markers", "a line with FIXME, XXX or HACK, in a comment or not")
    CROWDED = ("Debts that pile up", "10 or more marked lines in one file")
    UNREADABLE = ("Files left out", "unreadable, or beyond the limits of the tools")
    HEAVY_FILES = ("Heavy files", "1 MB or more")
    ONE_HEAD = (
        "Knowledge in one head",
        "over 80 % of at least 50 commits bear one author's address",
    )
    NO_LICENCE = (
        "No licence file",
        "no LICENSE, LICENCE or COPYING at the top, in `docs` or in `.github`",
    )

    @property
    def title(self) -> str:
        """What the rule finds."""
        return self.value[0]

    @property
    def condition(self) -> str:
        """When it does."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Remark:
    """What a rule found, in a sentence."""

    rule: Rule
    fact: str

    @property
    def text(self) -> str:
        """The remark with its rule, on one line."""
        return f"**{self.rule.title}.** {self.fact} *Rule: {self.rule.condition}.*"


_RANKS: Final = {f"**{rule.title}.** ": rank for rank, rule in enumerate(Rule)}


def rank_of(remark: str) -> int:
    """Tell how grave a written remark is, 0 the gravest; what no rule wrote comes last."""
    return next((rank for title, rank in _RANKS.items() if remark.startswith(title)), len(_RANKS))
