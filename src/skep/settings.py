"""Settings: defaults, then the environment, then flags; only here is the environment read."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from skep.policy.election import LEADER_LEASE_S, LEADER_LEASE_S_MAX, LEADER_LEASE_S_MIN
from skep.policy.limits import limits_from
from skep.ports.web import Patience
from skep.records.duration import seconds
from skep.records.errors import InvalidInput, ModelNotConfigured
from skep.records.gate import Limits
from skep.records.limits import HEARTBEAT_S_MAX, SWARMS_LIVE_MAX
from skep.records.role import BY_TIER, Tier

STATE_FOLDER: Final = ".skep"
STORE_VARIABLE: Final = "SKEP_STORE"
MODEL_VARIABLE: Final = "SKEP_MODEL"
RETENTION_VARIABLE: Final = "SKEP_RETENTION"
LEADER_LEASE_VARIABLE: Final = "SKEP_LEADER_LEASE"
TIER_VARIABLES: Final = {
    Tier.FAST: "SKEP_MODEL_FAST",
    Tier.BALANCED: "SKEP_MODEL_BALANCED",
    Tier.STRONG: "SKEP_MODEL_STRONG",
}
NEAREST: Final = {
    Tier.FAST: (Tier.FAST, Tier.BALANCED, Tier.STRONG),
    Tier.BALANCED: (Tier.BALANCED, Tier.STRONG, Tier.FAST),
    Tier.STRONG: (Tier.STRONG, Tier.BALANCED, Tier.FAST),
}
"""Whose model serves a tier that has none of its own, the nearest first."""

FIRST_BYTE_VARIABLE: Final = "SKEP_MODEL_FIRST_BYTE_S"
BETWEEN_BYTES_VARIABLE: Final = "SKEP_MODEL_BETWEEN_BYTES_S"
MAX_TOKENS_VARIABLE: Final = "SKEP_MODEL_MAX_TOKENS"
PRICES_VARIABLE: Final = "SKEP_PRICES"
LIMITS_VARIABLE: Final = "SKEP_LIMITS"
STREAM_VARIABLE: Final = "SKEP_MODEL_STREAM"
PATIENCE_S_MAX: Final = 3600
"""The longest time that a setting may let a request wait for its answer."""

ANSWER_TOKENS_LIMIT: Final = 1_000_000
"""The most tokens that a setting may allow one answer."""

APPROVE_VARIABLE: Final = "SKEP_APPROVE"

SWARMS_VARIABLE: Final = "SKEP_SWARMS_MAX"
HEARTBEAT_VARIABLE: Final = "SKEP_HEARTBEAT"
HEARTBEAT_S: Final = 30.0
"""How often a process of the fleet says that it is there."""

KEYS_OF_PROVIDERS: Final = {
    "ANTHROPIC_API_KEY": "anthropic",
    "OPENAI_API_KEY": "openai",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a process was told: where its state is, which store and model it uses.

    `store` is a URL: `sqlite:///relative/path`, `sqlite:////absolute/path`,
    `redis://host:port/db` or `memory:`. `tiers` has the model of each tier, when the settings
    map them; `model` is then `tiers`. A person has to approve the tools in `approve`, whoever
    calls them.
    """

    state_folder: Path
    store: str
    model: str | None = None
    tiers: Mapping[Tier, str] = field(default_factory=dict[Tier, str])
    patience: Patience = field(default_factory=Patience)
    streams: bool = True
    approve: frozenset[str] = frozenset()
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

    @property
    def leader_lease_s(self) -> float:
        """How long a leader leads after it last told the store.

        Raises `InvalidInput` when the variable holds no length of time, or one out of bounds.
        """
        text = self.environment.get(LEADER_LEASE_VARIABLE)
        if not text:
            return LEADER_LEASE_S
        try:
            lease_s = seconds(text)
        except InvalidInput as error:
            message = f"{LEADER_LEASE_VARIABLE}: {error.message}"
            raise InvalidInput(message, hint=error.hint) from None
        if not LEADER_LEASE_S_MIN <= lease_s <= LEADER_LEASE_S_MAX:
            raise InvalidInput(
                f"{LEADER_LEASE_VARIABLE} is {text!r}, and must be from"
                f" {LEADER_LEASE_S_MIN:g} to {LEADER_LEASE_S_MAX:g} seconds."
            )
        return lease_s

    @property
    def heartbeat_s(self) -> float:
        """How often a process says that it is there. Raises `InvalidInput`."""
        text = self.environment.get(HEARTBEAT_VARIABLE)
        try:
            found = seconds(text) if text else HEARTBEAT_S
        except InvalidInput as error:
            raise InvalidInput(f"{HEARTBEAT_VARIABLE}: {error.message}", hint=error.hint) from None
        if found > HEARTBEAT_S_MAX:
            raise InvalidInput(f"{HEARTBEAT_VARIABLE} is at most {HEARTBEAT_S_MAX:g} seconds.")
        return found

    @property
    def swarms_max(self) -> int:
        """How many swarms may live at once. Raises `InvalidInput`."""
        text = self.environment.get(SWARMS_VARIABLE) or str(SWARMS_LIVE_MAX)
        if not text.isdecimal() or int(text) < 1:
            raise InvalidInput(f"{SWARMS_VARIABLE} is a whole number from 1 on, not {text!r}.")
        return int(text)

    @property
    def prices(self) -> Mapping[str, tuple[float, float]]:
        """What models cost that the list does not have, in dollars per million tokens.

        For each the price of what is asked and of what is answered. Raises `InvalidInput` for a
        text that is not `MODEL=ASKED/ANSWERED`, with commas between several.
        """
        text = self.environment.get(PRICES_VARIABLE, "")
        return dict(_price(each.strip()) for each in text.split(",") if each.strip())

    @property
    def limits(self) -> Mapping[str, Limits]:
        """What providers and models let through, by the names of their gates.

        Raises `InvalidInput` when the variable holds something else.
        """
        try:
            return limits_from(self.environment.get(LIMITS_VARIABLE, ""))
        except InvalidInput as error:
            raise InvalidInput(f"{LIMITS_VARIABLE}: {error.message}", hint=error.hint) from None

    def models_of(self, model: str) -> Sequence[str]:
        """The models, or chains of them, that a name stands for. Raises `ModelNotConfigured`."""
        if model != BY_TIER:
            return (model,)
        if not self.tiers:
            variables = ", ".join(TIER_VARIABLES.values())
            raise ModelNotConfigured("No tier has a model.", hint=f"Set one of {variables}.")
        return tuple(dict.fromkeys(self.tiers.values()))


def read_environment() -> dict[str, str]:
    """Read the environment of this process as it is, whatever it says."""
    return dict(os.environ)


def read_settings(*, store: str | None = None, folder: Path | None = None) -> Settings:
    """Read the settings of a process that runs in `folder` (default: the current one).

    Raises `InvalidInput` for a number that is none, or is out of its bounds.
    """
    state = (folder or Path.cwd()) / STATE_FOLDER
    environment = read_environment()
    tiers = _tiers(environment)
    return Settings(
        state_folder=state,
        store=store or environment.get(STORE_VARIABLE) or f"sqlite:///{state / 'skep.db'}",
        model=BY_TIER if tiers else environment.get(MODEL_VARIABLE) or None,
        tiers=tiers,
        patience=_patience(environment),
        streams=environment.get(STREAM_VARIABLE, "").lower() not in {"0", "no", "off", "false"},
        approve=_parted(environment.get(APPROVE_VARIABLE, "")),
        environment=environment,
    )


def _parted(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _tiers(environment: Mapping[str, str]) -> Mapping[Tier, str]:
    """Map each tier to its model, once one of them has a model of its own."""
    own = {tier: environment.get(variable) for tier, variable in TIER_VARIABLES.items()}
    said = {tier: model for tier, model in own.items() if model}
    if not said:
        return {}
    rest = environment.get(MODEL_VARIABLE)
    return {
        tier: said.get(tier) or rest or next(said[near] for near in nearest if near in said)
        for tier, nearest in NEAREST.items()
    }


def _patience(environment: Mapping[str, str]) -> Patience:
    usual = Patience()
    return Patience(
        first_byte_s=_number(
            environment, FIRST_BYTE_VARIABLE, usual.first_byte_s, most=PATIENCE_S_MAX
        ),
        between_bytes_s=_number(
            environment, BETWEEN_BYTES_VARIABLE, usual.between_bytes_s, most=PATIENCE_S_MAX
        ),
        answer_tokens_max=int(
            _number(
                environment, MAX_TOKENS_VARIABLE, usual.answer_tokens_max, most=ANSWER_TOKENS_LIMIT
            )
        ),
    )


def _number(environment: Mapping[str, str], variable: str, default: float, *, most: float) -> float:
    text = environment.get(variable)
    if not text:
        return default
    number = float(text) if text.replace(".", "", 1).isdecimal() else 0.0
    if not 1 <= number <= most:
        raise InvalidInput(f"{variable} is {text!r}, and must be a number from 1 to {most:g}.")
    return number


def _price(text: str) -> tuple[str, tuple[float, float]]:
    model, _, prices = text.rpartition("=")
    numbers = [each for each in prices.split("/") if each.replace(".", "", 1).isdecimal()]
    if not model or len(numbers) != len(("asked", "answered")) or prices.count("/") != 1:
        raise InvalidInput(
            f"{PRICES_VARIABLE} holds {text!r}, which is no price.",
            hint="Say MODEL=ASKED/ANSWERED in dollars per million tokens: openai:own=3/15.",
        )
    return model, (float(numbers[0]), float(numbers[1]))


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
