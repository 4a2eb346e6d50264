"""What is said about a recipe that is no error, seen as a whole."""

from __future__ import annotations

import pytest

from engine.recipes import parse_recipe
from engine.recipes.advice import other_length, remarks, warnings

HEAD = """\
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 6}
"""
PRUNING = """\
  - !MagnitudePruningModifier
      {params: [a], init_sparsity: 0.05, final_sparsity: 0.8, start_epoch: 1, end_epoch: 4, update_frequency: 1}
"""
RATE = (
    "  - !LearningRateFunctionModifier {lr_func: linear, init_lr: 0.1, final_lr: 0, start_epoch: %s, end_epoch: %s}\n"
)


def messages(text: str, **settings: float) -> list[str]:
    return [problem.message for problem in warnings(parse_recipe(HEAD + text), **settings)]  # type: ignore[arg-type]


def test_a_sound_recipe_is_not_talked_about() -> None:
    text = PRUNING + RATE % (0, 6) + "  - !QuantizationModifier {start_epoch: 4}\n"
    assert messages(text, steps_per_epoch=10) == []
    assert remarks(parse_recipe(HEAD + text)) == []


def test_quantization_that_begins_while_weights_are_pruned() -> None:
    (said,) = messages(PRUNING + "  - !QuantizationModifier {start_epoch: 3}\n")
    assert said == "QuantizationModifier starts at epoch 3 while weights are pruned until 4"


@pytest.mark.parametrize(("end", "expected"), [(4, True), (6, False)])
def test_a_rate_that_stays_at_zero(end: int, expected: bool) -> None:
    found = [text for text in messages(RATE % (0, end)) if "learning rate is 0" in text]
    assert bool(found) == expected
    assert not found or "from epoch 4 to the run's end at 6" in found[0]


def test_a_run_shorter_than_the_recipe() -> None:
    (said,) = messages(PRUNING, epochs=3)
    assert "ends at epoch 4, after the run (3): final_sparsity is never reached" in said
    assert "never starts: the run is over at epoch 1" in messages(PRUNING, epochs=1)[0]


def test_an_end_between_the_last_step_and_the_end_of_the_run() -> None:
    late = PRUNING.replace("end_epoch: 4", "end_epoch: 5.9")
    assert messages(late, steps_per_epoch=100) == []
    (said,) = messages(late, steps_per_epoch=4)
    assert "reaches final_sparsity only when the run ends" in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [(PRUNING, "nothing sets the learning rate: "), (RATE % (2, 6), "before epoch 2")],
)
def test_what_is_left_to_the_command_line(text: str, expected: str) -> None:
    (said,) = remarks(parse_recipe(HEAD + text))
    assert expected in said.message


def test_a_modifier_between_two_steps_is_not_said_to_let_go() -> None:
    short = "start_epoch: 1.1, end_epoch: 1.2, leave_enabled: false"
    text = PRUNING.replace("start_epoch: 1, end_epoch: 4", short)
    assert messages(text, steps_per_epoch=1) == [
        "MagnitudePruningModifier starts and ends between two steps, so it never ends"
    ]


def test_no_layers_to_drop() -> None:
    assert messages("  - !LayerPruningModifier {layers: []}\n") == [
        "LayerPruningModifier names no layers, so it does nothing"
    ]


@pytest.mark.parametrize(
    ("frequency", "expected"),
    [("0", "at every step: update_frequency is 0"), ("4", "(4) is longer than its 3 epochs"), ("3", ""), ("-1", "")],
)
def test_masks_that_are_renewed_too_often_or_too_seldom(frequency: str, expected: str) -> None:
    found = messages(PRUNING.replace("update_frequency: 1", f"update_frequency: {frequency}"))
    assert [expected in text for text in found] == [True] * bool(expected)


def test_a_rate_that_another_modifier_sets_again() -> None:
    setting = "  - !SetLearningRateModifier {learning_rate: 0.5, start_epoch: %s}\n"
    (problem,) = warnings(parse_recipe(HEAD + RATE % (0, 6) + setting % 2))
    assert "for one step only: LearningRateFunctionModifier (line 3)" in problem.message
    assert (problem.line, problem.column) == (4, 5)
    assert messages(RATE % (0, 4) + setting % 4) == []
    assert messages(RATE % (0, 6) + (setting % 2).replace("}", ", param_groups: [1]}")) != []


@pytest.mark.parametrize(("end", "expected"), [(4, True), (6, False)])
def test_cycles_that_end_before_the_run(end: int, expected: bool) -> None:
    cycles = (RATE % (0, end)).replace("linear", "cyclic_linear").replace("final_lr: 0", "final_lr: 0.01")
    found = warnings(parse_recipe(HEAD + cycles))
    assert [problem.line for problem in found] == [3] * expected
    assert not found or "springs to 0.1 where its cycles end, and stays there from epoch 4" in found[0].message


def test_a_run_longer_than_the_recipe() -> None:
    assert [problem.message for problem in remarks(parse_recipe(HEAD + RATE % (0, 6)), epochs=9)] == [
        "the recipe is over at epoch 6, the run goes on to 9 with what stays"
    ]


def test_a_length_that_the_recipe_replaces() -> None:
    by_number, by_name = parse_recipe(HEAD), parse_recipe("num_epochs: 1\n" + HEAD.replace(" 6}", " eval(num_epochs)}"))
    assert other_length(by_number, None) is other_length(by_number, 6.0) is None
    assert other_length(by_number, 3.0) == (
        "the recipe trains for 6 epochs; --num_train_epochs 3 is not used",
        "change the recipe's epochs",
    )
    message, hint = other_length(by_name, 3.0) or ("", "")
    assert "trains for 1 epoch;" in message
    assert "num_epochs with --recipe_args" in hint


def test_an_end_that_does_nothing_is_a_remark() -> None:
    text = "  - !SetLearningRateModifier {learning_rate: 0.1, end_epoch: 3}\n"
    (said,) = remarks(parse_recipe(HEAD + text))
    assert said.message == "end_epoch of SetLearningRateModifier has no effect: it sets its value once, at its start"
    assert said.line == 3
