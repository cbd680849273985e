"""Every bound of the engine by name; crossing one is a typed refusal, never a silent drop."""

from typing import Final

PLAN_TASKS_MAX: Final = 10_000
"""Tasks in one swarm, over its whole life."""

TASK_EDGES_MAX: Final = 10_000
"""Dependencies of one task."""

PLAN_DEPTH_MAX: Final = 200
"""Tasks on the longest path of a plan."""

ADDITION_TASKS_MAX: Final = 256
"""Tasks added by one spawn or extension."""

SETTLE_EDGES_MAX: Final = 256
"""Edges consumed by one settlement; the sweeper drains what remains."""

CLAIM_MAX: Final = 64
"""Tasks granted by one claim."""

VALUE_BYTES_MAX: Final = 32 * 1024
"""An input, a step's value or an outcome inside its record; larger content goes to a blob."""

BLOB_BYTES_MAX: Final = 16 * 1024 * 1024
"""One blob."""

EVENT_BYTES_MAX: Final = 8 * 1024
"""What one event carries."""

EVENTS_PAGE_MAX: Final = 1_000
"""Events read by one call."""

NAME_CHARS_MAX: Final = 120
"""A task key, a queue, an agent, a capability, a step's key segment."""

OBJECTIVE_CHARS_MAX: Final = 10_000
"""A swarm's objective."""

CAPABILITIES_MAX: Final = 16
"""Capabilities one task asks for."""

RUN_STEPS_MAX: Final = 10_000
"""Steps in the journal of one run."""

STEP_KEY_CHARS_MAX: Final = 400
"""The logical path that names a step."""

QUESTION_CHARS_MAX: Final = 1_000
"""A question to a person."""

DETAIL_BYTES_MAX: Final = 32 * 1024
"""What exactly is asked for, beside a question."""

DECISION_REASON_CHARS_MAX: Final = 1_000
"""Why a person decided as they did."""

AWAITS_MAX: Final = 64
"""Approvals that one blocked task waits for."""

TOLD_BYTES_MAX: Final = 4 * 1024
"""One message to a live swarm, as it is written in JSON."""

TOLD_MAX: Final = 100
"""Messages to one swarm, over its whole life."""

SWARM_AGENTS_MAX: Final = 1_000
"""Tasks of one swarm that may run at once."""

PRIORITY_MAX: Final = 9
"""Priorities go from 0 (least) to this."""

ATTEMPTS_MAX: Final = 100
"""How many failures and lost attempts a task may be allowed."""

SECONDS_MAX: Final = 30 * 24 * 3600.0
"""The longest time-out, delay or sleep."""

KNOCK_GATES_MAX: Final = 4
"""Gates of one request."""

GATE_CHARS_MAX: Final = 200
"""The name of a gate."""

KNOCK_TOKENS_MAX: Final = 10**12
"""What one request may take, in tokens."""

MESSAGE_BYTES_MAX: Final = 1024 * 1024
"""The payload of one message; what is over VALUE_BYTES_MAX travels as a blob."""

MESSAGE_TRIES_MAX: Final = 5
"""How often a message is given out before it is dead."""

MESSAGE_REASON_CHARS_MAX: Final = 1_000
"""Why a message was returned."""

INBOX_MAX: Final = 10_000
"""Messages in one inbox that nobody has acknowledged, the dead ones included."""

TAKE_MAX: Final = 256
"""Messages taken by one call."""

RECEIVERS_MAX: Final = 10_000
"""Inboxes that one call looks into."""

MESSAGES_PAGE_MAX: Final = 1_000
"""Messages read by one call."""

MESSAGES_KEPT_MAX: Final = 1_000
"""Acknowledged messages that a swarm keeps as its history."""

MESSAGES_KEPT_S: Final = 3600.0
"""How long it keeps them."""

DUTIES_MAX: Final = 64
"""Duties of one coordinator."""

DUTY_RESULT_CHARS_MAX: Final = 1_000
"""What is kept of how a leader's duty went."""

SWARMS_LIVE_MAX: Final = 10_000
"""Swarms of one store that live at once, unless SKEP_SWARMS_MAX says another number."""

HEARTBEAT_S_MAX: Final = 600.0
"""The longest pause between two beats of a node."""

HEARTBEATS_MISSED_MAX: Final = 3
"""Beats of a node that may be missed before it counts as absent."""

POOLS_MAX: Final = 1_000
"""Pools of one store."""

POOL_CAPACITY_MAX: Final = 10**12
"""The capacity of a pool, in its unit."""

SWARM_ALLOCATIONS_MAX: Final = 4_096
"""Parts of pools that one swarm and its tasks hold or wait for."""

ALLOCATION_ID_CHARS_MAX: Final = 300
"""The id under which a part of a pool was asked for."""

CAPTURES_LABELLED_MAX: Final = 100
"""Labelled captures of a kind that a swarm keeps."""

CAPTURE_LABEL_CHARS_MAX: Final = 120
"""The label of a capture."""

CAPTURE_BYTES_MAX: Final = 256 * 1024 * 1024
"""One image of a swarm, as it is stored."""

DISPUTE_CHARS_MAX: Final = 200
"""The id of a dispute, or what kind it is of."""

DISPUTE_PARTIES_MAX: Final = 16
"""Swarms in one dispute."""

ELECTORATE_MAX: Final = 256
"""Who may vote on one dispute."""

SHIFT_MAX: Final = 64
"""Tasks that are moved from one swarm to another by one shift."""
