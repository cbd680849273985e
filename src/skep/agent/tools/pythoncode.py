"""The functions of a Python file with their lengths and complexities, from its syntax tree."""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_FILE_NAME: Final = "<workspace>"
_ONE_DECISION: Final = frozenset({
    ast.AsyncFor,
    ast.ExceptHandler,
    ast.For,
    ast.If,
    ast.IfExp,
    ast.While,
    ast.match_case,
})  # fmt: skip


class Unparsed(Exception):
    """The file is no Python that this interpreter can parse."""


@dataclass(slots=True)
class FunctionFound:
    """A function or method; `name` has its classes and outer functions in front."""

    name: str
    line: int
    lines: int
    complexity: int = 1


def functions_in(content: bytes) -> list[FunctionFound]:
    r"""Find the functions of a Python file; raises `Unparsed`.

    Complexity is 1 plus the decision points (McCabe 1976): `if`, loops, `except`, `case`,
    conditional expressions, each further operand of `and` and `or`, each loop and condition of a
    comprehension. A function within another counts for itself, a lambda for its surroundings.

    >>> functions_in(b"def f(x):\n    return 1 if x and x > 2 else 0")
    [FunctionFound(name='f', line=1, lines=2, complexity=3)]
    """
    found = _walk(_parse(content))
    return sorted(found, key=lambda function: function.line)


def _parse(content: bytes) -> ast.Module:
    # The parser warns of a file's odd escapes; they are the file's affair, not ours to print.
    warnings.filterwarnings("ignore", module=re.escape(_FILE_NAME))
    try:
        return ast.parse(content, _FILE_NAME)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unparsed(str(error)) from error


def _walk(tree: ast.Module) -> Iterator[FunctionFound]:
    """Visit every node once, without recursion: a hostile file nests deeper than the stack."""
    outside = FunctionFound(name="", line=0, lines=0)
    waiting: list[tuple[ast.AST, FunctionFound, str]] = [(tree, outside, "")]
    while waiting:
        node, function, prefix = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            last_line = node.end_lineno or node.lineno
            lines = last_line - node.lineno + 1
            function = FunctionFound(name=prefix + node.name, line=node.lineno, lines=lines)
            prefix = f"{prefix}{node.name}."
            yield function
        elif isinstance(node, ast.ClassDef):
            prefix = f"{prefix}{node.name}."
        function.complexity += _decisions(node)
        waiting.extend((child, function, prefix) for child in ast.iter_child_nodes(node))


def _decisions(node: ast.AST) -> int:
    kind = type(node)
    if kind in _ONE_DECISION:
        return 1
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    return 1 + len(node.ifs) if isinstance(node, ast.comprehension) else 0
