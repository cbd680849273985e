"""What the docstrings of the pure layers show is what happens."""

import doctest
from importlib import import_module
from pkgutil import walk_packages

import pytest

import skep.policy
import skep.records
import skep.testing

MODULES = sorted(
    module.name
    for package in (skep.records, skep.policy, skep.testing)
    for module in walk_packages(package.__path__, f"{package.__name__}.")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_docstring_run(name: str) -> None:
    """Each example gives what it shows."""
    failed, _ = doctest.testmod(import_module(name))

    assert failed == 0


def test_there_are_examples() -> None:
    """The pure layers explain themselves by examples."""
    tried = sum(doctest.testmod(import_module(name)).attempted for name in MODULES)

    assert tried > 10
