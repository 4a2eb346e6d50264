"""An engine without a model: it uses its run directory as a real one does, and misbehaves on request.

Usage: python fake_engine.py RUN_DIRECTORY BEHAVIOUR
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from engine.errors import UserError, run_program
from engine.runs.queue import DeviceSlot
from engine.runs.reader import EventReader
from engine.runs.recorder import RunRecorder

STEPS_PER_EPOCH = 10
SPEED = 0.01


def train(recorder: RunRecorder) -> None:
    """Steps until it is asked to stop, then a checkpoint."""
    recorder.emit("start", total_steps=100_000, steps_per_epoch=STEPS_PER_EPOCH, total_epochs=10_000.0, device="cpu")
    recorder.promise(60)
    step = 0
    with recorder.phase("train"):
        while not recorder.stop_requested:
            step += 1
            recorder.emit("metric", step=step, epoch=step / STEPS_PER_EPOCH, loss=1 / step)
            for request in recorder.requests():
                recorder.answer(request, accepted=request.command == "checkpoint", message=f"at step {step}")
            time.sleep(SPEED)
    recorder.emit("checkpoint", step=step, epoch=step / STEPS_PER_EPOCH, path="output", reason="stop")
    recorder.finish("stopped", f"stopped at step {step}")


def train_with_worker(recorder: RunRecorder) -> None:
    """A forked worker that is deaf to everything but SIGKILL, as a loader stuck in a read would be."""
    worker = os.fork()
    if not worker:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(120)
        os._exit(0)
    (recorder.directory.path / "worker.pid").write_text(str(worker))
    train(recorder)


def stop_of_a_worker(recorder: RunRecorder) -> None:
    """SIGTERM to a forked worker ends the worker and is not heard by the engine."""
    worker = os.fork()
    if not worker:
        time.sleep(120)
        os._exit(0)
    os.kill(worker, signal.SIGTERM)
    _, status = os.waitpid(worker, 0)
    recorder.finish("finished", f"worker ended by {os.WTERMSIG(status)}, stop {recorder.stop_requested}")


def hang(recorder: RunRecorder) -> None:
    """A loop that promised to report in a fifth of a second and does not; the process lives."""
    recorder.emit("start", total_steps=10)
    recorder.promise(0.2)
    recorder.emit("metric", step=1, epoch=0.1, loss=1.0)
    time.sleep(120)


def deaf(recorder: RunRecorder) -> None:
    """Hears the first request to stop and goes on: only a second one ends it."""
    recorder.emit("start", total_steps=10)
    while True:
        if recorder.stop_requested:
            recorder.emit("alert", level="info", message="heard")
        time.sleep(SPEED)


def pause(recorder: RunRecorder) -> None:
    recorder.emit("start", total_steps=10)
    with recorder.phase("pause", "paused by request"):
        train_until_stop(recorder)


def train_until_stop(recorder: RunRecorder) -> None:
    while not recorder.stop_requested:
        time.sleep(SPEED)


def bad_input(recorder: RunRecorder) -> None:
    raise UserError("no such folder: /nowhere", "check --model_name_or_path")


def defect(recorder: RunRecorder) -> None:
    raise ZeroDivisionError("a defect of ours")


def full_disk(recorder: RunRecorder) -> None:
    """A file-size limit refuses the log in the middle of a line, then goes away."""
    log = recorder.directory.events_file
    recorder.emit("start", total_steps=200)
    recorder.flush()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 2_345, hard))
    for number in range(200):
        recorder.emit("layer", name=f"layer {number}", sparsity=number / 200)
    while not recorder.blocked:
        time.sleep(SPEED)
    recorder.emit("alert", level="info", message="while full")
    wait_for_file(recorder.directory.path / "seen")
    read = [event["kind"] for event in EventReader(log).read()]
    assert "layer" in read, read
    assert "alert" not in read, read
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert recorder.flush(10)
    recorder.emit("alert", level="info", message="after")


def queued(recorder: RunRecorder) -> None:
    """Waits for a device and holds it until it is asked to stop."""
    slot = DeviceSlot("test-device", poll_seconds=0.02)
    tell = lambda text: recorder.emit("phase", phase="queue", action="enter", text=text)  # noqa: E731
    if slot.wait(recorder.directory, tell, lambda: recorder.stop_requested):
        recorder.emit("phase", phase="queue", action="leave")
        train(recorder)
        slot.release()


def wait_for_file(path: Path, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(SPEED)


BEHAVIOURS: dict[str, Callable[[RunRecorder], None]] = {
    function.__name__: function
    for function in (
        train,
        train_with_worker,
        stop_of_a_worker,
        hang,
        deaf,
        pause,
        bad_input,
        defect,
        full_disk,
        queued,
    )
}


def main() -> int:
    with RunRecorder(Path(sys.argv[1])) as recorder:
        BEHAVIOURS[sys.argv[2]](recorder)
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main))
