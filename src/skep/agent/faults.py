"""What a model request raised, as the failure of its attempt.

The providers' clients and pydantic-ai each wrap what went wrong below them, so the whole chain of
causes is read: a connection that broke in mid-stream shows as their error, our limit on the
length of an answer as a connection that broke.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

from pydantic import ValidationError
from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAPIError,
    ModelConnectionError,
    ModelHTTPError,
    ModelRequestTimeout,
    ModelTimeoutError,
    UnexpectedModelBehavior,
)

from skep.policy.faults import Fault, Signs, class_of, fault_of, sentence_of
from skep.policy.resets import reset_at
from skep.policy.retry import QUOTA_WAIT_S
from skep.records.errors import AnswerTooLong
from skep.records.outcome import ErrorClass, Failure
from skep.records.values import storable

_NOT_SENT: Final = frozenset({"pool", "connect"})
_UNREADABLE: Final = (json.JSONDecodeError, UnicodeDecodeError, ValidationError)


class AnswerCutOff(Exception):
    """A stream ended before the model said that it has finished."""


def model_failure(error: Exception, *, model: str, now: float) -> Failure:
    """Classify what a request to `model` raised; `now` is in epoch seconds."""
    if isinstance(error, OSError):
        # Nobody wrapped it, so it is no provider's: a model of the user's own.
        return _failure(ErrorClass.TRANSIENT, type(error).__name__, str(error))
    fault = _told_apart(error)
    if fault is None and not isinstance(error, ModelAPIError):
        return _failure(ErrorClass.PERMANENT, type(error).__name__, str(error))
    signs = _signs(error)
    fault = fault or fault_of(signs)
    retry_at = _retry_at(fault, signs, now=now)
    said = sentence_of(fault, model=model, said=signs.said, retry_at=retry_at)
    return _failure(class_of(fault, retry_at=retry_at), fault, said, retry_at=retry_at)


def fault_failure(fault: Fault, *, model: str, said: str) -> Failure:
    """The failure for a fault that an answer itself shows."""
    told = sentence_of(fault, model=model, said=said)
    return _failure(class_of(fault, retry_at=None), fault, told)


def together(failures: Sequence[Failure], *, now: float) -> Failure:
    """Join the failures of all models of a chain into that of the request.

    A quota goes before what is transient, for its sleep counts as no failure; but where another
    model may be well again soon, nobody sleeps longer than QUOTA_WAIT_S.
    """
    waiting = [each for each in failures if each.error_class is ErrorClass.QUOTA]
    if not waiting:
        return failures[0]
    times = [each.retry_at if each.retry_at is not None else now + QUOTA_WAIT_S for each in waiting]
    if len(waiting) < len(failures):
        times.append(now + QUOTA_WAIT_S)
    first = waiting[0]
    return _failure(ErrorClass.QUOTA, first.code, first.message, retry_at=min(times))


def _told_apart(error: Exception) -> Fault | None:
    """Tell what is known by the error's kind alone; None when its signs have to be read."""
    chain = list(_causes(error))
    if any(isinstance(each, AnswerTooLong) for each in chain):
        return Fault.TOO_LARGE
    if isinstance(error, ModelRequestTimeout | ModelTimeoutError):
        return Fault.SILENT
    if isinstance(error, ModelConnectionError):
        return Fault.UNREACHABLE if error.phase in _NOT_SENT else Fault.CUT_OFF
    if isinstance(error, AnswerCutOff):
        return Fault.CUT_OFF
    if isinstance(error, ContentFilterError):
        return Fault.REFUSED
    is_unreadable = any(isinstance(each, _UNREADABLE) for each in chain)
    is_odd = isinstance(error, UnexpectedModelBehavior) or _is_bare(error)
    return Fault.MALFORMED if is_unreadable or is_odd else None


def _is_bare(error: Exception) -> bool:
    """An API error without a status, a body or a code tells of an answer that was no answer."""
    return (
        isinstance(error, ModelAPIError)
        and not isinstance(error, ModelHTTPError)
        and error.body is None
        and error.provider_error_code is None
        and error.provider_error_type is None
    )


def _signs(error: Exception) -> Signs:
    ours = next((each for each in _causes(error) if isinstance(each, AnswerTooLong)), None)
    if ours is not None or not isinstance(error, ModelAPIError):
        return Signs(headers={}, said=str(ours or error))
    is_http = isinstance(error, ModelHTTPError)
    body = error.body
    codes = (error.provider_error_code, error.provider_error_type)
    return Signs(
        status=error.status_code if is_http else None,
        headers=(error.headers or {}) if is_http else {},
        codes=tuple(code for code in codes if code),
        said=_said(body) or ("" if is_http else error.message),
        body=body,
    )


def _said(body: object) -> str:
    """Find the provider's own words in an error's body."""
    if isinstance(body, str):
        return body
    if not isinstance(body, Mapping):
        return ""
    fields = cast("Mapping[str, object]", body)
    for key in ("message", "error", "detail"):
        if said := _said(fields.get(key)):
            return said
    return ""


def _retry_at(fault: Fault, signs: Signs, *, now: float) -> float | None:
    return reset_at(
        signs.headers,
        said=signs.said,
        body=signs.body,
        now=now,
        is_account=fault is Fault.ACCOUNT_LIMITED,
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__


def _failure(
    error_class: ErrorClass, code: str, message: str, *, retry_at: float | None = None
) -> Failure:
    told = storable(" ".join(message.split()))[:1000]
    return Failure(error_class=error_class, code=str(code), message=told, retry_at=retry_at)
