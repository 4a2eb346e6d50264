"""The command line on real run directories: listing, following, steering, and what it says of bad input."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.runs.evidence import assess
from engine.runs.launch import create_run, kill_engine, start_engine
from engine.runs.paths import RunDirectory
from engine.runs.recorder import RunRecorder
from sqa_tui.cli import main
from sqa_tui.commands import steer

ENGINE = """
import sys, threading
from pathlib import Path
from engine.runs.recorder import RunRecorder
with RunRecorder(Path(sys.argv[1])) as recorder:
    recorder.emit("start", total_steps=100, steps_per_epoch=50, total_epochs=2.0)
    recorder.emit("metric", step=1, epoch=0.02, loss=2.5)
    while not recorder.stop_requested:
        for request in recorder.requests():
            recorder.answer(request, accepted=True, message="done")
        threading.Event().wait(0.02)
"""


def sqa(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`sqa-tui` with `arguments`, in a process of its own."""
    return subprocess.run([sys.executable, "-m", "sqa_tui", *arguments], capture_output=True, text=True, timeout=60)


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for a condition, at most `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.02)


@pytest.fixture
def finished() -> RunDirectory:
    """A run that went well, as its engine left it."""
    run = create_run(slug="well", model="bert", model_path="bert", command=["train", "--recipe", "[red]x"])
    with RunRecorder(run, signals=False) as recorder:
        recorder.emit("start", total_steps=10, steps_per_epoch=5, total_epochs=2.0)
        recorder.emit("metric", step=10, epoch=2.0, loss=0.5, sparsity=0.8, learning_rate=1e-5)
        recorder.emit("eval", step=10, epoch=2.0, f1=91.25, exact_match=80.5, samples=1000)
    run.console_file.write_text("10%\r100%\nall \x1b[31mdone\x1b[0m\nlast")
    return run


@pytest.fixture
def running() -> Iterator[RunDirectory]:
    """A run whose engine lives."""
    run = create_run(slug="live", model="bert", model_path="bert")
    process = start_engine(run, argv=[sys.executable, "-c", ENGINE, str(run.path)])
    until(lambda: assess(run).state == "running")
    yield run
    if process.poll() is None:
        kill_engine(run)
    process.wait()


def test_runs_and_status_show_the_latest_figures(finished: RunDirectory) -> None:
    listing, status = sqa("runs"), sqa("status")
    assert (listing.returncode, status.returncode) == (0, 0)
    row = next(line for line in listing.stdout.splitlines() if finished.id in line)
    assert all(text in row for text in ("✓", "finished", "100.0 %", "80.0 %", "91.25"))
    assert "f1" in status.stdout.lower()
    assert "train --recipe '[red]x'" in status.stdout


def test_json_is_for_programs(finished: RunDirectory) -> None:
    runs = json.loads(sqa("runs", "--json").stdout)
    status = json.loads(sqa("status", finished.id, "--json").stdout)
    assert [run["id"] for run in runs] == [finished.id]
    assert runs[0]["state"]["f1"] == 91.25
    assert (status["state"], status["latest"]["sparsity"]) == ("finished", 0.8)
    assert status["spec"]["model"] == "bert"


def test_log_strips_control_characters_and_old_progress(finished: RunDirectory) -> None:
    assert sqa("log", finished.id).stdout.splitlines()[0] == "100%"
    assert "\x1b" not in sqa("log", finished.id).stdout
    assert sqa("log", finished.id, "-n", "1").stdout == "last\n"
    events = [json.loads(line) for line in sqa("log", finished.id, "--json").stdout.splitlines()]
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert events[-1]["kind"] == "exit"


def test_metrics_as_csv(finished: RunDirectory) -> None:
    rows = list(csv.DictReader(sqa("metrics", finished.id, "--csv").stdout.splitlines()))
    assert [(row["kind"], row["loss"], row["f1"]) for row in rows] == [("metric", "0.5", ""), ("eval", "", "91.25")]


def test_metrics_are_a_table_and_json_lines_on_demand(finished: RunDirectory) -> None:
    head, metric, evaluation = sqa("metrics", finished.id).stdout.splitlines()
    assert head.split()[:4] == ["kind", "step", "epoch", "loss"]
    assert metric.split() == ["metric", "10", "2", "0.5", "0.8", "1e-05"]
    assert evaluation.split()[:2] == ["eval", "10"]
    lines = [json.loads(line) for line in sqa("metrics", finished.id, "--json").stdout.splitlines()]
    assert [line["kind"] for line in lines] == ["metric", "eval"]


def test_the_folder_without_runs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQA_HOME", str(tmp_path / "nowhere"))
    assert str(tmp_path / "nowhere" / "runs") in sqa("runs").stdout


@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_doubtful_in_a_recipe_is_said(tmp_path: Path, as_json: bool) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "modifiers:\n  - !EpochRangeModifier {start_epoch: 0, end_epoch: 1}\n"
        "  - !OBSPruningModifier {params: __ALL_PRUNABLE__, init_sparsity: 0, final_sparsity: 0.5, start_epoch: 0,"
        " end_epoch: 3, update_frequency: 0.5}\n"
    )
    done = sqa("recipe", "check", str(recipe), *(["--json"] if as_json else []))
    assert done.returncode == 0
    if as_json:
        found = json.loads(done.stdout)
        assert not [item for item in found["problems"] if item["level"] == "error"]
        assert any("recipe.yaml:3" in text for text in found["warnings"])
    else:
        assert any(line.startswith("warning: ") and "recipe.yaml:3" in line for line in done.stderr.splitlines())


def test_attach_to_a_finished_run_tells_its_story(finished: RunDirectory) -> None:
    done = sqa("attach", finished.id)
    assert done.returncode == 0
    assert "F1 91.25" in done.stdout
    assert f"{finished.id}: finished" in done.stdout


def test_attach_tells_how_the_last_attempt_ended() -> None:
    run = create_run(slug="again", model="bert", model_path="bert")
    with RunRecorder(run, signals=False) as recorder:
        recorder.emit("start", total_steps=10, steps_per_epoch=5, total_epochs=2.0)
        recorder.request_stop()
    with RunRecorder(run, signals=False) as recorder:
        recorder.emit("metric", step=10, epoch=2.0, loss=0.5)
    said = sqa("attach", run.id)
    assert (said.returncode, said.stdout.splitlines()[-1]) == (0, f"{run.id}: finished"), said


def test_attach_follows_until_the_stop(running: RunDirectory) -> None:
    attached = subprocess.Popen(
        [sys.executable, "-m", "sqa_tui", "attach", running.id], stdout=subprocess.PIPE, text=True
    )
    stopped = sqa("stop", running.id)
    assert stopped.returncode == 0
    output, _ = attached.communicate(timeout=30)
    assert attached.returncode == 1
    assert f"{running.id}: stopped" in output


def test_interrupting_attach_leaves_the_run_alone(running: RunDirectory) -> None:
    attached = subprocess.Popen(
        [sys.executable, "-m", "sqa_tui", "attach", running.id, "--json"], stdout=subprocess.PIPE, text=True
    )
    assert attached.stdout is not None
    assert json.loads(attached.stdout.readline())["seq"] == 0
    attached.send_signal(signal.SIGINT)
    attached.communicate(timeout=30)
    assert assess(running).state == "running"


def test_commands_are_answered(running: RunDirectory) -> None:
    assert sqa("checkpoint", running.id).returncode == 0
    until(lambda: '"control"' in running.events_file.read_text())
    assert '"command":"checkpoint"' in running.events_file.read_text().replace(" ", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status"], "no runs yet"),
        (["attach"], "no runs yet"),
        (["log", "nothing"], "nothing"),
        (["stop", "nothing"], "nothing"),
        (["nonsense"], "nonsense"),
        (["log"], "Missing argument"),
        (["runs", "--nonsense"], "--nonsense"),
        (["recipe", "check", "missing.yaml"], "missing.yaml"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(arguments: list[str], words: str) -> None:
    done = sqa(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr


def test_stopping_what_does_not_run_says_so(finished: RunDirectory) -> None:
    done = sqa("stop", finished.id)
    assert done.returncode == 2
    assert "does not run" in done.stderr


def test_no_reader_is_no_error(finished: RunDirectory) -> None:
    """`sqa-tui log | head -1`: the reader goes away, and nobody complains."""
    finished.console_file.write_text("line\n" * 50_000)
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "sqa_tui", "log", finished.id], stdout=write, stderr=subprocess.PIPE
    )
    os.close(write)
    assert os.read(read, 5) == b"line\n"
    os.close(read)
    _, errors = process.communicate(timeout=30)
    assert errors == b""


def test_runs_are_found_from_anywhere(finished: RunDirectory, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sqa_tui", "status", str(finished.path)],
        capture_output=True, text=True, cwd=tmp_path, check=True,
    )  # fmt: skip
    assert finished.id in done.stdout


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from engine.runs.recorder import RunRecorder
run = Path(sys.argv[1])
recorder = RunRecorder(run, signals=False)
recorder.emit("start", total_steps=10, steps_per_epoch=5, total_epochs=2.0)
recorder.flush()
recorder._state.flush()
shutil.copy(run / "state.json", run / "old")
if sys.argv[2]:
    recorder.emit("checkpoint", step=8, epoch=1.6, path=sys.argv[2], reason="due")
recorder.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("checkpoint", "said"), [("/m/checkpoint-8", "goes on from /m/checkpoint-8"), (None, "anew")])
def test_a_killed_run_goes_on_from_the_checkpoint_that_its_log_knows(
    checkpoint: str | None, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its state is older than its log where the engine was killed between two writes of it."""
    run = create_run(slug="killed", model="bert", model_path="bert")
    engine = subprocess.run([sys.executable, "-c", KILLED, str(run.path), checkpoint or ""], check=False)
    assert engine.returncode == -signal.SIGKILL
    run.state_file.write_bytes((run.path / "old").read_bytes())
    started: list[tuple[RunDirectory, list[str]]] = []
    monkeypatch.setattr(steer, "start_again", lambda directory, flags: started.append((directory, flags)))
    assert main(["resume", run.id]) == 0
    assert started == [(run, [])]
    assert said in capsys.readouterr().out
