"""Models for tests: one that answers from a script."""

from skep.agent.scripted import Line, ScriptedModel

__all__ = ["Line", "ScriptedModel"]
