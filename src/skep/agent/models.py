"""Models by name: the offline model, and providers through pydantic-ai, opened on first use.

Names are written as pydantic-ai writes them, `provider:model`; `offline` is ours. Several names
with commas between them are a chain: who comes later is asked when those before it cannot answer.
"""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, cast

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, infer_model
from pydantic_ai.providers import Provider

from skep.agent.offline import OfflineModel
from skep.records.errors import ModelExtraMissing, ModelKeyMissing, ModelUnknown
from skep.records.role import OFFLINE, chain_of

PROVIDERS: Final[Mapping[str, tuple[str, str, str]]] = {
    "anthropic": ("anthropic", "anthropic", "ANTHROPIC_API_KEY"),
    "openai": ("openai", "openai", "OPENAI_API_KEY"),
    "openai-chat": ("openai", "openai", "OPENAI_API_KEY"),
    "openai-responses": ("openai", "openai", "OPENAI_API_KEY"),
    "ollama": ("openai", "openai", "OLLAMA_BASE_URL"),
    "vllm": ("openai", "openai", "VLLM_BASE_URL"),
}
"""For each provider: the package it needs, the extra that brings it, the variable it wants."""

BASE_URLS: Final[Mapping[str, tuple[str, str | None]]] = {
    "anthropic": ("ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
    "openai": ("OPENAI_BASE_URL", "https://api.openai.com/v1"),
    "openai-chat": ("OPENAI_BASE_URL", "https://api.openai.com/v1"),
    "openai-responses": ("OPENAI_BASE_URL", "https://api.openai.com/v1"),
    "ollama": ("OLLAMA_BASE_URL", None),
    "vllm": ("VLLM_BASE_URL", None),
}
"""For each provider: the variable that names another server, and the server without it."""

KEYS: Final[Mapping[str, str]] = {
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openai-chat": "OPENAI_API_KEY",
    "openai-responses": "OPENAI_API_KEY",
    "ollama": "OLLAMA_API_KEY",
    "vllm": "VLLM_API_KEY",
}
"""For each provider: the variable with its key. A server of one's own may need none."""

NO_KEY: Final = "no-key-set"
"""What a server of one's own is sent for a key: the clients insist on one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models that a process can open: offline, the user's `own`, and those of providers.

    `client` gives the process's HTTP client; without it models can be checked, not opened.
    """

    environment: Mapping[str, str]
    own: Mapping[str, object]
    client: Callable[[], object] | None = None
    opened: dict[str, Model] = field(default_factory=dict[str, Model])
    opening: Lock = field(default_factory=Lock)

    def check(self, name: str, *, is_asked_here: bool = True) -> None:
        """Refuse a model, or a chain with one in it, that could not be asked anything.

        Where another process asks it, the extra and the key are that one's.
        Raises `ModelUnknown`, `ModelExtraMissing` or `ModelKeyMissing`, each saying what to do.
        """
        for each in chain_of(name) or (name,):
            if each != OFFLINE and each not in self.own:
                _check_name(each)
                if is_asked_here:
                    _check_provider(each, self.environment)

    def open(self, name: str) -> Model:
        """Open a model by name, once; what `check` refuses is refused here too.

        May be called from any thread. The first model of a provider takes seconds.
        """
        if name in self.own:
            return cast("Model", self.own[name])
        with self.opening:
            if name not in self.opened:
                self.opened[name] = OfflineModel() if name == OFFLINE else self._of_provider(name)
            return self.opened[name]

    def is_provided(self, name: str) -> bool:
        """Say whether a provider answers under this name, and not a model of this process."""
        return name != OFFLINE and name not in self.own

    def _of_provider(self, name: str) -> Model:
        _check_name(name)
        _check_provider(name, self.environment)
        if self.client is None:
            raise ModelUnknown(f"The model {name!r} cannot be opened here: there is no web.")
        client = self.client()
        try:
            return infer_model(name, lambda provider: _provider(provider, self.environment, client))
        except (UserError, ImportError) as error:
            raise ModelUnknown(f"The model {name!r} cannot be opened: {error}") from error


def _check_name(name: str) -> None:
    provider, colon, model = name.partition(":")
    if not (colon and model) or provider not in PROVIDERS:
        raise ModelUnknown(
            f"There is no model called {name!r}.",
            hint=f"Say `offline`, or provider:model with one of {', '.join(PROVIDERS)}.",
        )


def _check_provider(name: str, environment: Mapping[str, str]) -> None:
    provider = name.partition(":")[0]
    package, extra, variable = PROVIDERS[provider]
    if importlib.util.find_spec(package) is None:
        raise ModelExtraMissing(
            f"The model {name!r} needs the package {package!r}, which is not installed.",
            hint=f"Install it with: pip install 'skep[{extra}]'",
        )
    server = BASE_URLS.get(provider, ("", None))[0]
    if not environment.get(variable) and not environment.get(server):
        raise ModelKeyMissing(
            f"The model {name!r} needs the environment variable {variable}, which is not set.",
            hint=f"Set {variable}, or use --model offline, which needs no key.",
        )


def _provider(provider: str, environment: Mapping[str, str], client: object) -> Provider[Any]:
    """Make a provider on our HTTP client, which repeats nothing: retries are the engine's."""
    variable, default = BASE_URLS[provider]
    base_url = environment.get(variable) or default
    key = environment.get(KEYS[provider]) or NO_KEY
    if provider == "anthropic":
        from anthropic import AsyncAnthropic
        from pydantic_ai.providers.anthropic import AnthropicProvider

        asked = AsyncAnthropic(
            api_key=key, base_url=base_url, http_client=cast("Any", client), max_retries=0
        )
        return AnthropicProvider(anthropic_client=asked)
    return _like_openai(provider, key=key, base_url=base_url, client=client)


def _like_openai(provider: str, *, key: str, base_url: str | None, client: object) -> Provider[Any]:
    from openai import AsyncOpenAI
    from pydantic_ai.providers.ollama import OllamaProvider
    from pydantic_ai.providers.openai import OpenAIProvider
    from pydantic_ai.providers.vllm import VLLMProvider

    asked = AsyncOpenAI(
        api_key=key, base_url=base_url, http_client=cast("Any", client), max_retries=0
    )
    kinds = {"ollama": OllamaProvider, "vllm": VLLMProvider}
    return kinds.get(provider, OpenAIProvider)(openai_client=asked)
