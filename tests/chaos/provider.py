"""The loopback provider: answers like a model would, and writes down who asked what and when.

python -m tests.chaos.provider FOLDER SLOWEST_S
"""

import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.chaos.ledger import Ledger
from tests.chaos.sums import answer_to, text_of
from tests.chaos.web import serve

FASTEST_S: Final = 0.002
TAIL_SHARE: Final = 0.1
TAIL: Final = 10.0
"""One answer in ten takes ten times as long, as it is with models."""


class Provider:
    """Tells the same question the same answer, after a while."""

    def __init__(self, ledger: Ledger, *, slowest_s: float) -> None:
        self._ledger = ledger
        self._slowest_s = slowest_s

    def serve(self, path: str, headers: Mapping[str, str], body: dict[str, Any]) -> Any:
        """Answer a question."""
        key, told = headers["Idempotency-Key"], body["caller"]
        self._ledger.line(kind="start", key=key, **told)
        time.sleep(self._answer_s())
        answer = {"answer": answer_to(body["n"]), "text": text_of(body["n"], body["size"])}
        self._ledger.line(kind="end", key=key, **told)
        return answer

    def _answer_s(self) -> float:
        usual_s = random.uniform(FASTEST_S, self._slowest_s)
        return usual_s * TAIL if random.random() < TAIL_SHARE else usual_s


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    provider = Provider(Ledger(folder / "provider.ledger"), slowest_s=float(sys.argv[2]))
    serve(provider.serve, folder / "provider.url")
