"""The offline model: works without a key or a network, and never pretends to be a language model.

It plans nothing and guesses nothing: it calls the tools of its role that need no argument,
really, and writes down what they returned in fixed words. For the first run, demos and tests.
"""

from skep.agent.offline.model import OfflineModel

__all__ = ["OfflineModel"]
