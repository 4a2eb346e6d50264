"""Texts for `benchmarks.recipe_fuzz`: random ones, damaged recipes, and some made to be expensive."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[1]
FOLDERS = (HERE / "tests" / "data" / "recipes", HERE / "engine" / "zoo")

NEWER = """\
num_epochs: 8
final: 0.9
args: {warm: 1}
prune_stage:
  run_type: train
  pruning_modifiers:
    MagnitudePruningModifier:
      targets: ['re:.*query$', 're:.*dense']
      init_sparsity: 0.0
      final_sparsity: eval(final)
      start: 0
      end: eval(num_epochs - 2)
      update_scheduler: polynomial_decay
      scheduler_args: {exponent: 3}
      mask_structure: '2:4'
  quant_modifiers:
    QuantizationModifier:
      ignore: [lm_head]
      start: 6
      config_groups:
        group_0:
          weights: {num_bits: 8, type: int, symmetric: true, strategy: channel}
          input_activations: {num_bits: 8, symmetric: false, dynamic: false}
          targets: [Linear]
  distillation_modifiers:
    OutputDistillationModifier: {targets: [qa_outputs], orig_scale: 0, distill_scale: 1, transforms: softmax}
  length_modifiers: [EpochRangeModifier: {start: 0, end: eval(num_epochs)}]
"""
STAGED = """\
n: 4
first:
  m: eval(n / 2)
  first_modifiers:
    - !EpochRangeModifier {start_epoch: 0, end_epoch: eval(m)}
    - !LearningRateModifier
        lr_class: StepLR
        lr_kwargs: {step_size: 0.01, gamma: 0.999}
        init_lr: 0.1
        start_epoch: 0
    - !ACDCPruningModifier
        compression_sparsity: 0.8
        start_epoch: 0
        end_epoch: 9
        update_frequency: 1
        params: __ALL_PRUNABLE__
second:
  second_modifiers:
    - !GradualParamModifier
        params: ['re:.*bias']
        init_val: 0
        final_val: 1
        start_epoch: 1
        end_epoch: 3
        update_frequency: 0.001
    - !QuantizationModifier
        start_epoch: 2
        scheme: {weights: {num_bits: 4}}
        scheme_overrides: {Embedding: {input_activations: null}}
    - !PerLayerDistillationModifier {student_layer_names: [a, b]}
    - !StructuredPruningModifier
        init_sparsity: __FROM_PARAM__
        final_sparsity: {0.5: [a.weight], 0.7: ['re:b.*']}
        params: []
        start_epoch: 0
        end_epoch: 3
        update_frequency: 0.5
"""
PIECES = (
    "!EpochRangeModifier", "modifiers:", "- ", "  ", "\n", "&a ", "*a", "<<: ", "eval(", ")", "[", "]", "{", "}", ": ",
    "start_epoch: 0", "end_epoch: 3", "'", '"', "#", "---\n", "? ", "|\n", "!", "!!int ", "%YAML 1.2\n", "null", "\t",
    "test_stage:", "ConstantPruningModifier:", "targets: ", "start: ", "x_modifiers:", "\r", "\x85", "\u2028", "\ufeff",
    "!!python/object/apply:os.system ['true']", "__import__('os')", ">-\n", "@", "`", "\x00", "\ud800", "stages:",
)  # fmt: skip
VALUES = (
    "0", "-1", "1e400", "-1e400", "9" * 400, "9" * 5000, ".nan", ".inf", "1e-9", "1e9", "1e-320", "eval(9**9**9)", "[]",
    "eval(2**1024)", "{}", "null", "true", "''", "__ALL__", "'2:4'", "[1, 4]", "1_0", "0x10", "eval(1/0)", "eval(-1)",
    "eval(num_epochs)", "eval(n)", "*a", "- 1", "{0.5: [a]}", "re:(a+)+$", "['re:[']", "1.1.0", "999999", "1000000",
    "eval(round(1.5, 10**9))", "eval(max())", "eval(abs(x=1))", "eval(int(1e308 * 10))", "eval(((((1)))))", "0.999999",
)  # fmt: skip
ARGUMENTS = (
    None, None, None, "num_epochs=3", "num_epochs=1e9", '{"num_epochs": 1e400}', '{"n": [1, 2]}', "n=eval(n)", "a=b=c",
    '{"num_epochs": "eval(9**9**9)"}', '{"final": NaN}', "[" * 3000, '{"n": ' * 3000, '{"n": ' + "9" * 4200 + "}", ",",
    {"num_epochs": 10**400}, {"n": {"x": [1]}}, {"final_sparsity": None}, {"num_epochs": object()}, '{"n": {"n": {}}}',
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A text with what is done with it."""

    kind: str
    text: str
    recipe_args: Any
    steps_per_epoch: int
    total_steps: int


def recipes() -> list[str]:
    """Whole recipes: those of the tests and the demo, one with stages, one in llm-compressor's form, a long one."""
    files = [path for folder in FOLDERS for path in sorted(folder.rglob("*.*")) if path.suffix in (".md", ".yaml")]
    texts = [path.read_text() for path in files]
    return [*(text for text in texts if "odifier" in text), STAGED, NEWER, blocks(24)]


def blocks(layers: int) -> str:
    """A recipe of old style with a block for every matrix."""
    block = """\
  - !GMPruningModifier
      params: ['bert.encoder.layer.{layer}.{matrix}.weight']
      init_sparsity: 0.05
      final_sparsity: 0.9
      start_epoch: 2
      end_epoch: 20
      update_frequency: 0.01
      log_types: __ALL__
"""
    names = ("attention.self.query", "attention.self.key", "attention.output.dense", "output.dense")
    made = [block.format(layer=layer, matrix=name) for layer in range(layers) for name in names]
    return "modifiers:\n  - !EpochRangeModifier {start_epoch: 0, end_epoch: 30}\n" + "".join(made)


RECIPES = recipes()


def random_text(generator: random.Random) -> str:
    """Any characters, now and then under a key that makes them modifiers."""
    ranges = ((0, 127), (0, 127), (0, 0x2FF), (0, 0x10FFFF))
    low, high = generator.choice(ranges)
    text = "".join(chr(generator.randint(low, high)) for _ in range(generator.randint(0, 300)))
    return generator.choice(("", "", "modifiers:\n  ", "a: ")) + text


def random_pieces(generator: random.Random) -> str:
    """Pieces of YAML and of recipes in any order."""
    return "".join(generator.choice(PIECES) for _ in range(generator.randint(1, 80)))


def mutated(generator: random.Random) -> str:
    """A recipe with some spans removed, doubled or replaced."""
    text = generator.choice(RECIPES)
    for _ in range(generator.randint(1, 6)):
        begin = generator.randint(0, len(text))
        end = min(len(text), begin + generator.choice((0, 1, 3, 20, 200)))
        other = generator.choice(("", text[begin:end] * 2, generator.choice(PIECES), generator.choice(VALUES)))
        text = text[:begin] + other + text[end:]
    return text


def revalued(generator: random.Random) -> str:
    """A recipe with other values in some lines: mostly right as YAML, often right as a recipe."""
    lines = generator.choice(RECIPES).split("\n")
    for _ in range(generator.randint(1, 4)):
        number = generator.randrange(len(lines))
        lines[number] = re.sub(r": .*", lambda _: ": " + generator.choice(VALUES), lines[number])
    return "\n".join(lines)


def rearranged(generator: random.Random) -> str:
    """Lines of two recipes, some left out, doubled or indented otherwise."""
    lines = generator.choice(RECIPES).split("\n") + generator.choice(RECIPES).split("\n")[: generator.randint(0, 30)]
    for _ in range(generator.randint(1, 8)):
        number = generator.randrange(len(lines))
        lines[number : number + 1] = generator.choice(
            ([], [lines[number]] * 2, [" " + lines[number]], [lines[number].lstrip()], [generator.choice(lines)])
        )
    return "\n".join(lines)


def hostile(generator: random.Random) -> str:
    """Texts made to be expensive."""
    return generator.choice(HOSTILE)(generator.choice((3, 10, 60, 400, 5000, 40_000)))


def _doubling(start: str, form: str, levels: int) -> str:
    lines = [f"a0: &a0 {start}"]
    lines += [f"a{level}: &a{level} " + form.format(f"*a{level - 1}") for level in range(1, min(levels, 2000))]
    return "\n".join(lines) + "\n" + _RANGE


_RANGE = "modifiers:\n  - !EpochRangeModifier {start_epoch: 0, end_epoch: 3}\n"
_RATE = "  - !LearningRateFunctionModifier {start_epoch: %d, end_epoch: 9e5, lr_func: %s, init_lr: 1, final_lr: 0}\n"
_PRUNE = "  - !MagnitudePruningModifier {params: [%s], init_sparsity: 0, final_sparsity: 0.%d, start_epoch: 0, "
_STEPS = "  - !LearningRateModifier {lr_class: StepLR, lr_kwargs: {step_size: 1e-6, gamma: %s}, init_lr: 1, "
HOSTILE: tuple[Callable[[int], str], ...] = (
    lambda size: "a: " + "[" * size,
    lambda size: "{a: " * size,
    lambda size: "- " * size,
    lambda size: "? " * size,
    lambda size: "a: [" + "[? " * size,
    lambda size: "\n".join(" " * depth + "a:" for depth in range(min(size, 400))),
    lambda size: _doubling("[1, 1]", "[{0}, {0}]", size),
    lambda size: _doubling("{x: 1}", "{{<<: [{0}, {0}]}}", size),
    lambda size: _doubling("'" + "x" * min(size, 9999) + "'", "[{0}, {0}]", 20),
    lambda size: "a: &m !EpochRangeModifier {start_epoch: 0, end_epoch: 1}\nmodifiers: [" + "*m, " * size + "]",
    lambda size: "a: &b " + "x" * size + "\nmodifiers:\n  - !ConstantPruningModifier\n      params: [" + "*b, " * 999 + "]",
    lambda size: "".join(f"k{n}: eval(k{n + 1} + 1)\n" for n in range(min(size, 5000))) + _RANGE,
    lambda size: "".join(f"k{n}: eval({'-' * 250}k{n + 1})\n" for n in range(min(size, 300))) + "k300: 1\n" + _RANGE,
    lambda size: f"a: eval({'(' * size}1{')' * size})\n" + _RANGE,
    lambda size: f"a: eval({'9**' * min(size, 200)}9)\n" + _RANGE,
    lambda size: f"a: eval(round({'9' * min(size, 900)}, {size}))\n" + _RANGE,
    lambda size: f"a: {'9' * size}\n" + _RANGE.replace("3}", f"{'9' * size}}}"),
    lambda size: "modifiers:\n" + "  - !FooModifier\n" * size,
    lambda size: "modifiers:\n" + "".join(_RATE % (number, "linear") for number in range(min(size, 450))),
    lambda size: "modifiers:\n" + "".join(_RATE % (number, "cyclic_linear") for number in range(min(size, 450))),
    lambda size: "modifiers:\n" + "".join((_PRUNE % (n, n + 1)) + f"end_epoch: {n + 1}, update_frequency: 1e-{n % 9}}}\n" for n in range(min(size, 450))),
    lambda size: "modifiers:\n" + "".join((_STEPS % f"0.{n}9") + f"start_epoch: {n}}}\n" for n in range(min(size, 450))),
    lambda size: "modifiers:\n" + (_STEPS % "1.0") + "start_epoch: 0}\n" + _RANGE.split("\n")[1],
    lambda size: "modifiers:\n  - !LearningRateModifier {lr_class: MultiStepLR, lr_kwargs: {milestones: [" + "1, " * size + "]}, init_lr: 1, start_epoch: 0}\n",
    lambda size: "modifiers:\n  - !GMPruningModifier {params: ['re:" + "(a|b?" * size + "']}\n",
    lambda size: "modifiers:\n  - !ConstantPruningModifier {params: ['re:" + "a?" * size + "']}\n",
    lambda size: "modifiers:\n  - !GMPruningModifier\n" + "".join(f"      f{number}: 1\n" for number in range(size)),
    lambda size: "x_stage:\n  y_modifiers:\n" + "".join(f"    A{number}Modifier: {{start: 0}}\n" for number in range(size)),
    lambda size: "x_stage:\n  y_modifiers:\n    QuantizationModifier:\n      config_groups:\n" + "".join(f"        g{n}: {{targets: [m{n}], weights: {{num_bits: 8}}}}\n" for n in range(min(size, 450))),
    lambda size: "x_stage:\n  y_modifiers:\n    ConstantPruningModifier: {targets: [" + "Linear, " * size + "]}\n",
    lambda size: "a: 'b\n" * size,
    lambda size: ("a: [1\n" + " " * 9) * size,
    lambda size: "a: @b\n" * size,
    lambda size: "\x07" * size,
    lambda size: json.dumps({"modifiers": [{"ConstantPruningModifier": {"targets": ["a"] * size}}]}, indent=1),
    lambda size: "".join(f"v{number}: 1\n" for number in range(size)) + _RANGE + "  - !EpochRangeModifier {start_epoch: eval(v), end_epoch: eval(w)}\n",
    lambda size: "__metadata__: {" + ", ".join(f"a{number}: [b, c]" for number in range(size)) + "}\n" + _RANGE,
)  # fmt: skip


KINDS: dict[str, Callable[[random.Random], str]] = {
    "text": random_text,
    "pieces": random_pieces,
    "mutated": mutated,
    "revalued": revalued,
    "rearranged": rearranged,
    "hostile": hostile,
}


def case(generator: random.Random, number: int) -> Case:
    """The `number`-th text: all kinds in turn."""
    kind = list(KINDS)[number % len(KINDS)]
    text = KINDS[kind](generator)
    steps_per_epoch = generator.choice((1, 2, 7, 100, 5533, 10**6))
    total = steps_per_epoch * generator.choice((0, 1, 3, 30, 10**6))
    return Case(kind, text, generator.choice(ARGUMENTS), steps_per_epoch, total)
