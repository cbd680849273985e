"""The offline model: works without a key or a network, and never pretends to be a language model.

It plans nothing and guesses nothing: it calls every tool of its role that needs no argument,
really, and writes down what they returned in fixed words. For the first run, demos and tests.
"""

from skep.agent.offline.model import OfflineModel

__all__ = ["OfflineModel"]
