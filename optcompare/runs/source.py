"""The source of a function as normalised text: ``ast.unparse`` of its own node, docstrings and decorators left out.

Two lambdas can share a line, so a lambda is found by its code's positions: some instruction spans exactly the lambda's
body. A decorator's effect is in the function object itself.
"""

from __future__ import annotations

import ast
import copy
import dis
import functools
import linecache
from collections.abc import Iterator
from types import CodeType, FunctionType

from ..errors import DescriptionError

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
GLOBAL_READS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")


def source_text(function: FunctionType) -> str:
    """Return the function's source, the same whatever its comments, layout, docstring and place in the file.

    Raises DescriptionError where there is no source, or where it does not say which code is the function's.
    """
    code = function.__code__
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not lines:
        raise DescriptionError(
            f"function {code.co_name!r} has no source file (it was typed into an interactive session or made by exec), "
            "so it has no identity: pass name='...', or define it in a file"
        )
    try:
        candidates = [node for node in _definitions("".join(lines)) if _may_be(node, code)]
    except SyntaxError:
        candidates = []
    texts = {_normalised(node) for node in _narrowed(candidates, code)}
    if len(texts) != 1:
        raise DescriptionError(
            f"the source of function {code.co_name!r} is not at line {code.co_firstlineno} of {code.co_filename!r} "
            "(the file has changed since it was loaded?), so it has no identity: start again, or pass name='...'"
        )
    return texts.pop()


def global_names(code: CodeType) -> set[str]:
    """Return the names that the code, and the code nested in it, look up among globals and builtins."""
    steps = (step for part in _nested(code) for step in dis.get_instructions(part))
    return {step.argval for step in steps if step.opname in GLOBAL_READS}


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


@functools.lru_cache(maxsize=64)
def _definitions(text: str) -> tuple[Definition, ...]:
    return tuple(node for node in ast.walk(ast.parse(text)) if isinstance(node, Definition))


def _may_be(node: Definition, code: CodeType) -> bool:
    """Whether name, first line and parameters agree."""
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    first_line = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
    arguments = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    n_arguments = code.co_argcount + code.co_kwonlyargcount
    return (
        name == code.co_name
        and first_line == code.co_firstlineno
        and len(arguments) == n_arguments
        and all(_is_same_name(*pair) for pair in zip(arguments, code.co_varnames))
    )


def _is_same_name(written: str, compiled: str) -> bool:
    """Compare names; inside a class ``__x`` is compiled to ``_Class__x``."""
    return written == compiled or (written.startswith("__") and compiled.endswith(written))


def _narrowed(candidates: list[Definition], code: CodeType) -> list[Definition]:
    """Of several lambdas on one line keep the one whose body is exactly what some instruction spans."""
    if len(candidates) < 2:
        return candidates
    spans = set(code.co_positions())
    exact: list[Definition] = [
        node for node in candidates if isinstance(node, ast.Lambda) and _span(node.body) in spans
    ]
    return exact or candidates


def _span(node: ast.expr) -> tuple[int | None, ...]:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset


class _Normaliser(ast.NodeTransformer):
    """Takes docstrings out."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
        return node


def _normalised(node: Definition) -> str:
    bare = copy.deepcopy(node)
    if not isinstance(bare, ast.Lambda):
        bare.decorator_list = []
    return ast.unparse(_Normaliser().visit(bare))
