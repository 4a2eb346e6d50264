"""Texts for `benchmarks.recipe_fuzz`: random ones, damaged recipes, and some made to be expensive."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.recipe_hostile import HOSTILE

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
PLAUSIBLE = ("0", "1", "2.5", "3", "7", "0.5", "0.01", "-1", "1e-5", "true", "linear", "[a.weight]", "__ALL_PRUNABLE__")
ARGUMENTS = (
    "num_epochs=3", "num_epochs=1e9", '{"num_epochs": 1e400}', '{"n": [1, 2]}', "n=eval(n)", "a=b=c",
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
    for _ in range(generator.randint(1, 3)):
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
        value = generator.choice((*VALUES, *PLAUSIBLE * 5))
        lines[number] = re.sub(r": .*", ": " + value.replace("\\", ""), lines[number])
    return "\n".join(lines)


def rearranged(generator: random.Random) -> str:
    """Lines of two recipes, some left out, doubled or indented otherwise."""
    other = generator.choice(RECIPES).split("\n")[: generator.choice((0, 0, 5, 30))]
    lines = generator.choice(RECIPES).split("\n") + other
    for _ in range(generator.randint(1, 3)):
        number = generator.randrange(len(lines))
        lines[number : number + 1] = generator.choice(
            ([], [lines[number]] * 2, [" " + lines[number]], [lines[number].lstrip()], [generator.choice(lines)])
        )
    return "\n".join(lines)


def hostile(generator: random.Random) -> str:
    """Texts made to be expensive."""
    return generator.choice(HOSTILE)(generator.choice((3, 10, 60, 400, 5000, 40_000)))


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
    steps_per_epoch = generator.choice((1, 2, 7, 100, 5533, 10**9))
    total = steps_per_epoch * generator.choice((0, 1, 3, 30, 10**6))
    arguments = generator.choice(ARGUMENTS) if generator.random() < 0.2 else None
    return Case(kind, text, arguments, steps_per_epoch, total)
