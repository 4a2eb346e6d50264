"""Runs of two processes over gloo: one stream, equal masks, and what happens when one of them dies."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine.errors import UserError
from engine.question_answering.preflight import build_spec, check_run, parse_light
from engine.runs.control import request
from engine.runs.evidence import TERMINAL, assess
from engine.runs.launch import ENGINE_MODULE, create_run, kill_engine, start_engine, stop_engine
from engine.runs.paths import RunDirectory
from engine.runs.reader import Event, EventReader
from sqa_tui.launching import start_again
from tests.tiny_models import write_dense

RECIPE = """
epochs: 4
modifiers:
  - !EpochRangeModifier {start_epoch: 0.0, end_epoch: eval(epochs)}
  - !MovementPruningModifier {params: ["bert.encoder.layer.0.intermediate.dense.weight"], init_sparsity: 0.1,
      final_sparsity: 0.6, start_epoch: 1.0, end_epoch: 2.0, update_frequency: 0.5}
  - !OBSPruningModifier {params: ["bert.encoder.layer.1.intermediate.dense.weight"], init_sparsity: 0.1,
      final_sparsity: 0.8, start_epoch: 0.0, end_epoch: 2.0, update_frequency: 1.0, num_grads: 5,
      fisher_block_size: 16, mask_type: unstructured}
  - !DistillationModifier {hardness: 0.5, temperature: 2.0, distill_output_keys: [start_logits, end_logits]}
  - !QuantizationModifier {start_epoch: 2.0, disable_quantization_observer_epoch: 3.5,
      submodules: [bert.embeddings, bert.encoder, qa_outputs]}
"""
LENGTHS = "--max_seq_length 32 --doc_stride 8 --per_device_train_batch_size 4 --logging_steps 1000".split()  # noqa: SIM905
LINE = ["--do_train", "--do_eval", "--use_cpu", "--nproc_per_node", "2", *LENGTHS]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_dense(folder / "model")
    write_dense(folder / "teacher", hidden_size=48)
    (folder / "recipe.yaml").write_text(RECIPE)
    rows = [row(name, place) for name in ("anna", "marie") for place in ("london", "paris", "berlin")]
    (folder / "train.json").write_text(json.dumps(rows * 2))
    (folder / "dev.json").write_text(json.dumps(rows))
    return folder


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("SQA_HOME", str(tmp_path / "home"))


def row(name: str, place: str) -> dict[str, Any]:
    context = f"{name} lives in {place} and the tower of the old city was built by {name} in 1 9 8 4 ."
    answers = {"text": [place], "answer_start": [context.index(place)]}
    return {"id": f"{name}-{place}", "question": f"where {name} lives ?", "context": context, "answers": answers}


def create(files: Path, *further: str) -> RunDirectory:
    line = ["--model_name_or_path", str(files / "model"), "--train_file", str(files / "train.json"), *LINE]
    line += ["--validation_file", str(files / "dev.json")]
    line += ["--recipe", str(files / "recipe.yaml"), "--distill_teacher", str(files / "teacher")]
    return create_run(slug="two", spec=build_spec([*line, *further]))


def log(directory: RunDirectory) -> list[Event]:
    """All events, after a check that none is missing or broken."""
    reader = EventReader(directory.events_file)
    events = reader.read()
    assert not reader.bad_lines
    assert [event["seq"] for event in events] == list(range(events[0]["seq"], events[0]["seq"] + len(events)))
    return events


def words(directory: RunDirectory) -> str:
    """What the engine and its ranks printed."""
    return "\n".join(path.read_text() for path in sorted(directory.path.glob("console*.log")))


def wait_until(condition: Callable[[], bool], engine: subprocess.Popen[bytes], directory: RunDirectory) -> None:
    deadline = time.monotonic() + 100
    while not condition():
        assert engine.poll() is None, words(directory)
        assert time.monotonic() < deadline, words(directory)
        time.sleep(0.02)


def ranks_of(engine: subprocess.Popen[bytes]) -> dict[int, int]:
    """Process numbers of the ranks that live."""
    found: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == engine.pid:
                environment = (folder / "environ").read_bytes().split(b"\0")
                found |= {int(word[5:]): int(folder.name) for word in environment if word.startswith(b"RANK=")}
        except (OSError, ValueError):
            continue
    return found


def begun(directory: RunDirectory, step: int) -> Callable[[], bool]:
    return lambda: any(event.get("step", 0) >= step for event in log_so_far(directory) if event["kind"] == "metric")


def log_so_far(directory: RunDirectory) -> list[Event]:
    return EventReader(directory.events_file).read()


def test_two_ranks_make_one_model(files: Path) -> None:
    directory = create(files, "--eval_strategy", "epoch")
    engine = start_engine(directory)
    assert engine.wait(120) == 0, words(directory)
    events = log(directory)
    assert assess(directory).state == "finished"
    assert [event["kind"] for event in events].count("exit") == 1
    (start,) = [event for event in events if event["kind"] == "start"]
    # 12 questions make 12 windows: two steps of 2 x 4, the second filled up.
    assert (start["steps_per_epoch"], start["total_steps"]) == (2, 8)
    weights = load_file(directory.output / "model.safetensors")
    assert abs(np.mean(weights["bert.encoder.layer.1.intermediate.dense.weight"] == 0) - 0.8) < 1e-3
    assert "fake_quant" in " ".join(weights)
    assert len([event for event in events if event["kind"] == "eval"]) == 5
    losses = [event["loss"] for event in events if event["kind"] == "metric"]
    assert all(np.isfinite(losses))
    assert not ranks_of(engine)


def test_ranks_die_start_again_stop_and_go_on_as_one(files: Path) -> None:
    directory = create(files, "--save_steps", "2", "--recipe_args", "epochs=40")

    # Ranks start again from the last checkpoint, and a signal to the engine stops them at another one.
    argv = [sys.executable, "-m", ENGINE_MODULE, "--run_directory", str(directory.path), "--max_restarts", "1"]
    engine = start_engine(directory, argv=argv)
    wait_until(begun(directory, 3), engine, directory)
    request(directory, "pause")
    wait_until(lambda: any(event.get("phase") == "pause" for event in log_so_far(directory)), engine, directory)
    os.kill(ranks_of(engine)[1], signal.SIGKILL)
    restarted = "rank 1 was killed by SIGKILL; all were started again (1 of 1)"
    wait_until(lambda: restarted in alerts(log_so_far(directory)), engine, directory)
    after = len(log_so_far(directory))
    wait_until(lambda: any(event["kind"] == "metric" for event in log_so_far(directory)[after:]), engine, directory)
    stop_engine(directory)
    assert engine.wait(60) == 0, words(directory)
    events = log(directory)
    assert (events[-1]["kind"], events[-1]["outcome"]) == ("exit", "stopped")
    checkpoint = Path([event for event in events if event["kind"] == "checkpoint"][-1]["path"])
    assert {"rng_state_0.pth", "rng_state_1.pth", "batch.json"} <= {path.name for path in checkpoint.iterdir()}

    # One process makes the same steps of eight windows from there on.
    argv = [*argv[:-2], "--nproc_per_node", "1", "--max_restarts", "0"]
    stopped_at = int(checkpoint.name.removeprefix("checkpoint-"))
    assert start_engine(directory, argv=argv).wait(100) == 0, words(directory)
    events = log(directory)[len(events) :]
    (start,) = [event for event in events if event["kind"] == "start"]
    assert (start["steps_per_epoch"], start["total_steps"]) == (2, 80)
    first = next(event for event in events if event["kind"] == "metric")
    assert first["step"] > stopped_at
    assert "2 ranks before, 1 now: 2 batches of 4 each make the same steps of 8 windows" in alerts(events)
    assert events[-1]["outcome"] == "finished"


def test_a_cluster_job_by_its_local_executor(files: Path) -> None:
    directory = create(files, "--launcher", "local", "--max_steps", "2", "--nproc_per_node", "1")
    launched = start_again(directory)
    assert launched.process is None
    assert launched.job
    deadline = time.monotonic() + 100
    while assess(directory).state not in TERMINAL:
        assert time.monotonic() < deadline, words(directory)
        time.sleep(0.05)
    assert assess(directory).state == "finished", words(directory)
    assert (directory.output / "model.safetensors").is_file()


@pytest.mark.parametrize("how", ["a rank is killed", "the engine is killed", "it is stopped at once"])
def test_an_end_leaves_no_process(how: str, files: Path) -> None:
    directory = create(files)
    engine = start_engine(directory)
    wait_until(lambda: len(ranks_of(engine)) == 2 and directory.leader_file.exists(), engine, directory)
    living = ranks_of(engine)
    if how == "a rank is killed":
        os.kill(living[1], signal.SIGKILL)
        state, code = "failed", 1
    elif how == "the engine is killed":
        kill_engine(directory)
        state, code = "killed", -signal.SIGKILL
    else:
        stop_engine(directory, now=True)
        state, code = "stopped", 128 + signal.SIGTERM
    assert engine.wait(60) == code, words(directory)
    deadline = time.monotonic() + 20
    while any(is_alive(pid) for pid in living.values()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    found = assess(directory)
    assert found.state == state
    if state == "failed":
        assert found.reason.startswith("rank 1 was killed by SIGKILL")
        assert "Traceback" not in directory.console_file.read_text()
    log(directory)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def alerts(events: list[Event]) -> list[str]:
    return [event["message"] for event in events if event["kind"] == "alert"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--nproc_per_node 0", "--nproc_per_node is 0 (give 1 or more)"),
        ("--nproc_per_node two", "--nproc_per_node: 'two' is not a whole number"),
        ("--nnodes 2", "--nnodes without --rdzv_endpoint"),
        ("--nnodes 2 --node_rank 2 --rdzv_endpoint a:1", "--node_rank is 2 of --nnodes 2"),
        ("--rdzv_endpoint nowhere", "--rdzv_endpoint nowhere is not HOST:PORT"),
        ("--rdzv_endpoint localhost:{port}", "port {port} is in use on this machine"),
        ("--launcher elsewhere", "--launcher: 'elsewhere' is unknown (choose one of here, slurm, local)"),
        ("--launcher slurm", "--launcher slurm needs submitit, which is not installed"),
        ("--launcher local --slurm_options {{", "--slurm_options is not a JSON object"),
        ("--nproc_per_node 3", "--nproc_per_node is 3, but this machine has 2 GPUs (give 2 at most, or --use_cpu)"),
    ],
)
def test_bad_input_is_one_line(flags: str, said: str, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    if "submitit" in said:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = ["--model_name_or_path", str(files / "model"), "--train_file", str(files / "train.json"), "--do_train"]
        try:
            found = check_run(parse_light([*line, *flags.format(port=port).split()]))
        except UserError as error:
            lines = [str(error)]
        else:
            lines = [f"{one.message} ({one.hint})" for one in found if one.level == "error"]
    assert len(lines) == 1
    assert said.format(port=port) in lines[0]
