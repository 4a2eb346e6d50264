"""Checks before a run, in a process that has no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UserError
from engine.question_answering.fit_checks import check_fits
from engine.question_answering.preflight import Problem, build_spec, check_run, parse_light

RECIPE = """
modifiers:
  - !EpochRangeModifier
    start_epoch: 0.0
    end_epoch: eval(num_epochs)
  - !GMPruningModifier
    params: __ALL_PRUNABLE__
    init_sparsity: 0.0
    final_sparsity: 0.8
    start_epoch: 0.0
    end_epoch: 1.0
    update_frequency: 0.5
num_epochs: 2
"""
TEACHING = RECIPE.replace("num_epochs: 2", "").replace("eval(num_epochs)", "2.0") + "  - !DistillationModifier\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A model, a recipe, questions."""
    make_model(tmp_path / "model")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "teaching.yaml").write_text(TEACHING)
    answers = {"text": ["Paris"], "answer_start": [0]}
    (tmp_path / "train.json").write_text(json.dumps([{"question": "?", "context": "Paris", "answers": answers}]))
    return tmp_path


def make_model(folder: Path, words: tuple[str, ...] = ("a", "b"), **config: Any) -> None:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": 2, **config}))
    (folder / "vocab.txt").write_text("\n".join(words))
    (folder / "model.safetensors").write_bytes(b"0" * 100)


def check(files: Path, **changes: Any) -> list[Problem]:
    usual = {
        "model_name_or_path": str(files / "model"),
        "train_file": str(files / "train.json"),
        "do_train": True,
        "recipe": str(files / "recipe.yaml"),
    }
    return check_run({name: value for name, value in {**usual, **changes}.items() if value is not None})


def worst(problems: list[Problem], subject: str) -> tuple[str, str]:
    """Level and message of the gravest finding about `subject`."""
    order = ("error", "warning", "info", "ok")
    found = sorted((item for item in problems if item.subject == subject), key=lambda item: order.index(item.level))
    return (found[0].level, found[0].message) if found else ("", "")


def test_a_good_run_has_no_problems(files: Path) -> None:
    found = check(files)
    assert {item.level for item in found} == {"ok"}
    assert worst(found, "recipe") == ("ok", "2 modifiers over 2 epochs")


@pytest.mark.parametrize(
    ("changes", "subject", "level", "message"),
    [
        ({"model_name_or_path": None}, "model", "error", "no model is chosen"),
        ({"model_name_or_path": "./nowhere"}, "model", "error", "no such model folder"),
        ({"do_train": None}, "task", "error", "nothing to do"),
        ({"recipe": "none.yaml"}, "recipe", "error", "none.yaml"),
        ({"recipe": "a: [\n"}, "recipe", "error", ""),
        ({"num_train_epochs": 5.0}, "recipe", "warning", "--num_train_epochs 5 is not used"),
        ({"recipe": None, "recipe_args": "a=1"}, "recipe", "warning", "no effect"),
        ({"train_file": None}, "data", "error", "no questions to train on"),
        ({"train_file": "/nowhere.json"}, "data", "error", "no such file"),
        ({"do_eval": True}, "data", "error", "no questions to evaluate on"),
        ({"distill_teacher": "disable"}, "teacher", "ok", "no distillation"),
    ],
)
def test_problems_are_found(files: Path, changes: dict[str, Any], subject: str, level: str, message: str) -> None:
    found = worst(check(files, **changes), subject)
    assert found[0] == level
    assert message in found[1]


def test_a_recipe_that_distils_needs_a_teacher(files: Path) -> None:
    recipe = str(files / "teaching.yaml")
    assert worst(check(files, recipe=recipe), "teacher")[0] == "error"
    make_model(files / "same")
    assert worst(check(files, recipe=recipe, distill_teacher=str(files / "same")), "teacher")[0] == "ok"
    make_model(files / "bigger", vocab_size=3)
    level, message = worst(check(files, recipe=recipe, distill_teacher=str(files / "bigger")), "teacher")
    assert (level, message) == ("error", "the teacher knows 3 tokens, the model 2")
    make_model(files / "other", words=("b", "a"))
    assert worst(check(files, recipe=recipe, distill_teacher=str(files / "other")), "teacher")[0] == "warning"
    assert "not used" in worst(check(files, distill_teacher=str(files / "same")), "teacher")[1]


def test_models_are_looked_at(files: Path) -> None:
    model = files / "model"
    (model / "model.safetensors").unlink()
    assert "random" in worst(check(files), "model")[1]
    (model / "vocab.txt").unlink()
    assert worst(check(files), "model") == ("error", f"{model} has no tokenizer")
    assert worst(check(files, tokenizer_name="bert-base-uncased"), "model")[0] == "warning"
    (model / "config.json").write_text('{"model_type": "vit"}')
    assert "vit is not known to answer" in " ".join(item.message for item in check(files))
    (model / "config.json").write_text("{")
    assert "not JSON" in worst(check(files), "model")[1]


def test_output_folders(files: Path) -> None:
    output = files / "out"
    assert worst(check(files, output_dir=str(output)), "output") == ("", "")
    output.mkdir()
    (output / "notes.txt").write_text("mine")
    assert "not empty" in worst(check(files, output_dir=str(output)), "output")[1]
    assert worst(check(files, output_dir=str(output), overwrite_output_dir=True), "output") == ("", "")
    for step, state in ((5, '{"global_step": 5}'), (10, '{"global_st')):
        (output / f"checkpoint-{step}").mkdir()
        (output / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    # The newer one was cut off while it was written.
    assert worst(check(files, output_dir=str(output)), "output") == (
        "info",
        f"the run goes on from {output / 'checkpoint-5'}",
    )


def test_space_for_checkpoints(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.question_answering import run_checks

    for free, level in ((200, "error"), (400, "warning"), (5000, "")):
        monkeypatch.setattr(run_checks.shutil, "disk_usage", lambda place, free=free: type("U", (), {"free": free}))
        assert worst(check(files, output_dir=str(files / "out")), "output")[0] == level


def test_the_specification(files: Path) -> None:
    line = f"--model_name_or_path {files}/model --recipe {files}/recipe.yaml --recipe_args num_epochs=3 --do_train"
    argv = [*line.split(), "--train-file", "t.json", "--export", "--adam_beta1", "0.8", "--output_dir", "out"]
    spec = build_spec(argv)
    assert (spec.model_path, spec.export, spec.recipe_args) == (str(files / "model"), True, "num_epochs=3")
    assert spec.recipe is not None
    assert spec.recipe.text == RECIPE
    assert spec.dataset == {"train_file": "t.json"}
    assert spec.arguments["adam_beta1"] == "0.8"
    assert spec.output_dir == str(Path("out").absolute())
    assert spec.command[0] == "train"
    assert build_spec(spec.command[1:]) == spec
    with pytest.raises(UserError, match="no model"):
        build_spec(["--do_train"])


def test_nothing_heavy_is_loaded(files: Path) -> None:
    script = (
        "import sys; from engine.question_answering.preflight import *;"
        f"found = check_run(parse_light(['--model_name_or_path', {str(files / 'model')!r}, '--do_train',"
        f" '--train_file', {str(files / 'train.json')!r}, '--recipe', {str(files / 'recipe.yaml')!r}]));"
        "print(len(found), [name for name in ('torch', 'transformers', 'numpy', 'datasets') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split(" ", 1)[1].strip() == "[]"
    assert int(done.stdout.split()[0]) > 2


def test_parse_light_is_part_of_it() -> None:
    assert parse_light(["--do-train"]) == {"do_train": True}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--recpie x", "unknown flag --recpie (did you mean --recipe?)"),
        ("--per_device_train_batch_size 0", "--per_device_train_batch_size is 0 (give 1 or more)"),
        ("--n_best_size -3", "--n_best_size is -3 (give 1 or more)"),
        ("--max_seq_length 3", "--max_seq_length is 3 (give 8 or more)"),
        ("--doc_stride 0", "--doc_stride is 0 (give 1 or more)"),
        ("--num_train_epochs 0", "--num_train_epochs is 0 (give a number above 0)"),
        ("--learning_rate nan", "--learning_rate is nan (give a number above 0)"),
        ("--learning_rate inf", "--learning_rate is inf (give a number above 0)"),
        ("--max_steps 0", "--max_steps is 0 (give 1 or more, or -1)"),
        ("--save_steps 0", "--save_steps is 0 (give a number above 0)"),
        ("--max_train_samples 0", "--max_train_samples is 0 (give 1 or more)"),
        ("--adam_beta1 much", "--adam_beta1: 'much' is not a number"),
        ("--lr_scheduler_type linaer", "--lr_scheduler_type: 'linaer' is unknown (did you mean linear?)"),
        ("--fp16 --bf16", "--fp16 and --bf16 at once (give one of them)"),
        ("--report_to tensorbord", "--report_to: 'tensorbord' is unknown (did you mean tensorboard?)"),
    ],
)
def test_flags_are_judged_before_the_start(files: Path, line: str, said: str) -> None:
    found = [item for item in check(files, **parse_light(line.split())) if item.level == "error"]
    assert [f"{item.message} ({item.hint})" if item.hint else item.message for item in found] == [said]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--metric_for_best_model accuracy", "'accuracy' is no score (choose one of f1, exact_match)"),
        ("--metric_for_best_model exact_macth", "'exact_macth' is no score (did you mean exact_match?)"),
        ("--metric_for_best_model eval_f1", ""),
        ("--metric_for_best_model HasAns_f1 --version_2_with_negative", ""),
        ("--load_best_model_at_end", "without evaluations during the training"),
        ("--load_best_model_at_end --eval_strategy epoch", "but --save_strategy is steps (give --save_strategy epoch)"),
        ("--load_best_model_at_end --eval_strategy steps", ""),
        ("--one_shot", "--one_shot needs a recipe to apply (give --recipe)"),
        ("--one_shot --recipe x.yaml --do_eval", ""),
        ("--one_shot --recipe x.yaml --do_eval --do_train", "--do_train has no effect"),
    ],
)
def test_flags_that_do_not_go_together(line: str, said: str) -> None:
    found = [f"{item.message} ({item.hint})" for item in check_fits(parse_light(line.split()))]
    assert len(found) == (1 if said else 0)
    assert all(said in text for text in found)


def test_unknown_names_in_a_file_are_named(files: Path) -> None:
    (files / "run.json").write_text('{"learnign_rate": 1e-4}')
    found = check(files, **parse_light([str(files / "run.json")]))
    assert "unknown flag --learnign_rate" in [item.message for item in found]


def test_flags_of_another_transformers_are_left_to_the_engine(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strange = {"zzz_of_tomorrow": "1"}
    assert worst(check(files, **strange), "task") == ("error", "unknown flag --zzz_of_tomorrow")
    monkeypatch.setattr("engine.question_answering.flag_checks._is_listed_version", lambda: False)
    assert worst(check(files, **strange), "task") == ("", "")


def test_flags_without_effect_and_translated_ones_are_no_errors(files: Path) -> None:
    given = parse_light(["--save_safetensors", "--evaluation_strategy", "no", "--adafactor", "--adam_beta1", "0.8"])
    assert worst(check(files, **given), "task") == ("info", "--save_safetensors has no effect any more")


def test_a_broken_recipe_says_nothing_about_the_teacher(files: Path) -> None:
    make_model(files / "same")
    found = check(files, recipe="none.yaml", distill_teacher=str(files / "same"))
    assert worst(found, "teacher")[0] == "ok"


def test_hub_ids_that_may_be_folders(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    monkeypatch.setenv("HF_HUB_CACHE", str(files / "hub"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    for name in ("nothere", "model/nothere"):
        expected = ("warning", f"no folder ./{name}; taken as a hub id")
        assert worst(check(files, model_name_or_path=name), "model") == expected
    assert worst(check(files, model_name_or_path="somebody/bert"), "model")[0] == "ok"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert worst(check(files, model_name_or_path="somebody/bert"), "model")[0] == "error"
    snapshot = files / "hub" / "models--somebody--bert" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    level, message = worst(check(files, model_name_or_path="somebody/bert"), "model")
    assert (level, "only a part of it" in message) == ("error", True)
    (snapshot / "model.safetensors").write_bytes(b"0")
    assert worst(check(files, model_name_or_path="somebody/bert"), "model")[0] == "ok"
