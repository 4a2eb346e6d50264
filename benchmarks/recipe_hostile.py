"""Recipes made to be expensive, of any size."""

from __future__ import annotations

from collections.abc import Callable

RANGE = "  - !EpochRangeModifier {start_epoch: 0, end_epoch: 3}\n"
PLAIN = "modifiers:\n" + RANGE
MOST = 280
"""More modifiers would only be refused for their number."""


def lines(size: int, form: str) -> str:
    """A line for each number below `size`; ``{n}`` in the form is the number, ``{m}`` the next."""
    return "".join(form.format(n=number, m=number + 1) + "\n" for number in range(size))


def modifiers(size: int, form: str) -> str:
    """A modifier for each number below `size`, written on a line."""
    return "modifiers:\n" + lines(min(size, MOST), "  - !" + form)


def doubling(start: str, form: str, levels: int) -> str:
    """Aliases of aliases, each level twice the one before."""
    made = [f"a0: &a0 {start}"]
    made += [f"a{level}: &a{level} " + form.format(f"*a{level - 1}") for level in range(1, min(levels, 2000))]
    return "\n".join(made) + "\n" + PLAIN


def chain(size: int, form: str) -> str:
    """Variables computed one from the other."""
    return lines(min(size, 5000), form) + PLAIN


def rates(size: int, function: str) -> str:
    """Learning rates that overlap."""
    fields = "{{start_epoch: {n}, end_epoch: 9e5, init_lr: 1, final_lr: 0, lr_func: " + function + "}}"
    return modifiers(size, "LearningRateFunctionModifier " + fields)


def steps(size: int) -> str:
    """Rates that fall at every step, each by another factor."""
    settings = "lr_class: StepLR, lr_kwargs: {{step_size: 1e-6, gamma: 0.9{n}}}"
    return modifiers(size, "LearningRateModifier {{" + settings + ", init_lr: 1, start_epoch: {n}}}")


def prunings(size: int) -> str:
    """Schedules that update at every step."""
    fields = "params: [a{n}], init_sparsity: 0, final_sparsity: 0.{m}, start_epoch: 0, end_epoch: {m}"
    return modifiers(size, "MagnitudePruningModifier {{" + fields + ", update_frequency: 1e-{m}}}")


def milestones(size: int) -> str:
    """One rate with many steps."""
    settings = f"{{milestones: [{'1, ' * size}]}}"
    return f"modifiers:\n  - !LearningRateModifier\n      lr_class: MultiStepLR\n      lr_kwargs: {settings}\n"


def names(size: int, member: str) -> str:
    """A modifier for many parameters."""
    return f"modifiers:\n  - !ConstantPruningModifier\n      params: [{member * size}]\n"


def groups(size: int) -> str:
    """Quantization for many targets, in llm-compressor's form."""
    head = "x_stage:\n  y_modifiers:\n    QuantizationModifier:\n      start: 0\n      config_groups:\n"
    return head + lines(min(size, 900), "        g{n}: {{targets: [m{n}], weights: {{num_bits: 8}}}}")


HOSTILE: tuple[Callable[[int], str], ...] = (
    lambda size: "a: " + "[" * size,
    lambda size: "{a: " * size,
    lambda size: "- " * size,
    lambda size: "? " * size,
    lambda size: "a: [" + "[? " * size,
    lambda size: "\n".join(" " * depth + "a:" for depth in range(min(size, 400))),
    lambda size: doubling("[1, 1]", "[{0}, {0}]", size),
    lambda size: doubling("{x: 1}", "{{<<: [{0}, {0}]}}", size),
    lambda size: doubling("'" + "x" * min(size, 9999) + "'", "[{0}, {0}]", 20),
    lambda size: "a: &b " + "x" * size + "\n" + names(999, "*b, "),
    lambda size: "a: [" + "x, " * min(size, 9000) + "]\n" + names(size, "eval(a), "),
    lambda size: f"a: &m !EpochRangeModifier {{start_epoch: 0, end_epoch: 1}}\nmodifiers: [{'*m, ' * size}]",
    lambda size: chain(size, "k{n}: eval(k{m} + 1)"),
    lambda size: chain(size, "k{n}: [[[[[[[[[[[[[[[[[[[[[[[[[[[eval(k{m})]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
    lambda size: chain(min(size, 300), "k{n}: eval(" + "-" * 250 + "k{m})"),
    lambda size: f"a: eval({'(' * size}1{')' * size})\n{PLAIN}",
    lambda size: f"a: eval({'9**' * min(size, 200)}9)\n{PLAIN}",
    lambda size: f"a: eval(round({'9' * min(size, 900)}, {size}))\n{PLAIN}",
    lambda size: f"a: {'9' * size}\n" + PLAIN.replace("3}", f"{'9' * size}}}"),
    lambda size: "modifiers:\n" + "  - !FooModifier\n" * size,
    lambda size: "modifiers:\n  - !GMPruningModifier\n" + lines(size, "      f{n}: 1"),
    lambda size: rates(size, "linear"),
    lambda size: rates(size, "cyclic_linear"),
    lambda size: modifiers(size, "DistillationModifier {{hardness: 0.{n}, start_epoch: {n}, end_epoch: {m}}}"),
    steps,
    prunings,
    milestones,
    lambda size: names(1, "'re:" + "(a|b?" * size + "'"),
    lambda size: names(1, "'re:" + "a?" * size + "'"),
    lambda size: names(size, "a, "),
    lambda size: "x_stage:\n  y_modifiers:\n" + lines(size, "    A{n}Modifier: {{start: 0}}"),
    lambda size: f"x_stage:\n  y_modifiers:\n    ConstantPruningModifier: {{targets: [{'Linear, ' * size}]}}\n",
    groups,
    lambda size: (
        lines(size, "variable_{n}: 1") + modifiers(size, "EpochRangeModifier {{start_epoch: eval(variabel_{n}x)}}")
    ),
    lambda size: lines(size, "variable_{n}: eval(variabel_{n})") + PLAIN,
    lambda size: modifiers(size, "MagnitudePruning" * min(size, 60) + "{n}"),
    lambda size: f"a: &a {{x: 1}}\nb: &b {{{'<<: *a, ' * size}}}\n" + modifiers(size, "GMPruningModifier {{<<: *b}}"),
    lambda size: lines(min(size, 280), "s{n}:\n  v: 1\n  m_modifiers:\n" + RANGE.replace("{", "{{").replace("}", "}}")),
    lambda size: "a: 'b\n" * size,
    lambda size: ("a: [1\n" + " " * 9) * size,
    lambda size: "a: @b\n" * size,
    lambda size: "\x07" * size,
    lambda size: "- a\n" * size + "modifiers:\n  - !GMPruningModifier {params: [a]}\n",
    lambda size: (
        lines(size, "v{n}: 1") + PLAIN + "  - !EpochRangeModifier {start_epoch: eval(v), end_epoch: eval(w)}\n"
    ),
    lambda size: f"__metadata__: {{{', '.join(f'a{number}: [b, c]' for number in range(size))}}}\n{PLAIN}",
    lambda size: f"__metadata__: {'[' * min(size, 40)}{']' * min(size, 40)}\n{PLAIN}",
    lambda size: f"a: '{chr(0x1F600) * size}'\n" + names(9, "eval(a), "),
)
"""Each makes a text from a size."""
