"""Every written recipe trains from the command line, unchanged, on a small model of its architecture.

    python -m benchmarks.written_recipes [NAME …] [--num_grads 8] [--work DIR]

The recipes of `tests/data/recipes` with all their epochs; a run is short because an epoch has two steps. Recipes for
pruned models start from the model that another of them made. Models are built from a configuration with random weights
and the demo's vocabulary, so that F1 means nothing; zeros and quantizers are counted in the saved weights. Only the
number of sampled gradients is changed, through the recipe's own variable. Exits with 1 where a run fails, a sparsity is
not the recipe's, or a quantized model is not quantized.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from engine.recipes import load_recipe
from engine.recipes.modifiers import AnyQuantizationModifier, ConstantPruningModifier, GradualPruningModifier
from engine.recipes.recipe import Recipe
from engine.runs.listing import list_runs
from engine.runs.reader import EventReader
from engine.zoo import resolve_model
from engine.zoo.demo.publish import TEACHER

RECIPES = Path(__file__).parent.parent / "tests" / "data" / "recipes"
SAMPLES, BATCH = 16, 8
TOLERANCE = 0.002
"""One group of weights of the smallest matrix."""


@dataclass(frozen=True)
class Case:
    """A recipe, the model to train by it (a name of `MODELS` or the recipe whose model it is), and its sparsity."""

    recipe: str
    model: str
    sparsity: float

    @property
    def name(self) -> str:
        """The recipe's name without its extension."""
        return Path(self.recipe).stem


CASES = (
    Case("obert-30-epochs-unstructured-90.yaml", "bert-12", 0.9),
    Case("obert-13-epochs-transfer-quantize.yaml", "obert-30-epochs-unstructured-90", 0.9),
    Case("bert-12-layers-prune-90-quantize.md", "bert-12", 0.9),
    Case("mlperf-bert-large-prune-95-block4.yaml", "bert-24", 0.95),
    Case("mlperf-bert-large-quantize.yaml", "mlperf-bert-large-prune-95-block4", 0.95),
    Case("mlperf-mobilebert-14-layers-prune-50-block4.yaml", "mobilebert-24", 0.5),
    Case("mlperf-mobilebert-14-layers-quantize.yaml", "mlperf-mobilebert-14-layers-prune-50-block4", 0.5),
)
MODELS = {
    "bert-12": {"model_type": "bert", "num_hidden_layers": 12},
    "bert-24": {"model_type": "bert", "num_hidden_layers": 24},
    "mobilebert-24": {
        "model_type": "mobilebert",
        "num_hidden_layers": 24,
        "embedding_size": 32,
        "intra_bottleneck_size": 32,
        "true_hidden_size": 32,
    },
}


def make_model(name: str, folder: Path) -> Path:
    """A model folder with the demo's vocabulary and a small configuration, but no weights."""
    from transformers import CONFIG_MAPPING

    teacher = Path(resolve_model(TEACHER))
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copyfile(teacher / file, folder / file)
    words = len((folder / "vocab.txt").read_text().splitlines())
    sizes = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 256}
    settings = {**sizes, **MODELS[name]}
    CONFIG_MAPPING[settings.pop("model_type")](**settings, vocab_size=words).save_pretrained(folder)
    return folder


@dataclass(frozen=True)
class Outcome:
    """What became of a run; `sparsity` is measured over the parameters that the recipe prunes or holds."""

    code: int
    steps: int
    sparsity: float
    quantised: bool
    seconds: float


def run(case: Case, model: Path, output: Path, num_grads: int) -> Outcome:
    """Train by a recipe with the program a user would call."""
    recipe = RECIPES / case.recipe
    words = ["--model_name_or_path", str(model), "--recipe", str(recipe), "--distill_teacher", TEACHER]
    words += ["--do_train", "--do_eval", "--dataset_name", "facts", "--max_train_samples", str(SAMPLES)]
    words += ["--max_eval_samples", "4", "--per_device_train_batch_size", str(BATCH), "--seed", "42"]
    words += ["--output_dir", str(output), "--overwrite_output_dir"]
    if any(variable.name == "num_grads" for variable in load_recipe(recipe).described):
        words += ["--recipe_args", f"num_grads={num_grads}"]
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "sqa_tui", "train", *words], capture_output=True, text=True)
    seconds = time.monotonic() - start
    if done.returncode:
        print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
        return Outcome(done.returncode, 0, 0.0, False, seconds)
    tensors = load_file(output / "model.safetensors")
    weights = {name: values for name, values in tensors.items() if "_fake_quant." not in name}
    sparsity = zeros_of([weights[name] for name in pruned(load_recipe(recipe), weights)])
    return Outcome(0, steps_of_newest_run(), sparsity, len(weights) < len(tensors), seconds)


def pruned(recipe: Recipe, names: Iterable[str]) -> list[str]:
    """Names of the matrices that a pruning modifier means; embeddings may be held, but are dense."""
    pruning = [item for item in recipe.modifiers if isinstance(item, GradualPruningModifier | ConstantPruningModifier)]
    members = [member for item in pruning for member in item.params if not isinstance(item.params, str)]
    patterns = [re.compile(member.removeprefix("re:")) for member in members] or [re.compile(EVERY_MATRIX)]
    return [name for name in names if any(pattern.match(name) for pattern in patterns)]


EVERY_MATRIX = r"bert\.encoder\.layer\..*(query|key|value|dense)\.weight$"
"""What is sparse in a model whose recipe names no parameters."""


def zeros_of(tensors: list[np.ndarray]) -> float:
    """The share of exact zeros over all of them."""
    return sum(int((values == 0).sum()) for values in tensors) / max(sum(values.size for values in tensors), 1)


def steps_of_newest_run() -> int:
    """Optimizer steps of the run that was started last."""
    newest = max(list_runs(), key=lambda summary: Path(summary.path).stat().st_ctime)
    events = EventReader(Path(newest.path) / "events.jsonl").read()
    return max(event.get("step") or 0 for event in events)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="recipes, by the beginning of their names (default: all)")
    parser.add_argument("--num_grads", type=int, default=8, help="gradients sampled for each second-order update")
    parser.add_argument("--work", type=Path, help="where models and runs go (default: a temporary folder)")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="sqa-written-"))
    os.environ["SQA_HOME"] = str(work / "home")
    # Models this small are slower on many threads than on one.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print(f"{'recipe':46} code  steps  sparsity  int8  seconds")
    right = True
    for case in CASES:
        if options.names and not case.name.startswith(tuple(options.names)):
            continue
        model = work / case.model if case.model not in MODELS else make_model(case.model, work / "models" / case.model)
        outcome = run(case, model, work / case.name, options.num_grads)
        print(row(case, outcome), flush=True)
        right &= is_right(case, outcome)
    print("every recipe did what it says" if right else "NOT every recipe did what it says")
    if options.work is None:
        shutil.rmtree(work)
    return 0 if right else 1


def row(case: Case, outcome: Outcome) -> str:
    """One line of the table."""
    shown = f"{100 * outcome.sparsity:7.2f} % {'yes' if outcome.quantised else 'no':>5} {outcome.seconds:8.0f}"
    return f"{case.name:46} {outcome.code:4d} {outcome.steps:6d} {shown}"


def is_right(case: Case, outcome: Outcome) -> bool:
    """Whether a run ended well, with the recipe's epochs, sparsity and quantizers."""
    recipe = load_recipe(RECIPES / case.recipe)
    quantizes = any(isinstance(modifier, AnyQuantizationModifier) for modifier in recipe.modifiers)
    steps = recipe.max_epochs * -(-SAMPLES // BATCH)
    ended = outcome.code == 0 and outcome.steps == steps and outcome.quantised == quantizes
    return ended and abs(outcome.sparsity - case.sparsity) < TOLERANCE


if __name__ == "__main__":
    sys.exit(main())
