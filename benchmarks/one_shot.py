"""What pruning in one step costs the demo teacher, without any training: magnitude, Wanda, SparseGPT and OBS.

    python -m benchmarks.one_shot [--sparsity 0.5 0.7] [--seed 42 ...] [--method SparseGPT ...] [--work DIR]

The linear layers of the encoder are pruned by `--one_shot` on training questions of the demo set, and scored on its
1,000 held-out questions. Magnitude, Wanda and SparseGPT prune every matrix alike; OBS, and the second row of magnitude,
choose with one threshold over all of them. The seed says which windows are looked at.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import torch

from engine.question_answering.arguments import DataTrainingArguments, ModelArguments
from engine.question_answering.preflight import build_spec
from engine.question_answering.scoring import score_model
from engine.question_answering.training import arguments_of, run
from engine.runs.launch import create_run
from engine.runs.recorder import RunRecorder
from engine.runs.spec import read_spec
from engine.zoo import resolve_model
from engine.zoo.demo.publish import TEACHER

LENGTH = "256"
ENCODER = "params: ['re:bert.encoder.*(query|key|value|dense).weight$']"
AT_ONCE = f"init_sparsity: 0, final_sparsity: {{0}}, start_epoch: 0, end_epoch: 1, update_frequency: 1, {ENCODER}"
OBS = "num_grads: 256, fisher_block_size: 50, grad_sampler_kwargs: {{batch_size: 4}}"
METHODS = {
    "magnitude": "OneShotPruningModifier {{sparsity: {0}, method: magnitude}}",
    "magnitude, one threshold": f"GlobalMagnitudePruningModifier {{{{{AT_ONCE}}}}}",
    "Wanda": "OneShotPruningModifier {{sparsity: {0}, method: wanda}}",
    "SparseGPT": "OneShotPruningModifier {{sparsity: {0}, method: sparsegpt}}",
    "OBS, in four rounds": f"OBSPruningModifier {{{{{AT_ONCE}, {OBS}, num_recomputations: 4}}}}",
}
NEEDS_NO_DATA = ("magnitude", "magnitude, one threshold")


@dataclass(frozen=True)
class Figure:
    """F1 in percent of one model, and the seconds that pruning took."""

    f1: float
    seconds: float


def prune(method: str, sparsity: float, seed: int, work: Path) -> tuple[Path, float]:
    """Prune the teacher by a method; returns the model's folder and the seconds it took."""
    recipe, output = work / "recipe.yaml", work / "model"
    recipe.write_text(f"modifiers:\n  - !{METHODS[method].format(sparsity)}\n", encoding="utf-8")
    line = ["--model_name_or_path", TEACHER, "--recipe", str(recipe), "--one_shot", "--dataset_name", "facts"]
    line += ["--max_seq_length", LENGTH, "--seed", str(seed), "--use_cpu", "--per_device_train_batch_size", "16"]
    directory = create_run(slug="one-shot", root=work / "runs", spec=build_spec([*line, "--output_dir", str(output)]))
    spec = read_spec(directory)
    began = time.perf_counter()
    with RunRecorder(directory, signals=False) as recorder, contextlib.redirect_stdout(sys.stderr):
        run(spec, arguments_of(spec), recorder)
    return output, time.perf_counter() - began


def f1(folder: Path) -> float:
    """F1 on the held-out questions of the demo set."""
    scored = score_model(
        ModelArguments(model_name_or_path=str(folder)),
        DataTrainingArguments(dataset_name="facts", max_seq_length=int(LENGTH)),
        batch_size=64,
        use_cpu=True,
        say=lambda text: None,
        on_batch=lambda done, total: None,
    )
    return scored.scores["f1"]


def measure(method: str, sparsity: float, seed: int, work: Path) -> Figure:
    """Prune and score."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        model, seconds = prune(method, sparsity, seed, Path(folder))
        figure = Figure(f1(model), seconds)
    print(
        f"{method}, {sparsity:g}, seed {seed}: F1 {figure.f1:.2f}, {figure.seconds:.0f} s", file=sys.stderr, flush=True
    )
    return figure


def shown(figures: list[Figure]) -> str:
    """Mean F1 over the seeds, with the lowest and highest where there are some."""
    values = [figure.f1 for figure in figures]
    spread = f" ({min(values):.2f} … {max(values):.2f})" if len(values) > 1 else ""
    return f"{mean(values):.2f}{spread}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sparsity", type=float, nargs="+", default=[0.5, 0.7])
    parser.add_argument("--seed", type=int, nargs="+", default=[42])
    parser.add_argument("--method", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--work", type=Path, help="where models go meanwhile (default: a temporary folder)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        columns = [f"F1 at {100 * sparsity:g} %" for sparsity in options.sparsity]
        lines = [f"| method | {' | '.join(columns)} | seconds |", f"|---|{'---:|' * (len(columns) + 1)}"]
        lines.append(f"| dense | {' | '.join([f'{f1(Path(resolve_model(TEACHER))):.2f}'] * len(columns))} | |")
        for method in options.method:
            seeds = options.seed[:1] if method in NEEDS_NO_DATA else options.seed
            rows = [[measure(method, share, seed, Path(work)) for seed in seeds] for share in options.sparsity]
            seconds = mean(figure.seconds for figures in rows for figure in figures)
            lines.append(f"| {method} | {' | '.join(shown(figures) for figures in rows)} | {seconds:.0f} |")
    print("\n".join(lines))
    print(f"\nSeeds {', '.join(map(str, options.seed))}; seconds with {options.threads} threads, loading included.")


if __name__ == "__main__":
    main()
