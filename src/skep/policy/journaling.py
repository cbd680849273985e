"""What the journal answers to an intent or a result (docs/contract.md, 19 to 23)."""

from skep.records.limits import RUN_STEPS_MAX
from skep.records.purse import Amount
from skep.records.step import Effect, Intent, Lapse, Record, Step, StepState, StepVerdict
from skep.records.values import Json


def judge_intent(
    step: Step | None, intent: Intent, *, current: bool, steps: int, told: int = 0
) -> StepVerdict:
    """Decide whether the call of an intent may be made.

    `steps` counts those the run has, `told` the messages of people that the swarm holds.

    An intent met again while open comes from an attempt that died: a call to be made once is
    then unknown for ever, any other is let out again. The class is that of the first announcement.
    The same announcement sent twice is one.
    """
    if not current:
        return StepVerdict.FENCED
    if step is None:
        return _judge_new(intent, steps=steps, told=told)
    if step.fingerprint != intent.fingerprint:
        return StepVerdict.DIVERGED
    if step.state is StepState.RECORDED:
        return StepVerdict.FOUND
    if step.intent == intent.intent:
        return StepVerdict.OPENED
    return StepVerdict.UNKNOWN if step.effect is Effect.ONCE else StepVerdict.OPENED


def _judge_new(intent: Intent, *, steps: int, told: int) -> StepVerdict:
    if steps >= RUN_STEPS_MAX:
        return StepVerdict.FULL
    is_heard = intent.told is None or told <= intent.told
    return StepVerdict.OPENED if is_heard else StepVerdict.UNHEARD


def judge_record(step: Step | None, record: Record, *, current: bool) -> StepVerdict:
    """Decide whether a result is stored; RECORDED means that a value stands, this or an earlier.

    A fenced worker may still store the answer of a pure call: it is paid for, and equal for all.
    """
    if step is None:
        return StepVerdict.MISSING
    if not current and step.effect is not Effect.PURE:
        return StepVerdict.FENCED
    if step.fingerprint != record.fingerprint:
        return StepVerdict.DIVERGED
    return StepVerdict.UNKNOWN if step.state is StepState.UNKNOWN else StepVerdict.RECORDED


def is_new_call(step: Step | None, intent: Intent) -> bool:
    """Say whether an opened intent lets a call out that was not announced before."""
    return step is None or step.intent != intent.intent


def opened(step: Step | None, intent: Intent) -> Step:
    """Write the journal line of an intent whose call is let out."""
    return Step(
        ref=intent.token.ref,
        run=intent.token.run,
        key=intent.key,
        fingerprint=intent.fingerprint,
        effect=step.effect if step else intent.effect,
        state=StepState.OPEN,
        intent=intent.intent,
        calls=step.calls + 1 if step else 1,
        spent=step.spent if step else None,
        payee=step.payee if step else "",
    )


def recorded(step: Step, value: str) -> Step:
    """Write the journal line of a step whose result is stored."""
    return Step(
        ref=step.ref,
        run=step.run,
        key=step.key,
        fingerprint=step.fingerprint,
        effect=step.effect,
        state=StepState.RECORDED,
        intent=step.intent,
        calls=step.calls,
        value=value,
        reserved=step.reserved,
        spent=step.spent,
        payee=step.payee,
    )


def judge_lapse(step: Step | None, lapse: Lapse, *, current: bool) -> StepVerdict:
    """Decide whether the end of a call without an answer is taken down; said again, it is so."""
    if not current:
        return StepVerdict.FENCED
    if step is None:
        return StepVerdict.MISSING
    if step.fingerprint != lapse.fingerprint:
        return StepVerdict.DIVERGED
    return StepVerdict.LAPSED


def step_told(step: Step, usage: Amount | None = None, payee: str = "") -> dict[str, Json]:
    """What the event of a recorded step carries."""
    told: dict[str, Json] = {"key": step.key, "effect": step.effect, "calls": step.calls}
    if usage is not None:
        told |= {"usage": usage.as_json(), "payee": payee}
    return told
