"""Texts made to be expensive are refused before they cost anything."""

from __future__ import annotations

import pytest

from engine.recipes import RecipeError, parse_recipe

RANGE = "modifiers:\n  - !EpochRangeModifier {start_epoch: 0, end_epoch: %s}\n"


def doubling(start: str, form: str, levels: int) -> str:
    """Aliases of aliases, each level twice the one before."""
    lines = [f"a0: &a0 {start}"]
    lines += [f"a{level}: &a{level} " + form.format(f"*a{level - 1}") for level in range(1, levels)]
    return "\n".join(lines) + "\n" + RANGE % 1


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 100_000,
        "- " * 50_000,
        "\n".join(" " * depth + "a:" for depth in range(300)),
        doubling("[1, 1]", "[{0}, {0}]", 40),
        doubling("{x: 1}", "{{<<: [{0}, {0}]}}", 40),
        "a: &a [*a]\n" + RANGE % 1,
        "a: &m !EpochRangeModifier {start_epoch: 0, end_epoch: 1}\nmodifiers: [" + "*m, " * 20_000 + "]",
        "".join(f"k{number}: eval(k{number + 1} + 1)\n" for number in range(2000)) + "k2000: 1\n" + RANGE % 1,
        "".join(f"k{number}: eval({'-' * 250}k{number + 1})\n" for number in range(50)) + "k50: 1\n" + RANGE % "x",
        RANGE % ("9" * 5000),
        RANGE % ".inf",
        RANGE % "1e300",
        "modifiers:\n" + "  - !FooModifier\n" * 3000,
        "modifiers:\n  - !!python/object/apply:os.system ['true']\n",
    ],
    ids=lambda text: text[:20],
)
def test_expensive_texts_are_refused(text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    assert caught.value.problems
