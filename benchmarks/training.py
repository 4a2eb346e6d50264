"""What a recipe costs in training: step times as ratios to transformers' own Trainer, side by side in one run.

    python -m benchmarks.training --data DIR [--rounds 8] [--steps 5] [--layers 4] [--hidden 256] [--batch 16] [--bf16]

DIR holds `squad/train-v1.1.json.gz` and `tokenizer/` (BERT's vocabulary). A BERT of random weights; lengths padded to
`--length`. All variants train at once in one process and take turns, `--steps` steps each, so that a machine that gets
slower gets it for all. A line shows the shortest and the median step, the ratio of the shortest steps to the plain
Trainer's, and the median of the ratios of turns that followed each other. Prints, asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import threading
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from transformers import Trainer

from benchmarks.training_job import (
    DISTILLATION,
    HEAD,
    PRUNING,
    QUANTIZATION,
    TakingTurns,
    Turns,
    first_questions,
    plain_trainer,
    prepared_run,
    temporary_home,
    timed_by,
    write_student_and_teacher,
)
from engine.runs.recorder import RunRecorder


@dataclass
class Variant:
    """One way to train, and the seconds of its steps: a list for each of its turns."""

    name: str
    recipe: str | None = None
    flags: tuple[str, ...] = ()
    plain: bool = False
    blocks: list[list[float]] = field(default_factory=list)

    def row(self, base: Variant) -> str:
        shortest, median = min(chain(*self.blocks)), statistics.median(chain(*self.blocks))
        at_best = shortest / min(chain(*base.blocks))
        pairs = zip(self.blocks, base.blocks, strict=True)
        beside = statistics.median(statistics.median(own) / statistics.median(plain) for own, plain in pairs)
        return f"{self.name:45} {shortest * 1000:8.1f} {median * 1000:8.1f}   {at_best:.2f} / {beside:.2f}"


def variants() -> list[Variant]:
    live, cached = ("--cache_teacher", "False"), ("--cache_teacher", "True")
    pruning = PRUNING.format(frequency=0.01)
    return [
        Variant("transformers' Trainer", plain=True),
        Variant("no recipe"),
        Variant("pruning, masks and events every step", HEAD + pruning),
        Variant("distillation, live teacher", HEAD + DISTILLATION, live),
        Variant("distillation, cached logits", HEAD + DISTILLATION, cached),
        Variant("pruning + distillation + QAT, live teacher", HEAD + pruning + DISTILLATION + QUANTIZATION, live),
        Variant("pruning + distillation + QAT, cached logits", HEAD + pruning + DISTILLATION + QUANTIZATION, cached),
    ]


def prepared(variant: Variant, line: list[str], work: Path, name: str) -> tuple[Trainer, RunRecorder]:
    """The trainer of `variant`."""
    if variant.recipe is not None:
        recipe = work / f"{name}.yaml"
        recipe.write_text(variant.recipe)
        line = [*line, "--recipe", str(recipe), *variant.flags]
        if "Distillation" in variant.recipe:
            line += ["--distill_teacher", str(work / "teacher")]
    made, recorder = prepared_run(line)
    return plain_trainer(made) if variant.plain else made.trainer, recorder


def train_in_turns(variants: list[Variant], line: list[str], work: Path, rounds: int, block: int) -> None:
    """Train all variants at once in one process, `block` steps of one after `block` steps of the other."""
    turns = Turns(len(variants))
    threads: list[threading.Thread] = []
    for place, variant in enumerate(variants):
        trainer, recorder = prepared(variant, line, work, str(place))
        taking = TakingTurns(turns, place, block, variant.blocks)

        def train(trainer: Trainer = trainer, recorder: RunRecorder = recorder, taking: TakingTurns = taking) -> None:
            with recorder, turns.leaving(taking.place):
                timed_by(trainer, taking, block * (rounds + 1))

        threads.append(threading.Thread(target=train))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    for name, default in {"rounds": 8, "steps": 5, "layers": 4, "hidden": 256, "batch": 16, "length": 128}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--bf16", action="store_true")
    options = parser.parse_args()
    work = temporary_home()
    os.environ["SQA_HOME"] = str(work / "home")
    write_student_and_teacher(work, options.data, layers=options.layers, hidden=options.hidden)
    line = ["--model_name_or_path", str(work / "model"), "--do_train", "--pad_to_max_length", "True"]
    line += ["--train_file", str(first_questions(options.data / "squad" / "train-v1.1.json.gz", work, 2500))]
    line += ["--max_seq_length", str(options.length), "--doc_stride", "32", "--report_to", "none"]
    line += ["--per_device_train_batch_size", str(options.batch), *(["--bf16"] if options.bf16 else [])]
    found = variants()
    cached = next(variant for variant in found if "cached" in variant.name)
    train_in_turns([replace(cached, blocks=[])], line, work, options.rounds, options.steps)  # fills the caches
    train_in_turns(found, line, work, options.rounds, options.steps)
    shutil.rmtree(work)
    print(f"BERT {options.layers} × {options.hidden}, batch {options.batch} × {options.length}; milliseconds a step")
    print(f"{'':45} {'shortest':>8} {'median':>8}   ratios: shortest / turn by turn")
    for variant in found:
        print(variant.row(found[0]))


if __name__ == "__main__":
    main()
