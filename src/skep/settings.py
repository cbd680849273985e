"""Settings: defaults, then the environment, then flags; only here is the environment read."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from skep.records.duration import seconds
from skep.records.errors import InvalidInput

STATE_FOLDER: Final = ".skep"
STORE_VARIABLE: Final = "SKEP_STORE"
MODEL_VARIABLE: Final = "SKEP_MODEL"
RETENTION_VARIABLE: Final = "SKEP_RETENTION"
KEYS_OF_PROVIDERS: Final = {
    "ANTHROPIC_API_KEY": "anthropic",
    "OPENAI_API_KEY": "openai",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a process was told: where its state is, which store and model it uses.

    `store` is a URL: `sqlite:///relative/path`, `sqlite:////absolute/path`,
    `redis://host:port/db` or `memory:`.
    """

    state_folder: Path
    store: str
    model: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @property
    def retention_s(self) -> float | None:
        """How long ended swarms are kept before workers forget them; None is for ever.

        Raises `InvalidInput` when the variable holds no length of time.
        """
        text = self.environment.get(RETENTION_VARIABLE)
        try:
            return seconds(text) if text else None
        except InvalidInput as error:
            raise InvalidInput(f"{RETENTION_VARIABLE}: {error.message}", hint=error.hint) from None


def read_settings(*, store: str | None = None, folder: Path | None = None) -> Settings:
    """Read the settings of a process that runs in `folder` (default: the current one)."""
    state = (folder or Path.cwd()) / STATE_FOLDER
    environment = dict(os.environ)
    return Settings(
        state_folder=state,
        store=store or environment.get(STORE_VARIABLE) or f"sqlite:///{state / 'skep.db'}",
        model=environment.get(MODEL_VARIABLE) or None,
        environment=environment,
    )


def address_of(url: str) -> str:
    """Leave the user and the password out of a store's URL, so that it may be shown.

    >>> address_of("redis://me:secret@cache:6379/0")
    'redis://cache:6379/0'
    """
    user = urlsplit(url).netloc.rpartition("@")[0]
    return url.replace(f"{user}@", "", 1) if user else url


def sqlite_path(url: str) -> Path:
    """Read the file's path from a `sqlite:///` URL.

    Raises `InvalidInput` for any other URL.

    >>> sqlite_path("sqlite:///work.db"), sqlite_path("sqlite:////var/work.db")
    (PosixPath('work.db'), PosixPath('/var/work.db'))
    """
    scheme, separator, path = url.partition(":///")
    if scheme != "sqlite" or not separator or not path:
        raise InvalidInput(
            f"The store {url!r} is not known.",
            hint="Say sqlite:///PATH, redis://HOST:PORT/DB, or memory: (gone with the process).",
        )
    return Path(path)
