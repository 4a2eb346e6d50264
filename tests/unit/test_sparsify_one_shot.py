"""SparseGPT, Wanda and magnitude: what they prune, and the inputs they see."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Generator, Mapping
from typing import Any

import pytest
import torch
from torch import nn

from engine.errors import UserError
from engine.recipes import parse_recipe
from engine.sparsify.context import TrainingContext
from engine.sparsify.fisher.sampling import evaluating
from engine.sparsify.manager import SparsificationManager
from engine.sparsify.one_shot.inputs import InputProducts, InputSquares, InputSums
from engine.sparsify.one_shot.layers import select_linear_weights
from engine.sparsify.one_shot.passes import CalibrationPasses
from engine.sparsify.one_shot.sparsegpt import SparseGPT
from engine.sparsify.one_shot.stages import find_stages
from engine.sparsify.one_shot.wanda import Magnitude, Wanda
from tests.tiny_models import make_bert

SMALL: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 48,
}
MASKS = [("unstructured", 0.5), ("unstructured", 0.7), ("2:4", 0.5), ("1:3", 2 / 3), ("block4", 0.5)]


def correlated(columns: int, tokens: int = 1500) -> torch.Tensor:
    """Inputs [tokens, columns] of which a few directions carry most."""
    generator = torch.Generator().manual_seed(1)
    turned, _ = torch.linalg.qr(torch.randn(columns, columns, generator=generator))
    strengths = torch.logspace(-1.5, 0.5, columns)
    return torch.randn(tokens, columns, generator=generator) * strengths @ turned


def matrix(rows: int, columns: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(("mask_type", "sparsity"), MASKS)
@pytest.mark.parametrize("block_size", [16, 128])
def test_the_outputs_change_least_by_sparsegpt_and_zeros_are_exact(
    mask_type: str, sparsity: float, block_size: int
) -> None:
    inputs, weight = correlated(48), matrix(30, 48)
    products = inputs.mT @ inputs
    made = {
        "sparsegpt": SparseGPT(sparsity, mask_type, block_size).prune(weight, products),
        "wanda": Wanda(sparsity, mask_type).prune(weight, products.diagonal()),
        "magnitude": Magnitude(sparsity, mask_type).prune(weight),
    }
    lost = {name: float((inputs @ (weight - pruned).mT).norm()) for name, (pruned, _) in made.items()}
    assert lost["sparsegpt"] < 0.95 * min(lost["wanda"], lost["magnitude"])
    for pruned, mask in made.values():
        assert int((~mask).sum()) == round(sparsity * weight.numel())
        torch.testing.assert_close(pruned != 0, mask)
    rows = (~made["wanda"][1]).sum(dim=1)
    assert int(rows.max() - rows.min()) <= (4 if mask_type == "block4" else 1)


@pytest.mark.parametrize("method", ["sparsegpt", "wanda", "magnitude"])
def test_masks_n_of_m_keep_n_of_every_m_in_a_row(method: str) -> None:
    inputs, weight = correlated(24), matrix(10, 24)
    products = inputs.mT @ inputs
    pruners: dict[str, Callable[[], tuple[torch.Tensor, torch.Tensor]]] = {
        "sparsegpt": lambda: SparseGPT(0.5, "2:4", block_size=6).prune(weight, products),
        "wanda": lambda: Wanda(0.5, "2:4").prune(weight, products.diagonal()),
        "magnitude": lambda: Magnitude(0.5, "2:4").prune(weight),
    }
    pruned, _ = pruners[method]()
    assert ((pruned != 0).view(10, 6, 4).sum(dim=2) == 2).all()


def test_wanda_outweighs_magnitude_where_the_scales_of_inputs_differ() -> None:
    inputs = torch.randn(500, 32, generator=torch.Generator().manual_seed(3)) * torch.logspace(-1, 1, 32)
    weight = matrix(20, 32)
    wanda, _ = Wanda(0.5).prune(weight, inputs.square().sum(dim=0))
    magnitude, _ = Magnitude(0.5).prune(weight)
    lost = [float((inputs @ (weight - pruned).mT).norm()) for pruned in (wanda, magnitude)]
    assert lost[0] < 0.5 * lost[1]


def test_two_columns_by_hand() -> None:
    """H = [[2, 1], [1, 1]] has the inverse [[1, -1], [-1, 2]], whose upper factor is U = [[1, -1], [0, 1]].

    W = [1, 3]: costs are (1 / 1)² and (3 / 1)², so the first weight goes; the second becomes 3 + 1 · 1 = 4, which is
    the least squares solution: H_22 · 4 = H_21 · 1 + H_22 · 3.
    """
    weight, products = torch.tensor([[1.0, 3.0]]), torch.tensor([[2.0, 1.0], [1.0, 1.0]])
    pruned, mask = SparseGPT(0.5, dampening=1e-7).prune(weight, products)
    torch.testing.assert_close(pruned, torch.tensor([[0.0, 4.0]]), atol=1e-5, rtol=0)
    assert mask.tolist() == [[False, True]]


def test_one_column_is_magnitude() -> None:
    pruned, _ = SparseGPT(0.5).prune(torch.tensor([[1.0], [-3.0], [0.5], [2.0]]), torch.tensor([[7.0]]))
    assert pruned.flatten().tolist() == [0.0, -3.0, 0.0, 2.0]


def test_what_the_last_column_cannot_mend_is_the_least_squares_rest() -> None:
    """With a given mask the weights that stay after a pruned first column are the best there are."""
    inputs, weight = correlated(5).double(), torch.tensor([[1e-3, 1.0, -2.0, 1.5, 3.0]])
    pruned, mask = SparseGPT(0.2, dampening=1e-9).prune(weight, (inputs.mT @ inputs).float())
    assert mask.tolist() == [[False, True, True, True, True]]
    best = torch.linalg.lstsq(inputs[:, 1:], inputs @ weight.double().T).solution
    torch.testing.assert_close(pruned[0, 1:].double(), best[:, 0], rtol=1e-3, atol=1e-4)


def test_columns_nothing_goes_into_are_pruned_first() -> None:
    inputs, weight = correlated(16), matrix(8, 16) + 5.0
    inputs[:, [3, 11]] = 0.0
    products = inputs.mT @ inputs
    for pruned, _ in (SparseGPT(0.25).prune(weight, products), Wanda(0.25).prune(weight, products.diagonal())):
        assert torch.isfinite(pruned).all()
        assert (pruned[:, [3, 11]] == 0).all()


def test_inputs_that_repeat_are_named_with_what_to_do() -> None:
    products = torch.ones(8, 8) * 1e6
    with pytest.raises(UserError, match="raise dampening"):
        SparseGPT(0.5, dampening=1e-12).prune(matrix(4, 8), products)


@pytest.mark.parametrize("kind", [InputProducts, InputSquares])
def test_padding_does_not_count(kind: type[InputSums]) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs, counts = torch.randn(2, 5, 4, generator=generator), torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]])
    kept = torch.cat([inputs[0, :3], inputs[1, :4]])
    expected = kept.mT @ kept if kind is InputProducts else kept.square().sum(dim=0)
    for shaped, mask in ((inputs, counts), (inputs.transpose(0, 1), counts), (inputs.reshape(10, 4), counts)):
        sums = kind(nn.Linear(4, 3))
        sums.add(shaped, mask)
        assert sums.tokens == 7
        torch.testing.assert_close(sums.sums, expected)
    sums = kind(nn.Linear(4, 3))
    sums.add(inputs[:, 0], counts)
    assert sums.tokens == 2


def batches(text: str = "") -> Generator[Mapping[str, torch.Tensor]]:
    for number in range(3):
        ids = torch.randint(5, 40, (2, 12), generator=torch.Generator().manual_seed(number))
        counts = torch.ones(2, 12, dtype=torch.long)
        counts[0, 9 - number :] = 0
        yield {"input_ids": ids * counts, "attention_mask": counts}


def models() -> dict[str, Callable[[], nn.Module]]:
    import transformers as t

    # A convolution beside the first layer, layers that hand on tuples, one layer that runs three times, two stacks.
    beside: dict[str, Any] = {
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "conv_kernel_size": 3,
        "conv_act": "gelu",
    }
    narrow: dict[str, Any] = {"embedding_size": 8, "intra_bottleneck_size": 8, "true_hidden_size": 8}
    both: dict[str, Any] = {
        f"{side}_{name}": size for side in ("encoder", "decoder") for name, size in (("layers", 2), ("ffn_dim", 32))
    }
    heads: dict[str, Any] = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    return {
        "bert": lambda: t.BertForQuestionAnswering(t.BertConfig(**SMALL)),
        "albert": lambda: t.AlbertForQuestionAnswering(t.AlbertConfig(**SMALL, embedding_size=8)),
        "mobilebert": lambda: t.MobileBertForQuestionAnswering(t.MobileBertConfig(**SMALL, **narrow)),
        "deberta": lambda: t.DebertaV2ForQuestionAnswering(t.DebertaV2Config(**SMALL, **beside)),
        "bart": lambda: t.BartForQuestionAnswering(
            t.BartConfig(vocab_size=40, d_model=16, max_position_embeddings=48, **both, **heads)
        ),
    }


@pytest.mark.parametrize("name", ["bert", "albert", "mobilebert", "deberta", "bart"])
def test_every_layer_sees_what_the_pruned_layers_before_it_put_out(name: str) -> None:
    torch.manual_seed(0)
    model = models()[name]().eval()
    weights = [name for name, _ in select_linear_weights(model, "__ENCODER__", modifier="test")]
    passes = CalibrationPasses(model, batches, find_stages(model, weights), "test")
    with torch.no_grad():
        for stage, sums in passes.each(InputSquares):
            expected = whole_passes(copy.deepcopy(model), list(sums))
            for weight, found in sums.items():
                torch.testing.assert_close(found.sums, expected[weight], rtol=1e-4, atol=1e-5)
                stage.layers[weight].weight.mul_(0.5)


def whole_passes(model: nn.Module, names: list[str]) -> dict[str, torch.Tensor]:
    """Squares of the inputs of layers when the whole model runs."""
    layers = {name: model.get_submodule(name.removesuffix(".weight")) for name in names}
    sums = {name: InputSquares(layer) for name, layer in layers.items() if isinstance(layer, nn.Linear)}
    for inputs in batches():
        with contextlib.ExitStack() as hooks:
            for name, layer in layers.items():

                def add(_: nn.Module, given: Any, into: InputSums = sums[name], batch: Any = inputs) -> None:
                    into.add(given[0], batch["attention_mask"])

                hooks.callback(layer.register_forward_pre_hook(add).remove)
            model(**inputs)
    return {name: taken.sums for name, taken in sums.items()}


def start(recipe: str, model: nn.Module, source: Any = lambda windows, text: batches(text)) -> SparsificationManager:
    manager = SparsificationManager(parse_recipe(f"modifiers:\n  - !OneShotPruningModifier {{{recipe}}}\n"))
    context = TrainingContext(steps_per_epoch=2, total_steps=8, calibration_inputs=source)
    manager.initialize(model, torch.optim.SGD(model.parameters(), lr=0.1), context)
    return manager


def encoder(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach() for name, weight in select_linear_weights(model, "__ENCODER__", modifier="test")}


@pytest.mark.parametrize("method", ["sparsegpt", "wanda", "magnitude"])
def test_the_modifier_prunes_at_its_start_and_holds(method: str) -> None:
    model = make_bert(**SMALL).train()
    before = torch.get_rng_state()
    manager = start(f"method: {method}, sparsity: 0.6, start_epoch: 1, ignore: ['re:.*layer.2.*']", model)
    manager.before_optimizer_step(1)
    assert manager.sparsity()[1] is None
    assert manager.will_sample(2) == (method != "magnitude")
    manager.before_optimizer_step(2)
    assert not manager.will_sample(2)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(module.training for module in model.modules())
    shares = {name: float((weight == 0).float().mean()) for name, weight in encoder(model).items()}
    assert {share for name, share in shares.items() if "layer.2" in name} == {0.0}
    assert [share for name, share in shares.items() if "layer.2" not in name] == pytest.approx([0.6] * 12, abs=2e-3)
    assert manager.sparsity() == pytest.approx((0.6, 0.6), abs=1e-3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)
    manager.after_optimizer_step(2)
    assert {name: float((weight == 0).float().mean()) for name, weight in encoder(model).items()} == shares
    again = start(f"method: {method}, sparsity: 0.6, start_epoch: 1, ignore: ['re:.*layer.2.*']", model)
    again.load_state_dict(manager.state_dict())
    assert again.sparsity() == manager.sparsity()
    assert not again.will_sample(2)


def test_an_end_lets_go() -> None:
    model = make_bert(**SMALL)
    manager = start("method: wanda, sparsity: 0.5, start_epoch: 0, end_epoch: 1", model)
    manager.before_optimizer_step(0)
    manager.before_optimizer_step(2)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)
    manager.after_optimizer_step(2)
    assert not any(bool((weight == 0).any()) for weight in encoder(model).values())


def test_what_stops_the_calibration_undoes_it() -> None:
    model = make_bert(**SMALL)
    whole = {name: weight.clone() for name, weight in encoder(model).items()}

    def failing(windows: int, text: str) -> Generator[Mapping[str, torch.Tensor]]:
        if "layer.1" in text:
            raise InterruptedError
        yield from batches(text)

    manager = start("sparsity: 0.5", model, failing)
    with pytest.raises(InterruptedError):
        manager.before_optimizer_step(0)
    for name, weight in encoder(model).items():
        torch.testing.assert_close(weight, whole[name], rtol=0, atol=0)
    with evaluating(model), torch.no_grad():
        model(**next(batches()))


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("sparsity: 0.5, params: ['re:.*embeddings.*']", "matches no weight of a linear layer"),
        ("sparsity: 0.5, params: [qa_outputs.bias]", "matches no weight of a linear layer"),
        ("sparsity: 0.5, ignore: ['re:.*']", "no parameter is selected"),
        ("sparsity: 0.4, mask_type: '3:5'", "rows of 16 weights do not divide into groups of 5"),
    ],
)
def test_what_does_not_fit_the_model_is_refused_before_anything_runs(recipe: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        start(recipe, make_bert(**SMALL))


def test_inputs_that_are_no_numbers_and_missing_data_are_refused() -> None:
    with pytest.raises(UserError, match="there is no training data"):
        start("sparsity: 0.5", make_bert(**SMALL), None).before_optimizer_step(0)
    model = make_bert(**SMALL)
    with torch.no_grad():
        model.get_parameter("bert.embeddings.LayerNorm.weight").fill_(float("nan"))
    with pytest.raises(UserError, match=r"what goes into bert.encoder.layer.0.* is not a number"):
        start("sparsity: 0.5", model).before_optimizer_step(0)
