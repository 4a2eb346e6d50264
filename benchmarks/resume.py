"""Resume, proven: runs that are killed in every phase of a recipe, and go on by themselves, end in the same weights.

    python -m benchmarks.resume [--kills 12] [--seed 0] [--questions 200]

The demo model is pruned by magnitude and by second-order information, distilled from the demo teacher and quantized.
One run is left alone; for each random step another run is killed (SIGKILL) after that step, started again as
`sqa-tui resume` starts it, and compared with the first one, tensor by tensor. One line a step; exit code 1 where any
bit differs.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import random
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

TEACHER = "zoo:nlp/question_answering/bert-demo/pytorch/huggingface/facts/base-none"
SAVE_STEPS = 4
RECIPE = """
modifiers:
  - !EpochRangeModifier {start_epoch: 0.0, end_epoch: 3.0}
  - !LearningRateFunctionModifier {start_epoch: 0.0, end_epoch: 3.0, lr_func: linear, init_lr: 1.0e-3, final_lr: 0.0}
  - !MagnitudePruningModifier {params: ['re:bert.encoder.layer.*.(intermediate|output).dense.weight'],
      init_sparsity: 0.3, final_sparsity: 0.8, start_epoch: 0.5, end_epoch: 1.5, update_frequency: 0.1}
  - !OBSPruningModifier {params: ['re:bert.encoder.layer.*.attention.self.*.weight'], init_sparsity: 0.3,
      final_sparsity: 0.6, start_epoch: 1.5, end_epoch: 2.0, update_frequency: 0.2, num_grads: 8, fisher_block_size: 8}
  - !DistillationModifier {hardness: 0.5, temperature: 2.0, distill_output_keys: [start_logits, end_logits]}
  - !QuantizationModifier {start_epoch: 2.0, disable_quantization_observer_epoch: 2.5, quantize_linear_activations: 0,
      exclude_module_types: [LayerNorm], submodules: [bert.embeddings, bert.encoder, qa_outputs]}
"""
PHASES = {
    "dense": (0.0, 0.5),
    "magnitude": (0.5, 1.5),
    "OBS": (1.5, 2.0),
    "QAT": (2.0, 2.5),
    "frozen": (2.5, 3.0),
}


@contextlib.contextmanager
def home(folder: Path) -> Iterator[None]:
    """Runs and caches of their own: what a killed run left of the teacher's logits is all that the next one finds."""
    before = os.environ.get("SQA_HOME")
    os.environ["SQA_HOME"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("SQA_HOME")
        if before is not None:
            os.environ["SQA_HOME"] = before


def create(work: Path, name: str, questions: int) -> Any:
    """A new run in a home of its own."""
    from engine.question_answering.preflight import build_spec
    from engine.runs.launch import create_run

    recipe = work / "recipe.yaml"
    recipe.write_text(RECIPE)
    line = ["--model_name_or_path", TEACHER, "--distill_teacher", TEACHER, "--recipe", str(recipe), "--do_train"]
    line += ["--dataset_name", "facts", "--max_train_samples", str(questions), "--max_seq_length", "64"]
    line += ["--doc_stride", "16", "--per_device_train_batch_size", "16", "--save_steps", str(SAVE_STEPS), "--use_cpu"]
    with home(work / name):
        return create_run(slug=name, spec=build_spec(line))


def engine(directory: Any, kill_at: int | None) -> None:
    """The engine of a run, which kills itself after step `kill_at`."""
    from engine.question_answering import train
    from engine.runs.recorder import RunRecorder

    # What it prints is not what this program prints.
    console = os.open(directory.console_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(console, 1)
    os.dup2(console, 2)
    emit = RunRecorder.emit

    def watching(self: RunRecorder, kind: str, **fields: Any) -> None:
        emit(self, kind, **fields)
        if kind == "metric" and fields.get("step") == kill_at:
            self.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    RunRecorder.emit = watching  # pyright: ignore[reportAttributeAccessIssue]
    sys.exit(train.main(["--run_directory", str(directory.path)]))


def start(work: Path, name: str, directory: Any, kill_at: int | None = None) -> int:
    """Run the engine in a process of its own, forked from this one, which has loaded all modules; its exit code."""
    with home(work / name):
        process = multiprocessing.get_context("fork").Process(target=engine, args=(directory, kill_at))
        process.start()
        process.join()
    if process.exitcode != (-signal.SIGKILL if kill_at is not None else 0):
        raise SystemExit(f"the engine ended with {process.exitcode}: {directory.console_file.read_text()[-2000:]}")
    return int(process.exitcode or 0)


def weights(directory: Any) -> dict[str, Any]:
    from safetensors.numpy import load_file

    return load_file(directory.output / "model.safetensors")


def events(directory: Any, kind: str) -> list[dict[str, Any]]:
    from engine.runs.reader import EventReader

    return [event for event in EventReader(directory.events_file).read() if event["kind"] == kind]


def steps_to_kill(steps_per_epoch: int, count: int, seed: int) -> list[tuple[str, int]]:
    """`count` random steps, all phases in turn."""
    generator = random.Random(seed)
    left: dict[str, list[int]] = {}
    for phase, (begin, end) in PHASES.items():
        # The last step of all is left out: nothing goes on after it.
        steps = range(int(begin * steps_per_epoch) + 1, min(int(end * steps_per_epoch) + 1, 3 * steps_per_epoch))
        left[phase] = generator.sample(steps, len(steps))
    found: list[tuple[str, int]] = []
    while len(found) < count and any(left.values()):
        found += [(phase, steps.pop()) for phase, steps in left.items() if steps]
    return sorted(found[:count], key=lambda item: item[1])


def compare(work: Path, expected: dict[str, Any], phase: str, step: int, questions: int) -> bool:
    """Kill a run after `step`, let it go on, and print whether it ends like the first one."""
    import numpy as np

    name = f"step-{step}"
    directory = create(work, name, questions)
    start(work, name, directory, step)
    start(work, name, directory)
    found = weights(directory)
    bytes_of = {key: value.tobytes() for key, value in found.items()}
    differ = [key for key, value in expected.items() if bytes_of.get(key) != np.asarray(value).tobytes()]
    differ += sorted(set(found) - set(expected))
    went_on = next((text for event in events(directory, "alert") if "going on from" in (text := event["message"])), "")
    source = Path(went_on.rpartition(" ")[2]).name if went_on else "the beginning"
    verdict = "identical" if not differ else f"{len(differ)} DIFFER, first {differ[0]}"
    print(
        f"killed after step {step:4d} ({phase:9s}) resumed from {source:13s} {len(expected)} tensors {verdict}",
        flush=True,
    )
    return not differ


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--questions", type=int, default=200)
    options = parser.parse_args()
    import engine.question_answering.training  # noqa: F401 - loaded once, for all that are forked

    with tempfile.TemporaryDirectory(prefix="sqa-resume-") as folder:
        work = Path(folder)
        whole = create(work, "whole", options.questions)
        start(work, "whole", whole)
        begin = events(whole, "start")[0]
        print(f"{begin['total_steps']} steps, {begin['steps_per_epoch']} an epoch, a checkpoint every {SAVE_STEPS}")
        expected = weights(whole)
        chosen = steps_to_kill(begin["steps_per_epoch"], options.kills, options.seed)
        same = [compare(work, expected, phase, step, options.questions) for phase, step in chosen]
    print(f"{sum(same)} of {len(same)} killed runs end in the weights of the run that was left alone")
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
