"""What an error means: each is put into the class that decides whether its task is tried again."""

from skep.records.errors import (
    Diverged,
    InvalidInput,
    ModelError,
    PlanNotDrafted,
    SkepError,
    WorkspaceError,
)
from skep.records.outcome import ErrorClass, Failure
from skep.records.values import storable

PERMANENT = (Diverged, InvalidInput, ModelError, PlanNotDrafted, WorkspaceError)


class AttemptFailed(Exception):
    """An attempt failed for a reason that has been classified already."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class PermanentError(Exception):
    """Raised by a user's agent: trying again would not help."""


def failure_of(error: Exception) -> Failure:
    """Classify an error. What nobody classified is transient: trying again may help."""
    if isinstance(error, AttemptFailed):
        return error.failure
    is_permanent = isinstance(error, (*PERMANENT, PermanentError))
    return Failure(
        error_class=ErrorClass.PERMANENT if is_permanent else ErrorClass.TRANSIENT,
        code=error.code if isinstance(error, SkepError) else type(error).__name__,
        message=_sentence(error),
    )


def _sentence(error: Exception) -> str:
    hint = f" {error.hint}" if isinstance(error, SkepError) and error.hint else ""
    text = storable(" ".join(f"{error}{hint}".split()))
    return text[:1000] if text else type(error).__name__
