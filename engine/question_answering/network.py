"""A torch model as a function from batches of numpy arrays to logits."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.question_answering.evaluation import LogitsFunction, QuestionSet


def torch_logits(model: Any, device: torch.device) -> LogitsFunction:
    """`model` (on `device`) as a function to start and end logits in float32; inputs it does not know are left out."""
    known = _accepted(model)

    @torch.inference_mode()
    def logits(batch: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        inputs = {name: torch.from_numpy(values).to(device) for name, values in batch.items() if name in known}
        outputs = model(**inputs)
        return outputs.start_logits.float().cpu().numpy(), outputs.end_logits.float().cpu().numpy()

    return logits


def _accepted(model: Any) -> set[str]:
    """Names of the inputs that the model's class takes (accelerate may have wrapped the instance's method)."""
    return set(inspect.signature(type(model).forward).parameters)


def write_samples(model: Any, questions: QuestionSet, count: int, length: int, folder: Path) -> int:
    """Write `sample-inputs/inp-0000.npz` and `sample-outputs/out-0000.npz`, one window each, padded to `length`.

    Arrays have the names of the model's inputs and outputs and no batch dimension. Returns how many were written.
    """
    written = min(count, len(questions.windows))
    for name in ("sample-inputs", "sample-outputs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    known = _accepted(model)
    logits = torch_logits(model.eval(), next(model.parameters()).device)
    for index in range(written):
        batch = questions.padded(index, length)
        start, end = logits(batch)
        arrays = {name: values[0] for name, values in batch.items() if name in known}
        np.savez(folder / "sample-inputs" / f"inp-{index:04d}.npz", **arrays)  # pyright: ignore[reportArgumentType]
        np.savez(folder / "sample-outputs" / f"out-{index:04d}.npz", start_logits=start[0], end_logits=end[0])
    return written
