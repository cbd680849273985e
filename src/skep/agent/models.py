"""Models by name: the offline model, and providers through pydantic-ai, opened on first use.

Names are written as pydantic-ai writes them, `provider:model`; `offline` is ours.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError, UserError
from pydantic_ai.models import Model, infer_model

from skep.agent.offline import OfflineModel
from skep.records.errors import ModelExtraMissing, ModelKeyMissing, ModelUnknown
from skep.records.outcome import ErrorClass, Failure
from skep.records.role import OFFLINE

PROVIDERS: Final[Mapping[str, tuple[str, str, str]]] = {
    "anthropic": ("anthropic", "anthropic", "ANTHROPIC_API_KEY"),
    "openai": ("openai", "openai", "OPENAI_API_KEY"),
    "openai-chat": ("openai", "openai", "OPENAI_API_KEY"),
    "openai-responses": ("openai", "openai", "OPENAI_API_KEY"),
    "ollama": ("openai", "openai", "OLLAMA_BASE_URL"),
}
"""For each provider: the package it needs, the extra that brings it, the variable with its key."""


HTTP_TOO_MANY: Final = 429
HTTP_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models that a process can open: offline, the user's `own`, and those of providers."""

    environment: Mapping[str, str]
    own: Mapping[str, object]

    def check(self, name: str) -> None:
        """Refuse a model that could not be asked anything.

        Raises `ModelUnknown`, `ModelExtraMissing` or `ModelKeyMissing`, each saying what to do.
        """
        if name != OFFLINE and name not in self.own:
            _check_provider(name, self.environment)

    def open(self, name: str) -> Model:
        """Open a model by name; what `check` refuses is refused here too."""
        if name == OFFLINE:
            return OfflineModel()
        if name in self.own:
            return cast("Model", self.own[name])
        _check_provider(name, self.environment)
        try:
            return infer_model(name)
        except (UserError, ImportError) as error:
            raise ModelUnknown(f"The model {name!r} cannot be opened: {error}") from error


def _check_provider(name: str, environment: Mapping[str, str]) -> None:
    provider, colon, model = name.partition(":")
    if not (colon and model) or provider not in PROVIDERS:
        raise ModelUnknown(
            f"There is no model called {name!r}.",
            hint=f"Say `offline`, or provider:model with one of {', '.join(PROVIDERS)}.",
        )
    package, extra, variable = PROVIDERS[provider]
    if importlib.util.find_spec(package) is None:
        raise ModelExtraMissing(
            f"The model {name!r} needs the package {package!r}, which is not installed.",
            hint=f"Install it with: pip install 'skep[{extra}]'",
        )
    if not environment.get(variable):
        raise ModelKeyMissing(
            f"The model {name!r} needs the environment variable {variable}, which is not set.",
            hint=f"Set {variable}, or use --model offline, which needs no key.",
        )


def model_failure(error: Exception) -> Failure:
    """Classify what a model request raised."""
    error_class = ErrorClass.TRANSIENT
    if isinstance(error, ModelHTTPError):
        error_class = _class_of_status(error.status_code)
    elif not isinstance(error, ModelAPIError | OSError):
        error_class = ErrorClass.PERMANENT
    code = type(error).__name__
    return Failure(error_class=error_class, code=code, message=" ".join(str(error).split())[:1000])


def _class_of_status(status: int) -> ErrorClass:
    if status == HTTP_TOO_MANY:
        return ErrorClass.QUOTA
    return ErrorClass.TRANSIENT if status >= HTTP_SERVER_ERROR else ErrorClass.PERMANENT
