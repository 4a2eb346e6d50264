"""Small question-answering models on disk, for tests of the exporter and the pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = """[PAD] [UNK] [CLS] [SEP] [MASK] who where what is the a in of and lives city river cafe was built by
anna marie paris london berlin bridge tower old new ##s ##ly . , ? ! ' n e 1 2 3 4 5 6 7 8 9 0""".split()  # noqa: SIM905
QUANTIZATION = """modifiers:
  - !QuantizationModifier
      start_epoch: 0.0
      submodules: ["bert.embeddings", "bert.encoder", "qa_outputs"]
      quantize_embeddings: 1
      quantize_linear_activations: 0
      exclude_module_types: ["LayerNorm"]
"""


def write_tokenizer(folder: Path) -> None:
    """A lower-case WordPiece tokenizer of a few dozen words, saved as transformers saves it."""
    from transformers import BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
    BertTokenizerFast(str(vocabulary)).save_pretrained(folder)


def make_bert(**settings: Any) -> Any:
    """A 2-layer BERT with weights large enough for logits of spread one."""
    import torch
    from transformers import BertConfig, BertForQuestionAnswering

    torch.manual_seed(0)
    usual: dict[str, Any] = {
        "vocab_size": len(WORDS),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "initializer_range": 0.3,
    }
    return BertForQuestionAnswering(BertConfig(**{**usual, **settings})).eval()


def prune(model: Any, share: float) -> None:
    """Set the smallest weights of every linear layer of the encoder to zero."""
    import torch

    for module in model.bert.encoder.modules():
        if isinstance(module, torch.nn.Linear):
            weight = module.weight.data
            cut = weight.abs().flatten().kthvalue(int(share * weight.numel())).values
            weight[weight.abs() <= cut] = 0.0


def write_dense(folder: Path, share: float = 0.0, **settings: Any) -> Path:
    """A model folder with a dense (or pruned) model and its tokenizer."""
    write_tokenizer(folder)
    model = make_bert(**settings)
    if share:
        prune(model, share)
    model.save_pretrained(folder)
    return folder


def write_quantised(folder: Path, share: float = 0.0, recipe: str = QUANTIZATION, **settings: Any) -> Path:
    """A model folder as a training with a quantization recipe leaves it: calibrated quantizers, recipe beside."""
    import torch

    from engine.recipes import load_recipe
    from engine.sparsify.manager import SparsificationManager

    write_tokenizer(folder)
    model = make_bert(**settings)
    if share:
        prune(model, share)
    SparsificationManager(load_recipe(recipe)).prepare(model, float("inf"))
    model.train()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _ in range(8):
            model(torch.randint(0, len(WORDS), (4, 48), generator=generator))
    model.eval().save_pretrained(folder)
    (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    return folder
