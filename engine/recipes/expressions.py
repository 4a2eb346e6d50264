"""Arithmetic in recipes: ``eval(...)`` computed by an evaluator of its own, never by Python's.

Numbers, names, ``+ - * / // ** %``, unary minus and plus, and the calls abs, float, int, max, min and round; nothing
else. Sizes are bounded, so no expression takes noticeable time.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from engine.recipes.meant import CALL, call_advice, meant_number

LONGEST = 1000
MOST_NODES = 300
MOST_BITS = 1024

Numeric = int | float


class ExpressionError(ValueError):
    """An expression that has no value; the text says why, `suggestion` what may be meant."""

    def __init__(self, text: str, suggestion: str = "") -> None:
        super().__init__(text)
        self.suggestion = suggestion


class UnknownNameError(ExpressionError):
    """A name in an expression that is no variable."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown variable '{name}'")
        self.name = name


class AlreadyNotedError(ExpressionError):
    """An expression without a value because a variable has none, which is a problem of that variable."""


def expression_in(value: object) -> str | None:
    """What is inside ``eval(...)``, or None where the value is no expression."""
    if isinstance(value, str) and value.startswith(CALL) and value.endswith(")"):
        return value[len(CALL) : -1].strip()
    return None


_ALLOWED = re.compile(r"[\w\s.+\-*/%(),=]*\Z")
_CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(")
_BEGINS_NUMBER = re.compile(r"(?<![\w.])\.?[0-9]")
_NUMBER = re.compile(
    r"0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9_]+)?"
)

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
    ast.FloorDiv: lambda left, right: left // right,
    ast.Mod: lambda left, right: left % right,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: lambda value: -value,
    ast.UAdd: lambda value: +value,
}
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "float": float,
    "int": int,
    "max": max,
    "min": min,
    "round": round,
}
_ONLY = f"expression may call only {', '.join(FUNCTIONS)}"


def parse_expression(text: str) -> ast.expr:
    """The syntax tree of an expression; raises `ExpressionError` for anything that is no arithmetic."""
    if len(text) > LONGEST:
        raise ExpressionError(f"expression is longer than {LONGEST} characters")
    if not _ALLOWED.match(text) or _has_glued_number(text):
        if any(name not in FUNCTIONS for name in _CALLED.findall(text)):
            raise ExpressionError(_ONLY)
        raise ExpressionError("expression holds more than numbers, names, + - * / // ** % and brackets")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ExpressionError(f"cannot read the expression '{text}'") from None
    if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
        raise ExpressionError("expression is too long")
    return tree


def _has_glued_number(text: str) -> bool:
    """Whether a number runs into a word, which Python's parser warns about on stderr."""
    ends = [number.end() for begin in _BEGINS_NUMBER.finditer(text) if (number := _NUMBER.match(text, begin.start()))]
    return any(text[end : end + 1].isalnum() or text[end : end + 1] in ("_", ".") for end in ends)


def evaluate(tree: ast.expr, lookup: Callable[[str], Any]) -> Any:
    """The value of an expression; a lone name may stand for any value, in arithmetic only for a number.

    `lookup` gives the value of a variable and raises `UnknownNameError`.
    """
    if isinstance(tree, ast.Name):
        return lookup(tree.id)
    try:
        return _number(_value(tree, lookup))
    except ZeroDivisionError:
        raise ExpressionError("expression divides by zero") from None
    except OverflowError:
        raise ExpressionError("expression gives too large a number") from None
    except (TypeError, RecursionError) as error:
        raise ExpressionError(f"expression has no value: {error}") from None


def _value(tree: ast.expr, lookup: Callable[[str], Any]) -> Numeric:
    if isinstance(tree, ast.Constant):
        return _constant(tree)
    if isinstance(tree, ast.Name):
        return _variable(tree.id, lookup(tree.id))
    if isinstance(tree, ast.UnaryOp) and type(tree.op) in _UNARY:
        return _UNARY[type(tree.op)](_value(tree.operand, lookup))
    if isinstance(tree, ast.BinOp):
        return _operate(tree.op, _value(tree.left, lookup), _value(tree.right, lookup))
    if isinstance(tree, ast.Call):
        return _call(tree, lookup)
    raise ExpressionError(f"expression holds something that is no arithmetic ({type(tree).__name__.lower()})")


def _constant(tree: ast.Constant) -> Numeric:
    if isinstance(tree.value, int | float) and not isinstance(tree.value, bool):
        return _number(tree.value)
    raise ExpressionError(f"expression holds {tree.value!r}, which is no number")


def _variable(name: str, value: Any) -> Numeric:
    if isinstance(value, int | float):
        return value
    meant = meant_number(value)
    advice = call_advice(value) if meant is None else f"did you mean {meant:g}?"
    raise ExpressionError(f"variable '{name}' is no number, so it cannot be used in arithmetic", advice)


def _operate(symbol: ast.operator, left: Numeric, right: Numeric) -> Numeric:
    if isinstance(symbol, ast.Pow):
        return _number(_power(left, right))
    if type(symbol) not in _BINARY:
        raise ExpressionError(f"expression uses an operator that is not allowed ({type(symbol).__name__.lower()})")
    return _number(_BINARY[type(symbol)](left, right))


def _power(base: Numeric, exponent: Numeric) -> Any:
    if abs(base) > 1 and abs(exponent) * math.log2(abs(base)) > MOST_BITS:
        raise ExpressionError("expression gives too large a number")
    return base**exponent


def _call(tree: ast.Call, lookup: Callable[[str], Any]) -> Numeric:
    if not isinstance(tree.func, ast.Name) or tree.func.id not in FUNCTIONS:
        raise ExpressionError(_ONLY)
    arguments = [_value(argument, lookup) for argument in tree.args]
    named = {keyword.arg or "**": _value(keyword.value, lookup) for keyword in tree.keywords}
    if tree.func.id == "round" and any(abs(digits) > 30 for digits in [*arguments[1:], *named.values()]):
        raise ExpressionError("round cannot keep more than 30 digits")
    return _number(FUNCTIONS[tree.func.id](*arguments, **named))


def _number(value: Any) -> Any:
    if isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value)):
        raise ExpressionError("expression has no finite value")
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise ExpressionError("expression gives too large a number")
    return value
