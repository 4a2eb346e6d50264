"""What a recipe costs in training: step times as ratios to transformers' own Trainer, side by side in one run.

    python -m benchmarks.training --data DIR [--rounds 3] [--steps 14] [--layers 4] [--hidden 256] [--batch 16] [--bf16]

DIR holds `squad/train-v1.1.json.gz` and `tokenizer/` (BERT's vocabulary). A BERT of random weights; lengths padded to
`--length`. Variants take turns; a line shows the shortest and the median step of all rounds and the ratio of each to
the plain Trainer. Prints, asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.training_job import (
    DISTILLATION,
    HEAD,
    PRUNING,
    QUANTIZATION,
    first_questions,
    plain_trainer,
    prepared_run,
    temporary_home,
    timed,
    write_model,
)


@dataclass
class Variant:
    """One way to train, and the seconds of its steps."""

    name: str
    recipe: str | None = None
    flags: tuple[str, ...] = ()
    plain: bool = False
    seconds: list[float] = field(default_factory=list)

    def row(self, base: Variant) -> str:
        shortest, median = min(self.seconds), sorted(self.seconds)[len(self.seconds) // 2]
        ratios = f"{shortest / min(base.seconds):.2f} / {median / sorted(base.seconds)[len(base.seconds) // 2]:.2f}"
        return f"{self.name:45} {shortest * 1000:8.1f} {median * 1000:8.1f}   {ratios}"


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


def run(variant: Variant, line: list[str], work: Path, steps: int, skip: int) -> None:
    """One block of steps of `variant`."""
    if variant.recipe is not None:
        recipe = work / "recipe.yaml"
        recipe.write_text(variant.recipe)
        line = [*line, "--recipe", str(recipe), *variant.flags]
        if "Distillation" in variant.recipe:
            line += ["--distill_teacher", str(work / "teacher")]
    prepared, recorder = prepared_run(line)
    with recorder:
        trainer = plain_trainer(prepared) if variant.plain else prepared.trainer
        times = timed(trainer, steps, skip)
    variant.seconds += times.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    for name, default in {"rounds": 3, "steps": 14, "layers": 4, "hidden": 256, "batch": 16, "length": 128}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--bf16", action="store_true")
    options = parser.parse_args()
    work = temporary_home()
    os.environ["SQA_HOME"] = str(work / "home")
    vocabulary = options.data / "tokenizer" / "bert-base-uncased-vocab.txt"
    for name in ("model", "teacher"):
        write_model(work / name, vocabulary, layers=options.layers, hidden=options.hidden)
    line = ["--model_name_or_path", str(work / "model"), "--do_train", "--pad_to_max_length", "True"]
    line += ["--train_file", str(first_questions(options.data / "squad" / "train-v1.1.json.gz", work, 2500))]
    line += ["--max_seq_length", str(options.length), "--doc_stride", "32", "--report_to", "none"]
    line += ["--per_device_train_batch_size", str(options.batch), *(["--bf16"] if options.bf16 else [])]
    found = variants()
    for turn in range(options.rounds + 1):
        for variant in found:
            run(variant, line, work, options.steps, skip=3)
            if turn == 0:
                variant.seconds.clear()  # fills the caches: tokenised windows, the teacher's logits
    shutil.rmtree(work)
    print(f"BERT {options.layers} × {options.hidden}, batch {options.batch} × {options.length}; milliseconds a step")
    print(f"{'':45} {'shortest':>8} {'median':>8}   ratios to the first line")
    for variant in found:
        print(variant.row(found[0]))


if __name__ == "__main__":
    main()
