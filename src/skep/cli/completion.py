"""`skep completion`: a script that lets a shell complete commands and options."""

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from skep.cli.app import build


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="The shell it is for.")],
) -> int:
    """Print the completion script for a shell."""
    sys.stdout.write(build().generate_completion(prog_name="skep", shell=shell))
    return 0
