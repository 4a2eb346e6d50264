"""Tokenising SQuAD's training questions: the first time in one thread and in all, and from the cache.

    python -m benchmarks.tokenise --data DIR [--questions 20000]

DIR holds `squad/` and `tokenizer/`. Windows of at most 384 tokens with a stride of 128. Every line is a process of its
own, as a run is. Prints, asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def once(data: Path, questions: int) -> None:
    """Print the seconds that the windows of this process took, without loading the questions."""
    from transformers import BertTokenizerFast

    from engine.question_answering.arguments import DataTrainingArguments
    from engine.question_answering.features import WindowSettings, training_windows
    from engine.question_answering.sources import load_examples
    from engine.question_answering.windows_cache import cached_windows

    file = data / "squad" / "train-v1.1.json.gz"
    examples = load_examples(DataTrainingArguments(train_file=str(file), max_train_samples=questions), "train").examples
    vocabulary = data / "tokenizer" / "bert-base-uncased-vocab.txt"
    tokenizer = BertTokenizerFast(vocab=str(vocabulary), do_lower_case=True, model_max_length=512)
    began = time.perf_counter()
    windows = cached_windows(training_windows, examples, tokenizer, WindowSettings(), lambda text: None)
    print(f"{time.perf_counter() - began:.2f} {len(windows)}")


def measure(options: argparse.Namespace, home: Path, **environment: str) -> tuple[float, int]:
    """Seconds and windows of one process."""
    command = [sys.executable, "-m", "benchmarks.tokenise", "--data", str(options.data), "--once"]
    command += ["--questions", str(options.questions)]
    settings = os.environ | {"SQA_HOME": str(home)} | environment
    said = subprocess.run(command, env=settings, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return float(said[0]), int(said[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=20000)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        once(options.data, options.questions)
        return
    with tempfile.TemporaryDirectory(prefix="sqa-tokenise-") as folder:
        alone, count = measure(options, Path(folder) / "alone", RAYON_NUM_THREADS="1")
        together, _ = measure(options, Path(folder) / "home")
        again, _ = measure(options, Path(folder) / "home")
    print(f"{options.questions} questions of SQuAD 1.1, {count} windows; seconds, and the ratio to the first line")
    lines = {"one thread": alone, "all cores": together, "from the cache": again}
    for name, seconds in lines.items():
        print(f"{name:20} {seconds:7.2f} {seconds / alone:7.3f}")


if __name__ == "__main__":
    main()
