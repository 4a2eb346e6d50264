"""The same training job in the original's way and in ours, on SQuAD's real lengths: windows a second, and the ratio.

    python -m benchmarks.whole_job --data DIR [--questions 1000] [--layers 4] [--hidden 256] [--batch 16] [--only WORDS]

The job: a recipe of 30 epochs with magnitude pruning and distillation, windows of at most 384 tokens, a teacher of the
student's size. The original's way: the teacher is asked in every step, every window is padded to 384. Every line is one
whole epoch over the same windows, for batches are of unlike lengths; then one thing after the other is changed. The
first epoch with cached logits asks the teacher as well; the last line is what comes of all 30. Prints, asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.training_job import (
    DISTILLATION,
    HEAD,
    PRUNING,
    first_questions,
    prepared_run,
    temporary_home,
    timed,
    write_student_and_teacher,
)

EPOCHS = 30
PADDED, DYNAMIC = ("--pad_to_max_length", "True"), ("--pad_to_max_length", "False")
LIVE, CACHED = ("--cache_teacher", "False"), ("--cache_teacher", "True")


@dataclass
class Way:
    """One way to do the job, and its windows a second."""

    name: str
    flags: tuple[str, ...]
    attention: str = "sdpa"
    speed: float = 0.0


def ways() -> list[Way]:
    """The original's way first; ours, in its first epoch and in those after it."""
    ours = (*DYNAMIC, *CACHED)
    return [
        Way("the original's way: padded, live teacher", (*PADDED, *LIVE)),
        Way("by length, live teacher", (*DYNAMIC, *LIVE)),
        Way("ours, first epoch: by length, logits are kept", ours),
        Way("ours, later epochs: by length, cached logits", ours),
        Way("ours, with attention written out", ours, attention="eager"),
        Way("ours, with unfused AdamW", (*ours, "--optim", "adamw_torch")),
        Way("ours, with bf16", (*ours, "--bf16")),
        Way("ours, with a worker that collates batches", (*ours, "--dataloader_num_workers", "1")),
        Way("ours, with torch.compile", (*ours, "--torch_compile")),
    ]


def epoch(line: list[str], skip: int, attention: str) -> float:
    """Windows a second of one epoch; the first `skip` steps are not counted."""
    prepared, recorder = prepared_run(line)
    with recorder:
        trainer: Any = prepared.trainer
        trainer.network.set_attn_implementation(attention)
        times = timed(trainer, trainer.steps_per_epoch, skip)
        return len(times.seconds) * trainer.args.train_batch_size / sum(times.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    for name, default in {"questions": 1000, "layers": 4, "hidden": 256, "batch": 16, "skip": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", nargs="+", help="ways whose names hold one of these, beside the first")
    options = parser.parse_args()
    work = temporary_home()
    os.environ["SQA_HOME"] = str(work / "home")
    write_student_and_teacher(work, options.data, layers=options.layers, hidden=options.hidden)
    recipe = work / "recipe.yaml"
    recipe.write_text(HEAD + PRUNING.format(frequency=0.01) + DISTILLATION)
    questions = first_questions(options.data / "squad" / "train-v1.1.json.gz", work, options.questions)
    line = ["--model_name_or_path", str(work / "model"), "--distill_teacher", str(work / "teacher"), "--do_train"]
    line += ["--train_file", str(questions), "--max_seq_length", "384", "--doc_stride", "128", "--report_to", "none"]
    line += [] if torch.accelerator.is_available() else ["--use_cpu"]
    line += ["--per_device_train_batch_size", str(options.batch), "--recipe", str(recipe)]
    found = ways()
    if options.only:
        found = [found[0], *(way for way in found[1:] if any(word in way.name for word in options.only))]
    print(f"BERT {options.layers} × {options.hidden}, batch {options.batch}, {options.questions} questions of SQuAD")
    print(f"{'':50} windows/s  ratio", flush=True)
    for way in found:
        way.speed = epoch([*line, *way.flags], options.skip, way.attention)
        print(f"{way.name:50} {way.speed:9.2f} {way.speed / found[0].speed:6.2f}", flush=True)
    speeds = {way.name.partition(":")[0]: way.speed for way in found}
    if {"ours, first epoch", "ours, later epochs"} <= set(speeds):
        each = 1 / speeds["ours, first epoch"] + (EPOCHS - 1) / speeds["ours, later epochs"]
        print(f"{f'ours, all {EPOCHS} epochs':50} {EPOCHS / each:9.2f} {EPOCHS / each / found[0].speed:6.2f}")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
