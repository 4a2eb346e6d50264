"""Runs of a tiny model from specification to files: sparse, resumed, stopped, refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine.errors import UserError
from engine.question_answering.preflight import build_spec, check_run, parse_light
from engine.runs.control import request
from engine.runs.launch import create_run, start_engine, stop_engine
from engine.runs.paths import RunDirectory
from engine.runs.reader import EventReader
from engine.runs.recorder import RunRecorder
from engine.runs.spec import read_spec
from tests.tiny_models import write_dense, write_tokenizer

PLACES = "london paris berlin".split()  # noqa: SIM905
RECIPE = """
num_epochs: 4.0
modifiers:
  - !EpochRangeModifier
    start_epoch: 0.0
    end_epoch: eval(num_epochs)
  - !LearningRateFunctionModifier
    start_epoch: 0.0
    end_epoch: eval(num_epochs)
    lr_func: linear
    init_lr: 0.01
    final_lr: 0.0
  - !GMPruningModifier
    params: ["re:bert.encoder.*dense.weight"]
    init_sparsity: 0.0
    final_sparsity: 0.8
    start_epoch: 0.0
    end_epoch: 2.0
    update_frequency: 0.5
  - !DistillationModifier
    hardness: 0.5
    temperature: 2.0
    distill_output_keys: [start_logits, end_logits]
  - !QuantizationModifier
    start_epoch: 2.0
    submodules: [bert.embeddings, bert.encoder, qa_outputs]
    quantize_embeddings: 1
    quantize_linear_activations: 0
    exclude_module_types: [LayerNorm]
"""
LENGTHS = "--max_seq_length 32 --doc_stride 8 --per_device_train_batch_size 4 --logging_steps 1000".split()  # noqa: SIM905


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, a teacher, a recipe, and questions that the vocabulary knows."""
    folder = tmp_path_factory.mktemp("files")
    write_dense(folder / "model")
    write_dense(folder / "teacher", hidden_size=48)
    (folder / "recipe.yaml").write_text(RECIPE)
    rows = [row(name, place) for name in ("anna", "marie") for place in PLACES]
    (folder / "train.json").write_text(json.dumps(rows * 2))
    (folder / "dev.json").write_text(json.dumps(rows))
    return folder


def row(name: str, place: str) -> dict[str, Any]:
    context = f"{name} lives in {place} and the tower of the old city was built by {name} in 1 9 8 4 ."
    answers = {"text": [place], "answer_start": [context.index(place)]}
    return {"id": f"{name}-{place}", "question": f"where {name} lives ?", "context": context, "answers": answers}


def create(files: Path, *further: str, recipe: bool = True) -> RunDirectory:
    line = ["--model_name_or_path", str(files / "model"), "--train_file", str(files / "train.json"), *LENGTHS]
    line += ["--validation_file", str(files / "dev.json"), "--do_train", "--do_eval", "--use_cpu"]
    if recipe:
        line += ["--recipe", str(files / "recipe.yaml"), "--distill_teacher", str(files / "teacher")]
    return create_run(slug="test", spec=build_spec([*line, *further]))


def run_here(directory: RunDirectory, watch: Callable[[RunRecorder], None] = lambda recorder: None) -> None:
    """Run the engine in this process, without its signal handlers."""
    from engine.question_answering.failures import in_words
    from engine.question_answering.training import arguments_of, run
    from engine.runs.state import read_state

    before = read_state(directory)
    spec = read_spec(directory)
    with RunRecorder(directory, signals=False) as recorder, in_words(recorder):
        watch(recorder)
        run(spec, arguments_of(spec), recorder, again=before is not None and before.started is not None)


def stop_when(kind: str, step: int) -> Callable[[RunRecorder], None]:
    """Ask the run to stop as soon as it emits an event of `kind` at `step`."""

    def watch(recorder: RunRecorder) -> None:
        emit = recorder.emit

        def watching(emitted: str, **fields: Any) -> None:
            emit(emitted, **fields)
            if emitted == kind and fields.get("step") == step:
                recorder.request_stop()

        recorder.emit = watching  # pyright: ignore[reportAttributeAccessIssue]

    return watch


def events(directory: RunDirectory, kind: str) -> list[dict[str, Any]]:
    return [event for event in EventReader(directory.events_file).read() if event["kind"] == kind]


@pytest.fixture(scope="module")
def finished(files: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A whole run by the real program in a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SQA_HOME", str(tmp_path_factory.mktemp("home")))
        directory = create(files, "--save_steps", "5", "--eval_strategy", "epoch")
        process = start_engine(directory)
        assert process.wait(timeout=120) == 0, directory.console_file.read_text()
    return directory


def test_the_model_is_sparse_and_quantised(finished: RunDirectory) -> None:
    weights = load_file(finished.output / "model.safetensors")
    pruned = {name: value for name, value in weights.items() if "encoder" in name and name.endswith("dense.weight")}
    assert len(pruned) == 6
    assert all(abs(np.mean(value == 0) - 0.8) < 1e-3 for value in pruned.values())
    assert any("fake_quant" in name for name in weights)


def test_all_files_are_there(finished: RunDirectory) -> None:
    expected = """config.json model.safetensors tokenizer.json tokenizer_config.json special_tokens_map.json vocab.txt
        training_args.bin recipe.yaml optimizer.pt scheduler.pt trainer_state.json train_results.json eval_results.json
        all_results.json eval_predictions.json eval_nbest_predictions.json"""
    present = {path.name for path in finished.output.iterdir()}
    assert set(expected.split()) <= present
    checkpoint = {path.name for path in (finished.output / "checkpoint-5").iterdir()}
    wanted = {"model.safetensors", "optimizer.pt", "rng_state.pth", "trainer_state.json", "recipe.yaml"}
    assert wanted | {"sparsification.pt"} <= checkpoint
    assert "max_seq_length: 32" in (finished.output / "recipe.yaml").read_text()
    predictions = json.loads((finished.output / "eval_predictions.json").read_text())
    assert len(predictions) == 6
    nbest = json.loads((finished.output / "eval_nbest_predictions.json").read_text())
    assert set(nbest["anna-paris"][0]) == {"start_logit", "end_logit", "text", "probability"}


def test_the_events_tell_the_run(finished: RunDirectory) -> None:
    start = events(finished, "start")[0]
    assert (start["steps_per_epoch"], start["total_steps"], start["total_epochs"]) == (3, 12, 4.0)
    assert {phase["name"] for phase in start["timeline"]} == {"prune", "qat", "distil"}
    metrics = events(finished, "metric")
    assert metrics[-1]["step"] == 12
    assert metrics[-1]["sparsity"] == pytest.approx(0.8, abs=1e-3)
    assert {"loss", "task_loss", "distillation_loss", "learning_rate", "gradient_norm"} <= set(metrics[0])
    # The rate is the recipe's, not the command line's 5e-5.
    assert metrics[0]["learning_rate"] == pytest.approx(0.01)
    entered = [event["phase"] for event in events(finished, "phase") if event["action"] == "enter"]
    assert {"prepare", "train", "prune", "distil", "qat", "evaluate", "checkpoint"} <= set(entered)
    assert entered.index("prune") < entered.index("qat")
    evaluations = events(finished, "eval")
    assert len(evaluations) == 5
    assert evaluations[-1]["recovery"] == pytest.approx(evaluations[-1]["f1"] / evaluations[-1]["teacher_f1"])
    results = json.loads((finished.output / "all_results.json").read_text())
    assert results["eval_f1"] == evaluations[-1]["f1"]
    layers = {event["name"]: event for event in events(finished, "layer")}
    assert layers["bert.encoder.layer.0.output.dense.weight"]["quantised"] is True
    assert events(finished, "exit")[0]["outcome"] == "finished"
    assert finished.console_file.read_text().count("Traceback") == 0


def test_the_saved_model_scores_the_same(finished: RunDirectory, files: Path, capsys: Any) -> None:
    from engine.question_answering.evaluate import main

    flags = ["--validation_file", str(files / "dev.json"), "--max_seq_length", "32", "--doc-stride", "8", "--json"]
    assert main([str(finished.output), *flags, "--use_cpu"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["f1"] == pytest.approx(events(finished, "eval")[-1]["f1"])


@pytest.mark.parametrize("stop_at", [4, 8])
def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(files: Path, finished: RunDirectory, stop_at: int) -> None:
    """Stopped while pruning (4) and in simulated quantization (8): the same weights to the last bit."""
    directory = create(files, "--save_strategy", "no")

    run_here(directory, stop_when("metric", stop_at))
    assert events(directory, "exit")[-1]["outcome"] == "stopped"
    assert events(directory, "checkpoint")[-1]["path"].endswith(f"checkpoint-{stop_at}")
    assert not (directory.output / "model.safetensors").exists()
    # A checkpoint that was cut off while it was written does not count.
    shutil.copytree(directory.output / f"checkpoint-{stop_at}", directory.output / "checkpoint-99")
    (directory.output / "checkpoint-99" / "trainer_state.json").write_text('{"global')
    run_here(directory)
    assert events(directory, "exit")[-1]["outcome"] == "finished"
    steps = [event["step"] for event in events(directory, "metric")]
    assert steps[-1] == 12
    expected, found = (load_file(run.output / "model.safetensors") for run in (finished, directory))
    assert set(expected) == set(found)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_a_stop_during_an_evaluation_leaves_a_checkpoint(files: Path) -> None:
    directory = create(files, "--save_strategy", "no", "--eval_strategy", "epoch", recipe=False)
    run_here(directory, stop_when("phase", 3))
    assert events(directory, "exit")[-1]["outcome"] == "stopped"
    assert events(directory, "checkpoint")[-1]["path"].endswith("checkpoint-3")
    assert events(directory, "eval") == []
    run_here(directory)
    assert events(directory, "metric")[-1]["step"] == 9


def test_commands_are_answered(files: Path) -> None:
    directory = create(files, "--save_strategy", "no", recipe=False)
    for command in ("resume", "pause", "checkpoint", "evaluate"):
        request(directory, command)
    request(directory, "resume")
    run_here(directory)
    answers = [(event["command"], event["accepted"]) for event in events(directory, "control")]
    assert answers == [
        ("resume", False),
        ("pause", True),
        ("checkpoint", True),
        ("evaluate", True),
        ("resume", True),
    ]
    assert len(events(directory, "checkpoint")) == 2
    assert len(events(directory, "eval")) == 2


def test_a_loss_that_is_no_number_ends_the_run_in_one_line(files: Path) -> None:
    from engine.question_answering.failures import TrainingFailure

    directory = create(files, "--learning_rate", "1e20", "--max_grad_norm", "0", recipe=False)
    with pytest.raises(TrainingFailure):
        run_here(directory)
    error = events(directory, "exit")[0]["error"]
    assert error["usage"] is False
    assert "the loss is nan at step" in error["message"] or "the loss is inf at step" in error["message"]
    assert "learning rate" in error["hint"]


def test_one_shot_prunes_and_evaluates(files: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "once.yaml"
    recipe.write_text(
        'modifiers:\n  - !GMPruningModifier\n    params: ["re:bert.encoder.*dense.weight"]\n    init_sparsity: 0.1\n'
        "    final_sparsity: 0.6\n    start_epoch: 0.0\n    end_epoch: 1.0\n    update_frequency: 1.0\n"
    )
    directory = create(files, "--one_shot", "--recipe", str(recipe), recipe=False)
    run_here(directory)
    weights = load_file(directory.output / "model.safetensors")
    assert np.mean(weights["bert.encoder.layer.1.output.dense.weight"] == 0) == pytest.approx(0.6, abs=1e-3)
    assert len(events(directory, "eval")) == 1


def test_half_precision_ends_where_quantization_begins(files: Path) -> None:
    directory = create(files, "--save_strategy", "no", "--bf16")
    run_here(directory)
    alerts = [event for event in events(directory, "alert") if "half precision" in event["message"]]
    # Pruning ends and quantization begins with epoch 2, which is step 6.
    assert [event["step"] for event in alerts] == [6]
    assert {value.dtype for value in load_file(directory.output / "model.safetensors").values()} >= {np.dtype("f4")}


def test_accumulated_steps_run_by_one_clock(files: Path) -> None:
    directory = create(files, "--save_strategy", "no", "--gradient_accumulation_steps", "2")
    run_here(directory)
    # 3 batches an epoch make 2 optimizer steps, for transformers and for the recipe.
    start = events(directory, "start")[0]
    assert (start["steps_per_epoch"], start["total_steps"]) == (2, 8)
    assert events(directory, "metric")[-1]["epoch"] == 4.0
    weights = load_file(directory.output / "model.safetensors")
    assert np.mean(weights["bert.encoder.layer.0.output.dense.weight"] == 0) == pytest.approx(0.8, abs=1e-3)


def test_the_best_model_is_a_finished_one(files: Path) -> None:
    flags = ["--save_strategy", "epoch", "--eval_strategy", "epoch"]
    flags += ["--load_best_model_at_end", "--metric_for_best_model", "f1"]
    directory = create(files, *flags)
    run_here(directory)
    assert any("after epoch 2" in event["message"] for event in events(directory, "alert"))
    state = json.loads((directory.output / "trainer_state.json").read_text())
    # Six steps are two epochs: what was best before does not count.
    assert state["best_global_step"] > 6
    weights = load_file(directory.output / "model.safetensors")
    assert np.mean(weights["bert.encoder.layer.0.output.dense.weight"] == 0) == pytest.approx(0.8, abs=1e-3)


def test_no_evaluation_before_the_end_of_pruning_is_a_candidate(files: Path) -> None:
    """Neither where the run goes on from a checkpoint that knows of it, nor where it leaves no checkpoint itself."""
    flags = ["--save_strategy", "steps", "--eval_strategy", "steps", "--eval_steps", "2", "--save_steps", "4"]
    # The lowest score is taken for the best one: at the beginning it is.
    flags += ["--load_best_model_at_end", "--metric_for_best_model", "f1", "--greater_is_better", "False"]
    directory = create(files, *flags)
    run_here(directory, stop_when("metric", 4))
    run_here(directory)
    scores = {event["step"]: event["f1"] for event in events(directory, "eval")}
    finished = [score for step, score in scores.items() if step > 6]
    assert scores[2] < min(finished)
    state = json.loads((directory.output / "trainer_state.json").read_text())
    assert state["best_global_step"] > 6
    assert state["best_metric"] == min(finished)


def test_samples_for_other_runtimes(files: Path) -> None:
    directory = create(files, "--save_strategy", "no", "--num_export_samples", "2", "--max_steps", "1", recipe=False)
    run_here(directory)
    inputs = np.load(directory.output / "sample-inputs" / "inp-0001.npz")
    outputs = np.load(directory.output / "sample-outputs" / "out-0001.npz")
    assert {name: inputs[name].shape for name in inputs} == dict.fromkeys(
        ("input_ids", "token_type_ids", "attention_mask"), (32,)
    )
    assert {name: outputs[name].shape for name in outputs} == {"start_logits": (32,), "end_logits": (32,)}


def test_a_model_without_token_types(files: Path, tmp_path: Path) -> None:
    from transformers import DistilBertConfig, DistilBertForQuestionAnswering

    config = DistilBertConfig(vocab_size=49, dim=32, n_layers=1, n_heads=2, hidden_dim=64, max_position_embeddings=64)
    DistilBertForQuestionAnswering(config).save_pretrained(tmp_path / "distilbert")
    write_tokenizer(tmp_path / "distilbert")
    directory = create(files, "--model_name_or_path", str(tmp_path / "distilbert"), "--max_steps", "2", recipe=False)
    run_here(directory)
    assert len(events(directory, "eval")) == 1


def test_predictions_without_answers(files: Path, tmp_path: Path) -> None:
    test = tmp_path / "test.json"
    test.write_text(json.dumps([{**row("anna", "paris"), "answers": {"text": [], "answer_start": []}}]))
    line = ["--model_name_or_path", str(files / "model"), "--test_file", str(test), "--do_predict", "--use_cpu"]
    directory = create_run(slug="predict", spec=build_spec([*line, *LENGTHS]))
    run_here(directory)
    assert set(json.loads((directory.output / "predict_predictions.json").read_text())) == {"anna-paris"}


@pytest.mark.parametrize(
    ("further", "message"),
    [
        (["--learnin_rate", "1"], "unknown flag --learnin_rate"),
        (["--eval_strategy", "sometimes"], "invalid choice"),
        (["--train_file", "/nowhere.json"], "/nowhere.json: no such file"),
        (["--resume_from_checkpoint", "/nowhere"], "is no checkpoint"),
        (["--max_seq_length", "6"], "no room"),
        (["--train_file", "/"], "Is a directory"),
    ],
)
def test_bad_input_is_the_users_error(files: Path, further: list[str], message: str) -> None:
    directory = create(files, *further, recipe=False)
    with pytest.raises(UserError) as caught:
        run_here(directory)
    assert message in str(caught.value)
    error = events(directory, "exit")[0]["error"]
    assert error["usage"] is True
    assert "\n" not in error["message"]


def test_a_hub_dataset_without_network_is_one_line(files: Path) -> None:
    line = ["--model_name_or_path", str(files / "model"), "--dataset_name", "squad", "--do_train", "--use_cpu"]
    directory = create_run(slug="hub", spec=build_spec([*line, *LENGTHS]))
    with pytest.raises(UserError, match="dataset squad cannot be had") as caught:
        run_here(directory)
    assert "facts" in caught.value.hint


def test_the_program_refuses_with_exit_code_2(files: Path, tmp_path: Path) -> None:
    engine = [sys.executable, "-m", "engine.question_answering.train"]
    nothing = subprocess.run([*engine, "--run_directory", str(tmp_path)], capture_output=True, text=True, check=False)
    assert (nothing.returncode, nothing.stderr.count("\n")) == (2, 1)
    assert "spec.json" in nothing.stderr


def test_a_signal_stops_after_a_checkpoint(files: Path) -> None:
    directory = create(files, "--max_steps", "100000", "--save_strategy", "no", "--learning_rate", "1e-5", recipe=False)
    process = start_engine(directory)
    reader = EventReader(directory.events_file)
    while not any(event["kind"] == "metric" for event in reader.read()):
        assert process.poll() is None, directory.console_file.read_text()
    stop_engine(directory)
    assert process.wait(timeout=60) == 0
    assert events(directory, "exit")[0]["outcome"] == "stopped"
    checkpoint = Path(events(directory, "checkpoint")[-1]["path"])
    assert (checkpoint / "trainer_state.json").is_file()


def test_checks_before_agree_with_the_engine(files: Path) -> None:
    spec = read_spec(create(files))
    assert [problem for problem in check_run(parse_light(spec.command[1:])) if problem.level == "error"] == []
