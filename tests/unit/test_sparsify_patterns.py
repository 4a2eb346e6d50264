"""Patterns of recipes: Python's own results, and an end to those that would run for ever."""

from __future__ import annotations

import re

import pytest
from torch import nn

from engine.errors import UserError
from engine.sparsify import patterns
from engine.sparsify.parameters import select_parameters
from tests.small_runs import Net

NAMES = [
    f"bert.encoder.layer.{layer}.{part}.{kind}"
    for layer in range(12)
    for part in ("attention.self.query", "attention.output.LayerNorm", "intermediate.dense", "output.dense")
    for kind in ("weight", "bias")
]
ORDINARY = [
    "bert.encoder.layer.*.dense.weight",
    r"bert\.encoder\.layer\.([0-9]|1[01])\.(attention|output).*\.weight$",
    r"(?=.*\.weight$)bert.*dense",
    r"(?:.*query|.*dense)\.weight$",
    "(?i)BERT.*layernorm",
    r".*\.layer\.(\d)\..*",
    ".*layer.[2-5].",
    "",
    r"bert(\.\w+)+\.weight$",
    r"(\w+\.){3}\d{1,2}\..*",
    r".*.*.*.*dense.{e}",
    r"(bert){1}.*self",
    r"((bert|encoder|layer)\.)+\d+\.(output|intermediate)(\.\w+)*\.bias\Z",
]


@pytest.mark.parametrize("pattern", ORDINARY)
def test_results_are_those_of_python(pattern: str) -> None:
    wanted = [name for name in NAMES if re.match(pattern, name)]
    assert patterns.matched(pattern, NAMES) == wanted
    bounded = patterns._bounded(pattern)
    assert [name for name in NAMES if bounded(name)] == wanted


def test_published_patterns_are_left_to_python() -> None:
    assert [patterns.is_quick(pattern) for pattern in ORDINARY] == [True] * 8 + [False] * 5


def test_a_pattern_without_end_is_one_line_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns.matched, "__kwdefaults__", {"seconds": 0.05})
    model = nn.ModuleDict({"a" * 60 + "b": Net()})
    with pytest.raises(UserError, match=r"Some: re:\(a\|aa\)\+\$ takes too long to match") as caught:
        select_parameters(model, ["re:(a|aa)+$"], modifier="Some")
    assert "\n" not in str(caught.value)
    assert select_parameters(model, ["re:((((a*)*)*)*)*b.first.weight"], modifier="Some")
