"""The windows of an optimizer step, however many processes they are dealt out to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.question_answering.setup import Announcer
from engine.question_answering.training_arguments import TrainingArguments

BATCH_FILE = "batch.json"


@dataclass(frozen=True)
class StepBatch:
    """How the windows of an optimizer step are dealt out: to `ranks`, in `accumulation` batches of `size` each."""

    ranks: int
    size: int
    accumulation: int

    @classmethod
    def of(cls, training: TrainingArguments, ranks: int) -> StepBatch:
        return cls(ranks, training.per_device_train_batch_size, training.gradient_accumulation_steps)

    @property
    def windows(self) -> int:
        """Windows of an optimizer step."""
        return self.ranks * self.size * self.accumulation

    def write(self, checkpoint: Path) -> None:
        """Leave it in a checkpoint."""
        (checkpoint / BATCH_FILE).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, checkpoint: Path) -> StepBatch | None:
        """That of a checkpoint; None where it does not say."""
        try:
            found: dict[str, Any] = json.loads((checkpoint / BATCH_FILE).read_text(encoding="utf-8"))
            return cls(int(found["ranks"]), int(found["size"]), int(found["accumulation"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def over(self, ranks: int) -> StepBatch:
        """The same step with another number of ranks, in batches as large as before or smaller. Raises `UserError`
        where the windows cannot be dealt out evenly."""
        share, left = divmod(self.windows, ranks)
        if left:
            raise UserError(
                f"the checkpoint's steps of {self.windows} windows cannot be dealt out to {ranks} ranks",
                f"go on with a number of processes that divides {self.windows}",
            )
        size = next(size for size in range(min(self.size, share), 0, -1) if share % size == 0)
        return StepBatch(ranks, size, share // size)


def keep_steps(checkpoint: Path | None, training: TrainingArguments, ranks: int, say: Announcer) -> None:
    """Where a run goes on with another number of ranks, keep its optimizer steps: clock and order of data stay."""
    before = None if checkpoint is None else StepBatch.read(checkpoint)
    if before is None or before.ranks == ranks:
        return
    now = before.over(ranks)
    training.per_device_train_batch_size, training.gradient_accumulation_steps = now.size, now.accumulation
    say(
        f"{before.ranks} ranks before, {ranks} now: {now.accumulation} batches of {now.size} each make the same steps "
        f"of {now.windows} windows",
        level="info",
    )
