"""Dropping layers in the middle of a run, and going on from there."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engine.sparsify.behaviours.layers import PassThrough
from tests.small_runs import MakeOptimizer, Net, SmallRun, adam, batch, momentum

RECIPE = """
modifiers:
  - !EpochRangeModifier {start_epoch: 0, end_epoch: 6}
  - !LayerPruningModifier {layers: [middle], WHEN}
  - !MagnitudePruningModifier
      params: ["re:.*weight"]
      init_sparsity: 0.2
      final_sparsity: 0.6
      start_epoch: 1
      end_epoch: 5
      update_frequency: 1
"""


class Deep(Net):
    def __init__(self) -> None:
        super().__init__()
        self.middle = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.middle(super().forward(x)["logits"])}


@pytest.mark.parametrize("optimizer", [momentum, adam])
@pytest.mark.parametrize("when", ["start_epoch: 2", "start_epoch: 0, end_epoch: 3", "start_epoch: 2, end_epoch: 4"])
def test_resumes_to_the_bit_on_either_side_of_a_drop(when: str, optimizer: MakeOptimizer) -> None:
    recipe = RECIPE.replace("WHEN", when)
    whole = SmallRun(recipe, optimizer=optimizer, model=Deep())
    saved, losses = [], []
    for step in range(12):
        saved.append(whole.saved())
        losses.append(whole.step(step))
    for at in range(12):
        run = SmallRun(recipe, optimizer=optimizer, model=Deep(), saved=saved[at])
        assert run.steps(range(at, 12)) == losses[at:], at
        assert torch.equal(run.model(batch(99))["logits"], whole.model(batch(99))["logits"]), at


def test_what_stands_for_a_layer_is_no_layer_of_the_model() -> None:
    run = SmallRun(RECIPE.replace("WHEN", "start_epoch: 0"), model=Deep())
    assert isinstance(run.model.get_submodule("middle"), PassThrough)
    assert not any(name.startswith("middle") for name in run.model.state_dict())
