"""The whole way on real SQuAD: train, prune to 80 %, evaluate, export, ask; then count the zeros.

    python -m benchmarks.real_squad --data DIR [--work DIR] [--questions 2000]

DIR holds `squad/train-v1.1.json.gz`, `qa-extra/xquad.en.json.gz` and `tokenizer/` (BERT's vocabulary). The model is a
BERT of two layers with random weights, so F1 means nothing; every other figure must be right. Every step is the
program a user would call. Exits with 1 where a pruned matrix is not at 80 % in the checkpoint or in the ONNX file.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from safetensors.numpy import load_file

SPARSITY = 0.8
RECIPE = """\
version: 1.1.0
num_epochs: 3.0
prune_start: 1.0
prune_end: 2.0
modifiers:
  - !EpochRangeModifier
      start_epoch: 0.0
      end_epoch: eval(num_epochs)
  - !LearningRateFunctionModifier
      lr_func: linear
      init_lr: 5e-4
      final_lr: 5e-5
      start_epoch: 0.0
      end_epoch: eval(num_epochs)
  - !MagnitudePruningModifier
      params:
        - re:bert.encoder.layer.*.attention.self.query.weight
        - re:bert.encoder.layer.*.attention.self.key.weight
        - re:bert.encoder.layer.*.attention.self.value.weight
        - re:bert.encoder.layer.*.attention.output.dense.weight
        - re:bert.encoder.layer.*.intermediate.dense.weight
        - re:bert.encoder.layer.*.output.dense.weight
      init_sparsity: 0.05
      final_sparsity: 0.8
      start_epoch: eval(prune_start)
      end_epoch: eval(prune_end)
      update_frequency: 0.1
"""


def make_model(folder: Path, tokenizer: Path) -> None:
    """A model folder with a config and BERT's tokenizer but no weights."""
    from transformers import BertConfig, BertTokenizerFast

    vocabulary = str(tokenizer / "bert-base-uncased-vocab.txt")
    BertTokenizerFast(vocab=vocabulary, do_lower_case=True, model_max_length=512).save_pretrained(folder)
    config = BertConfig(hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512)
    config.architectures = ["BertForQuestionAnswering"]
    config.save_pretrained(folder)


def sqa(*arguments: str) -> str:
    """Run `sqa-tui` with `arguments`, show the command, return its output; stop the benchmark where it fails."""
    print("$ sqa-tui " + " ".join(arguments), flush=True)
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "sqa_tui", *arguments], stdout=subprocess.PIPE, text=True)
    print(f"  [{time.monotonic() - start:.0f} s, exit code {done.returncode}]")
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


def is_pruned(name: str) -> bool:
    """True for the encoder matrices that the recipe names."""
    return name.startswith("bert.encoder.layer.") and name.endswith(".weight") and "LayerNorm" not in name


def zeros_in_checkpoint(folder: Path) -> dict[str, float]:
    """Share of exact zeros of each pruned matrix in `model.safetensors`."""
    return {
        name: float(np.mean(values == 0))
        for name, values in load_file(folder / "model.safetensors").items()
        if is_pruned(name)
    }


def zeros_in_onnx(path: Path) -> dict[str, float]:
    """Share of exact zeros of each pruned matrix that the graph multiplies by; they bear the parameters' names."""
    graph = onnx.load(path).graph
    multiplied = {name for node in graph.node if node.op_type == "MatMul" for name in node.input}
    return {
        value.name: float(np.mean(onnx.numpy_helper.to_array(value) == 0))
        for value in graph.initializer
        if is_pruned(value.name) and value.name in multiplied
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, help="where model and output go (default: a temporary folder)")
    parser.add_argument("--questions", type=int, default=2000)
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="sqa-real-"))
    work.mkdir(parents=True, exist_ok=True)
    model, output, recipe = work / "model", work / "output", work / "recipe.yaml"
    make_model(model, options.data / "tokenizer")
    recipe.write_text(RECIPE)
    validation = options.data / "qa-extra" / "xquad.en.json.gz"
    train = ["--model_name_or_path", str(model), "--train_file", str(options.data / "squad" / "train-v1.1.json.gz")]
    train += ["--validation_file", str(validation), "--max_train_samples", str(options.questions)]
    train += ["--do_train", "--do_eval", "--recipe", str(recipe), "--output_dir", str(output)]
    train += ["--per_device_train_batch_size", "16", "--per_device_eval_batch_size", "32", "--seed", "42"]
    print(sqa("train", *train, "--overwrite_output_dir", "--distill_teacher", "disable"))
    report = json.loads(sqa("export", "--model_path", str(output), "--task", "question-answering", "--json"))
    context = "Super Bowl 50 was played on February 7, 2016, at Levi's Stadium in Santa Clara, California."
    print(sqa("ask", str(output), "Where was Super Bowl 50 played?", "--context", context))
    scores = json.loads((output / "eval_results.json").read_text())
    print(f"torch: EM {scores['eval_exact_match']:.3f}, F1 {scores['eval_f1']:.3f}")
    print(sqa("eval", str(output / "deployment"), "--validation_file", str(validation)))
    checkpoint = zeros_in_checkpoint(output)
    exported = zeros_in_onnx(output / "deployment" / "model.onnx")
    for name, share in checkpoint.items():
        print(f"{name:60} checkpoint {share:.6f}  ONNX {exported[name]:.6f}")
    print(f"largest difference of ONNX from torch: {report['difference']} (tolerance {report['tolerance']})")
    right = all(abs(share - SPARSITY) < 1e-4 for share in [*checkpoint.values(), *exported.values()])
    print("every pruned matrix is at 80 %" if right else "NOT every pruned matrix is at 80 %")
    if options.work is None:
        shutil.rmtree(work)
    return 0 if right and len(checkpoint) == len(exported) == 12 else 1


if __name__ == "__main__":
    sys.exit(main())
