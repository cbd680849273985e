"""Models by name: what cannot be asked is refused with what to do about it."""

import pytest
from pydantic_ai.exceptions import ModelHTTPError

from skep.agent.faults import model_failure
from skep.agent.models import PROVIDERS, Models
from skep.records.errors import ModelExtraMissing, ModelKeyMissing, ModelUnknown
from skep.records.outcome import ErrorClass

NO_KEYS = Models(environment={}, own={})


@pytest.mark.parametrize("name", ["gpt", "openai:", "nobody:gpt", ":x", ""])
def test_a_name_of_no_model_is_refused(name: str) -> None:
    """A model is `offline` or provider:model, and the refusal names the providers."""
    with pytest.raises(ModelUnknown) as refusal:
        NO_KEYS.check(name)

    assert all(provider in refusal.value.hint for provider in PROVIDERS)


def test_a_provider_whose_package_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the extra the error has the command that brings it."""
    monkeypatch.setitem(PROVIDERS, "acme", ("no_such_package", "acme", "ACME_API_KEY"))

    with pytest.raises(ModelExtraMissing) as refusal:
        NO_KEYS.check("acme:large")

    assert "pip install 'skep[acme]'" in refusal.value.hint


def test_a_provider_without_its_key_says_which_variable_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The package is there and the key is not: the error names the variable."""
    monkeypatch.setitem(PROVIDERS, "acme", ("json", "acme", "ACME_API_KEY"))

    with pytest.raises(ModelKeyMissing, match="ACME_API_KEY"):
        NO_KEYS.check("acme:large")


@pytest.mark.parametrize(
    ("status", "error_class"),
    [
        (429, ErrorClass.QUOTA),
        (500, ErrorClass.TRANSIENT),
        (529, ErrorClass.TRANSIENT),
        (400, ErrorClass.PERMANENT),
        (401, ErrorClass.PERMANENT),
    ],
)
def test_a_providers_status_says_what_its_error_means(status: int, error_class: ErrorClass) -> None:
    """Quota waits, a server's fault is tried again, ours is not."""
    failure = model_failure(ModelHTTPError(status, "m", None), model="m", now=0.0)

    assert failure.error_class is error_class
