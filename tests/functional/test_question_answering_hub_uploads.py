"""Models sent to the Hugging Face hub while and after they are trained, against a server of its protocol."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
from huggingface_hub import ModelCard

from engine.errors import UserError
from engine.question_answering.artifacts import is_trained
from engine.question_answering.flags import parse_light
from engine.question_answering.hub_uploads import UPLOADING, UploadFailure
from engine.question_answering.model_card import write_card
from engine.question_answering.upload_checks import check_uploads
from engine.runs.evidence import examine
from engine.runs.paths import RunDirectory
from engine.runs.recorder import RunRecorder
from engine.runs.spec import read_spec
from tests.functional.test_question_answering_train import create, events, files, run_here, stop_when
from tests.zoo_servers import HubServer

__all__ = ["files"]
NAME = "anna/small-and-fast"
FLAGS = ("--push_to_hub", "--hub_model_id", NAME, "--hub_always_push", "--num_train_epochs", "2")
FLAGS += ("--save_strategy", "steps", "--save_steps", "2")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub that is the only one there is, and one's token for it."""
    server = HubServer()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", HubServer.TOKEN)
    with server.running():
        yield server


def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the hub be at a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")


def output_of(directory: RunDirectory) -> Path:
    return Path(read_spec(directory).output_dir)


def stop_while_sending(recorder: RunRecorder) -> None:
    """Ask the run to stop when it begins to send the finished model."""
    emit = recorder.emit

    def watching(kind: str, **fields: Any) -> None:
        emit(kind, **fields)
        if fields.get("phase") == "upload" and fields.get("action") == "enter":
            recorder.request_stop()

    recorder.emit = watching  # pyright: ignore[reportAttributeAccessIssue]


def scores(output: Path) -> dict[str, float]:
    return json.loads((output / "all_results.json").read_text())


def warnings_of(directory: RunDirectory) -> list[str]:
    return [event["message"] for event in events(directory, "alert") if event["level"] == "warning"]


def test_checkpoints_and_the_finished_model_are_sent(files: Path, hub: HubServer) -> None:
    directory = create(files, *FLAGS, "--hub_strategy", "checkpoint", "--save_total_limit", "1", recipe=False)
    run_here(directory)
    output, sent = output_of(directory), hub.models[NAME].files
    titles = [title for title, _ in hub.commits]
    assert titles[-1] == "End of training"
    assert {"Training in progress, step 2", "Training in progress, step 2, checkpoint"} <= set(titles)
    for name in ("model.safetensors", "config.json", "tokenizer.json", "README.md"):
        assert sent[name] == (output / name).read_bytes(), name
    card = ModelCard(sent["README.md"].decode())
    (f1,) = (each for each in card.data.eval_results or [] if each.metric_type == "f1")
    assert (f1.dataset_name, f1.metric_value) == ("dev.json", round(scores(output)["eval_f1"], 4))
    assert str(files) not in str(card)
    paths = dict(hub.commits)
    assert "sqa_run.json" not in paths["Training in progress, step 2"]
    assert "last-checkpoint/optimizer.pt" in paths["Training in progress, step 2, checkpoint"]
    assert not [
        path for path in paths["End of training"] if "optimizer" in path or path.startswith((".", "checkpoint"))
    ]
    assert not (output / UPLOADING).exists()
    assert not [message for message in warnings_of(directory) if "sent" in message]


def test_the_strategy_end_sends_the_finished_model_alone(files: Path, hub: HubServer) -> None:
    run_here(create(files, *FLAGS, "--hub_strategy", "end", recipe=False))
    assert [title for title, _ in hub.commits] == ["End of training"]


def test_the_name_of_the_output_folder_is_the_repository_s(files: Path, hub: HubServer, tmp_path: Path) -> None:
    line = ("--push_to_hub", "--hub_strategy", "end", "--max_steps", "1", "--output_dir", str(tmp_path / "tiny-bert"))
    run_here(create(files, *line, recipe=False))
    assert list(hub.models) == ["anna/tiny-bert"]


def test_a_wrong_token_is_found_before_training(files: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    directory = create(files, *FLAGS, recipe=False)
    with pytest.raises(
        UserError, match=rf"no repository {NAME} on the hub: the token is missing or not valid \(401: Invalid"
    ):
        run_here(directory)
    (end,) = events(directory, "exit")
    assert "hf auth login" in end["error"]["hint"]
    assert not output_of(directory).exists()
    assert not events(directory, "start")


def test_a_token_that_may_only_read_is_found_before_training(files: Path, hub: HubServer) -> None:
    hub.reading_only = True
    directory = create(files, *FLAGS, recipe=False)
    with pytest.raises(UserError, match=r"the token may not write there \(403"):
        run_here(directory)
    assert not events(directory, "start")


def test_without_a_network_nothing_is_trained(files: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    unreachable(monkeypatch)
    directory = create(files, *FLAGS, recipe=False)
    with pytest.raises(UserError, match="does not answer"):
        run_here(directory)
    assert not events(directory, "start")


def test_a_run_goes_on_without_a_network(files: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was begun with one; the night's training must not wait for the hub."""
    directory = create(files, *FLAGS, recipe=False)
    run_here(directory, stop_when("metric", 1))
    with monkeypatch.context() as patch:
        unreachable(patch)
        with pytest.raises(UploadFailure, match="does not answer"):
            run_here(directory)
    assert (output_of(directory) / "model.safetensors").is_file()
    assert events(directory, "exit")[-1]["error"]["hint"].startswith("the model is whole in ")
    assert any("no repository" in message for message in warnings_of(directory))


def test_a_checkpoint_that_is_not_sent_costs_nothing(files: Path, hub: HubServer) -> None:
    hub.refused_title = "Training in progress"
    directory = create(files, *FLAGS, recipe=False)
    run_here(directory)
    assert any(
        message.startswith("checkpoint-2 was not sent to anna/small-and-fast: ") for message in warnings_of(directory)
    )
    assert [title for title, _ in hub.commits] == ["End of training"]
    assert events(directory, "exit")[-1]["outcome"] == "finished"


def test_a_finished_model_that_is_not_sent_is_whole_on_the_disk(files: Path, hub: HubServer) -> None:
    hub.faults.status["/commit/main"] = 403
    directory = create(files, *FLAGS, "--hub_strategy", "end", recipe=False)
    with pytest.raises(
        UploadFailure, match=r"the model was not sent to anna/small-and-fast: the token may not write there \(403"
    ):
        run_here(directory)
    assert (output_of(directory) / "model.safetensors").is_file()
    (end,) = events(directory, "exit")
    assert end["error"]["usage"] is False
    assert f"`sqa-tui resume {directory.id}` sends it" in end["error"]["hint"]


def test_a_run_that_is_trained_only_sends_when_it_goes_on(files: Path, hub: HubServer) -> None:
    hub.refused_title = "End of training"
    directory = create(files, *FLAGS[:4], "--eval_strategy", "epoch")
    with pytest.raises(UploadFailure):
        run_here(directory)
    assert is_trained(read_spec(directory), examine(directory)[1])
    before = (output_of(directory) / "model.safetensors").read_bytes()
    steps = [event["step"] for event in events(directory, "metric")]
    hub.refused_title = None
    run_here(directory)
    assert [event["step"] for event in events(directory, "metric")] == steps
    assert (output_of(directory) / "model.safetensors").read_bytes() == before
    assert hub.models[NAME].files["model.safetensors"] == before
    zeros = events(directory, "metric")[-1]["sparsity"]
    assert (
        f"| zeros among the pruned parameters | {100 * zeros:.1f} % |" in hub.models[NAME].files["README.md"].decode()
    )
    first, second = events(directory, "eval")[-2:]
    same = ("f1", "exact_match", "step", "epoch")
    assert [first[name] for name in same] == [second[name] for name in same]
    assert events(directory, "exit")[-1]["outcome"] == "finished"


def test_the_model_of_another_run_is_not_sent(files: Path, hub: HubServer, tmp_path: Path) -> None:
    hub.refused_title = "End of training"
    flags = (*FLAGS[:4], "--save_strategy", "no", "--output_dir", str(tmp_path / "out"))
    first = create(files, *flags, recipe=False)
    with pytest.raises(UploadFailure):
        run_here(first)
    run_here(create(files, "--output_dir", str(tmp_path / "out"), "--overwrite_output_dir", recipe=False))
    assert not is_trained(read_spec(first), examine(first)[1])


def test_the_token_is_kept_nowhere_in_the_model(files: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    best = ("--load_best_model_at_end", "--eval_strategy", "steps", "--eval_steps", "2")
    line = ("--hub_token", HubServer.TOKEN, "--hub_strategy", "all_checkpoints", *best)
    directory = create(files, *FLAGS, *line, recipe=False)
    output_of(directory).mkdir(parents=True, exist_ok=True)
    run_here(directory)
    written = [path for path in output_of(directory).rglob("*") if path.is_file()]
    assert any(path.name == "training_args.bin" for path in written)
    assert not [path for path in written if HubServer.TOKEN.encode() in path.read_bytes()]
    assert HubServer.TOKEN not in read_spec(directory).command
    sent = b" ".join(hub.models[NAME].files.values())
    assert str(files).encode() not in sent
    assert str(output_of(directory)).encode() not in sent
    assert any(path.endswith("/trainer_state.json") for path in hub.models[NAME].files)


@pytest.mark.parametrize(
    ("flags", "variable", "said"),
    [
        (["--hub_model_id", "a/b/c"], "", "not a name of a repository on the hub: a/b/c"),
        (["--hub_model_id", "bad name!"], "", "not a name of a repository"),
        ([], "HF_HUB_OFFLINE", "HF_HUB_OFFLINE forbids the network"),
        ([], "", "no token"),
    ],
)
def test_what_an_upload_lacks_is_found_before_anything_starts(
    flags: list[str], variable: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    if variable:
        monkeypatch.setenv(variable, "1")
    problems = check_uploads(parse_light(["--push_to_hub", "--do_train", "--output_dir", "out", *flags]))
    assert any(problem.level == "error" and said in problem.message for problem in problems)
    (tmp_path / "token").write_text("hf_secret")
    if not flags and not variable:
        assert check_uploads({"push_to_hub": True, "do_train": True, "output_dir": "out"}) == []
        (named,) = check_uploads({"push_to_hub": True, "do_train": True})
        (idle,) = check_uploads({"push_to_hub": True, "do_eval": True, "output_dir": "out"})
        assert ("has no name" in named.message, "makes no model" in idle.message) == (True, True)


def test_a_card_that_somebody_wrote_is_left_as_it_is(files: Path, tmp_path: Path) -> None:
    spec = read_spec(create(files, recipe=False))
    write_card(tmp_path, "small", spec, sparsity=0.8, quantized=True)
    written = (tmp_path / "README.md").read_text()
    assert "| zeros among the pruned parameters | 80.0 % |" in written
    (tmp_path / "README.md").write_text("# ours")
    write_card(tmp_path, "small", spec, sparsity=0.9, quantized=True)
    assert (tmp_path / "README.md").read_text() == "# ours"


def test_a_hub_that_falls_silent_does_not_hold_the_run(files: Path, hub: HubServer) -> None:
    hub.faults.silent.add("/preupload/main")
    directory = create(files, *FLAGS, "--hub_strategy", "end", recipe=False)
    run_here(directory, stop_while_sending)
    assert (output_of(directory) / "model.safetensors").is_file()
    (end,) = events(directory, "exit")
    assert end["outcome"] == "stopped"
    assert end["reason"].startswith("stopped while the model was being sent; the model is whole in ")
