"""The effect server: pays once per idempotency key, and sends every letter that it is given.

python -m tests.chaos.effects FOLDER SLOWEST_S
"""

import random
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.chaos.ledger import Ledger, read_ledger
from tests.chaos.web import serve


class Effects:
    """What was done in the world, in two ledgers: payments and letters."""

    def __init__(self, folder: Path, *, slowest_s: float) -> None:
        self._paid = {
            line["key"]: line["amount"]
            for line in read_ledger(folder / "payments.ledger")
            if line["kind"] == "paid"
        }
        self._payments = Ledger(folder / "payments.ledger")
        self._letters = Ledger(folder / "letters.ledger")
        self._slowest_s = slowest_s
        self._lock = threading.Lock()

    def serve(self, path: str, headers: Mapping[str, str], body: dict[str, Any]) -> Any:
        """Do what is asked, with a rest before and after it for somebody to die in."""
        key = headers["Idempotency-Key"]
        self._rest()
        if path == "/payments":
            self._pay(key, body)
        else:
            self._letters.line(kind="sent", key=key, **body["caller"])
        self._rest()
        return {"receipt": body["amount"]}

    def _pay(self, key: str, body: dict[str, Any]) -> None:
        with self._lock:
            kind = "repeat" if key in self._paid else "paid"
            self._paid.setdefault(key, body["amount"])
            self._payments.line(kind=kind, key=key, amount=body["amount"], **body["caller"])

    def _rest(self) -> None:
        time.sleep(random.uniform(0, self._slowest_s / 2))


if __name__ == "__main__":
    here = Path(sys.argv[1])
    serve(Effects(here, slowest_s=float(sys.argv[2])).serve, here / "effects.url")
