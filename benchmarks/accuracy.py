"""What is left of a model's F1 when it is pruned: magnitude, oBERT and movement, each with distillation.

    python -m benchmarks.accuracy --data DIR [--model facts squad] [--work DIR] [--seed 42] [--threads N]

Two dense models: the demo teacher, and on SQuAD 1.1 a BERT of 4 layers × 256 that is trained here from a config, so
without pretraining, on the first `--questions` questions. Each is pruned to 80 and 90 % by every method with the same
epochs, learning rate, schedule and teacher, the dense model itself, and scored on held-out questions. Recovery is
F1 ÷ the dense model's F1. DIR holds `squad/` and `tokenizer/`. What is in `--work` already is not trained again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.training_job import write_model
from engine.zoo import resolve_model
from engine.zoo.demo.publish import TEACHER

SPARSITIES = (0.8, 0.9)
EVALUATED = 1000
"""The first so many questions of SQuAD's dev set are asked."""
METHODS = {
    "magnitude": "!MagnitudePruningModifier\n      update_frequency: 0.05",
    "oBERT": "!OBSPruningModifier\n      update_frequency: 0.25\n      num_grads: 256\n      fisher_block_size: 50\n"
    "      grad_sampler_kwargs: {batch_size: 4}",
    "movement": "!MovementPruningModifier\n      update_frequency: 0.05",
}
RECIPE = """\
modifiers:
  - !EpochRangeModifier
      start_epoch: 0.0
      end_epoch: {epochs}
  - !LearningRateFunctionModifier
      lr_func: linear
      start_epoch: 0.0
      end_epoch: {epochs}
      init_lr: {rate}
      final_lr: 0.0
  - {method}
      init_sparsity: 0.3
      final_sparsity: {sparsity}
      start_epoch: {start}
      end_epoch: {end}
      params: ['re:bert.encoder.*(query|key|value|dense).weight$']
  - !DistillationModifier
      hardness: 0.9
      temperature: 2.0
      distill_output_keys: [start_logits, end_logits]
"""


@dataclass(frozen=True)
class Job:
    """A dense model and how it is pruned.

    Attributes:
        title: As the table names it.
        dense: Its folder or stub.
        data: The flags that say on what it is trained and scored.
        epochs: Of every pruned run; sparsity grows between a twelfth and two thirds of them.
        rate: The learning rate at the beginning.
    """

    title: str
    dense: str
    data: tuple[str, ...]
    epochs: float
    rate: float

    def recipe(self, method: str, sparsity: float) -> str:
        start, end = self.epochs / 12, self.epochs * 2 / 3
        settings = {"epochs": self.epochs, "rate": self.rate, "start": start, "end": end, "sparsity": sparsity}
        return RECIPE.format(method=METHODS[method], **settings)


def train(line: list[str], output: Path, seed: int) -> float:
    """One `sqa-tui train`, unless its scores are there already; returns F1 in percent."""
    results = output / "all_results.json"
    if not results.is_file():
        began = time.monotonic()
        line = [*line, "--do_train", "--do_eval", "--save_strategy", "no", "--seed", str(seed)]
        command = [sys.executable, "-m", "sqa_tui", "train", *line, "--output_dir", str(output)]
        subprocess.run(command, stdout=sys.stderr, check=True)
        print(f"{output.name}: {(time.monotonic() - began) / 60:.1f} minutes", file=sys.stderr, flush=True)
    return float(json.loads(results.read_text())["eval_f1"])


def squad_job(data: Path, work: Path, options: argparse.Namespace) -> Job:
    """The job on SQuAD, with its dense model trained."""
    flags = ["--train_file", str(data / "squad" / "train-v1.1.json.gz")]
    flags += ["--validation_file", str(data / "squad" / "dev-v1.1.json.gz")]
    flags += ["--max_train_samples", str(options.questions), "--max_eval_samples", str(EVALUATED)]
    flags += ["--per_device_train_batch_size", "32", "--per_device_eval_batch_size", "64"]
    blank, dense = work / "squad-blank", work / "squad-dense"
    if not (blank / "config.json").is_file():
        write_model(blank, data / "tokenizer" / "bert-base-uncased-vocab.txt", layers=4, hidden=256)
    line = ["--model_name_or_path", str(blank), "--learning_rate", "5e-4", "--warmup_steps", "20", *flags]
    train([*line, "--num_train_epochs", str(options.dense_epochs)], dense, options.seed)
    return Job("BERT 4 × 256 on SQuAD", str(dense), tuple(flags), options.squad_epochs, 3e-4)


def facts_job() -> Job:
    """The job on the demo set, whose teacher comes with the program."""
    flags = ("--dataset_name", "facts", "--max_seq_length", "128", "--doc_stride", "32")
    return Job("demo model", TEACHER, (*flags, "--per_device_train_batch_size", "32"), 3.0, 1e-3)


def dense_f1(job: Job, work: Path) -> float:
    """F1 in percent of a dense model as it is."""
    output = work / "facts-dense.json"
    folder = Path(resolve_model(job.dense))
    if (folder / "all_results.json").is_file():
        return float(json.loads((folder / "all_results.json").read_text())["eval_f1"])
    if not output.is_file():
        command = [sys.executable, "-m", "sqa_tui", "eval", job.dense, *job.data[:6], "--json"]
        output.write_text(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return float(json.loads(output.read_text())["f1"])


def measure(name: str, job: Job, work: Path, methods: list[str], seed: int) -> list[str]:
    """The rows of one dense model."""
    dense = dense_f1(job, work)
    rows = [f"| {job.title} | dense | {dense:.2f} | 100.0 % | {dense:.2f} | 100.0 % |"]
    for method in methods:
        cells: list[str] = []
        for sparsity in SPARSITIES:
            output = work / f"{name}-{method}-{100 * sparsity:g}-{seed}"
            recipe = output.with_suffix(".yaml")
            recipe.write_text(job.recipe(method, sparsity))
            line = ["--model_name_or_path", job.dense, "--distill_teacher", job.dense, "--recipe", str(recipe)]
            f1 = train([*line, *job.data], output, seed)
            cells.append(f"{f1:.2f} | {100 * f1 / dense:.1f} %")
        rows.append(f"| | {method} | {' | '.join(cells)} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="needed for squad")
    parser.add_argument("--model", nargs="+", choices=["facts", "squad"], default=["facts", "squad"])
    parser.add_argument("--method", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--work", type=Path, help="where the models go (default: a temporary folder)")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--dense_epochs", type=float, default=3)
    parser.add_argument("--squad_epochs", type=float, default=1)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    if "squad" in options.model and options.data is None:
        parser.error("--data DIR is needed for squad")
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    with tempfile.TemporaryDirectory(prefix="sqa-accuracy-") as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        os.environ["SQA_HOME"] = str(work / "home")
        rows = ["| model | method | F1 at 80 % | recovery | F1 at 90 % | recovery |", "|---|---|---:|---:|---:|---:|"]
        if "facts" in options.model:
            rows += measure("facts", facts_job(), work, options.method, options.seed)
        if "squad" in options.model:
            rows += measure("squad", squad_job(options.data, work, options), work, options.method, options.seed)
    print("\n".join(rows))
    print(f"\nSeed {options.seed}. `python -m benchmarks.accuracy --data DIR`", end="")
    lengths = f"dense in {options.dense_epochs:g} epochs, sparse in {options.squad_epochs:g}"
    print(f"; SQuAD: first {options.questions} questions, {lengths}, scored on {EVALUATED} of the dev set.")


if __name__ == "__main__":
    main()
