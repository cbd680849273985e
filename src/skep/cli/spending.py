"""Money: it is asked for before a model that costs any is asked anything."""

from typing import Final

from skep.cli.screen import Screen, clean, is_live
from skep.records.role import OFFLINE, chain_of

FREE_PROVIDERS: Final = ("ollama:", "vllm:")


def confirmed(doing: str, model: str, screen: Screen, *, is_agreed: bool) -> bool:
    """Ask before money is spent on `doing` something, when there is somebody to ask."""
    if is_agreed or not costs_money(model) or not is_live(screen.err):
        return True
    question = f"{doing} with {clean(model)}, which costs money?"
    return screen.err.input(f"{question} [y/N] ", markup=False).strip().lower() in {"y", "yes"}


def costs_money(model: str) -> bool:
    """Say whether asking a model, or one of a chain, may cost money.

    >>> costs_money("offline"), costs_money("ollama:qwen3,openai:gpt-5")
    (False, True)
    """
    return any(name != OFFLINE and not name.startswith(FREE_PROVIDERS) for name in chain_of(model))
