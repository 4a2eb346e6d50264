"""`sqa-tui recipe`: checked, shown and previewed, by itself and for a model."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UserError
from engine.recipes import load_recipe, parse_recipe
from engine.recipes.inspection import inspect_model
from sqa_tui.cli import main

RECIPES = sorted((Path(__file__).parents[1] / "data" / "recipes").iterdir())
CONFIG = {
    "model_type": "bert",
    "architectures": ["BertForQuestionAnswering"],
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": 40,
}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sqa(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["recipe", *(str(argument) for argument in arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def as_json(sqa: Run) -> Callable[..., dict[str, Any]]:
    def run(*arguments: object) -> dict[str, Any]:
        code, out, _ = sqa(*arguments, "--json")
        assert code == 0
        return json.loads(out)

    return run


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_written_recipe_checks_clean_and_has_a_preview(recipe: Path, sqa: Run) -> None:
    code, out, err = sqa("check", recipe)
    assert (code, err) == (0, "")
    assert f"over {load_recipe(recipe).max_epochs} epochs" in out
    code, out, err = sqa("preview", recipe)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) == 80
    assert "╭ learning rate" in out
    assert "\x1b" not in out


def test_every_problem_has_a_line_of_its_own(sqa: Run, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "modifiers:\n  - !MagnitudePruningModifier\n      final_sparisty: 0.8\n      start_epoch: late\n"
        "  - !Nonsense {}\n"
    )
    code, out, err = sqa("check", recipe)
    assert (code, out) == (2, "")
    assert all(line.startswith(f"error: {recipe}:") for line in err.splitlines())
    assert "did you mean 'final_sparsity'?" in err
    code, out, _ = sqa("check", recipe, "--json")
    problems = json.loads(out)["problems"]
    assert code == 2
    assert len(problems) == len(err.splitlines()) > 2
    assert {problem["line"] for problem in problems} >= {3, 4, 5}


def test_show_and_preview_tell_problems_as_check_does(sqa: Run, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("modifiers:\n  - !Nonsense {}\n  - !Rubbish {}\n")
    told = sqa("check", recipe)
    assert len(told[2].splitlines()) == 2
    assert sqa("show", recipe) == sqa("preview", recipe) == told


def test_outputs_that_no_model_has_are_refused(sqa: Run, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "modifiers:\n  - !EpochRangeModifier {start_epoch: 0, end_epoch: 1}\n"
        "  - !DistillationModifier {distill_output_keys: [start_logit, end_logits]}\n"
    )
    code, out, err = sqa("check", recipe, "--epochs", 2)
    assert code == 2
    assert f"{recipe}:3:5: DistillationModifier: " in err
    assert "did you mean 'start_logits'?" in err
    assert "2 modifiers over 1 epoch, for a run of 2" in out


def test_what_may_not_be_meant_depends_on_the_run(sqa: Run) -> None:
    obert = next(path for path in RECIPES if path.name.startswith("obert-30-epochs-unstructured"))
    code, _, err = sqa("check", obert, "--epochs", 20)
    assert code == 0
    assert "warning: " in err
    assert "after the run (20)" in err
    code, _, err = sqa("check", obert, "--recipe_args", "init_sparsity=0.95", "--steps_per_epoch", 10)
    assert "begins with more sparsity than it ends with" in err


def test_what_a_recipe_says_evaluated(as_json: Callable[..., dict[str, Any]]) -> None:
    transfer = next(path for path in RECIPES if "transfer" in path.name)
    found = as_json("show", transfer, "--recipe_args", "init_lr=0.5")
    rates = [item["fields"]["init_lr"] for item in found["modifiers"] if "init_lr" in item["fields"]]
    assert rates == [0.5]
    assert {"name": "init_lr", "value": 0.5} in [
        {"name": item["name"], "value": item["value"]} for item in found["variables"]
    ]


def test_a_preview_as_series(as_json: Callable[..., dict[str, Any]]) -> None:
    obert = next(path for path in RECIPES if path.name.startswith("obert-30-epochs-unstructured"))
    found = as_json("preview", obert, "--steps_per_epoch", 4)
    assert found["total_steps"] == 120
    assert found["series"]["sparsity"]["epochs"] == [2, 6, 10, 14, 18, 22, 26]
    assert found["series"]["sparsity"]["values"][0] == 0.7
    assert found["series"]["sparsity"]["values"][-1] == 0.9
    assert {"name": "prune", "start_epoch": 2, "end_epoch": 26} in found["phases"]
    assert [track["modifier"] for track in found["tracks"] if track["quantity"] == "sparsity"] == ["OBSPruningModifier"]


def test_a_preview_makes_up_no_sparsity_of_the_whole(
    sqa: Run, as_json: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "modifiers:\n  - !MagnitudePruningModifier {start_epoch: 0, end_epoch: 3, init_sparsity: 0.0, params: [],"
        ' final_sparsity: {0.5: ["re:.*query.weight"], 0.9: ["re:.*key.weight"]}, update_frequency: 0}\n'
    )
    found = as_json("preview", recipe)
    assert found["series"]["sparsity"] is None
    assert [track["values"][-1] for track in found["tracks"]] == [0.5, 0.9]
    assert ", at every step" in sqa("preview", recipe, "--width", 160)[1]


@pytest.mark.parametrize(("width", "height"), [(40, 5), (80, 9), (160, 14)])
def test_charts_are_as_large_as_asked_for(width: int, height: int, sqa: Run) -> None:
    _, out, _ = sqa("preview", RECIPES[0], "--width", width, "--height", height)
    lines = out.splitlines()
    assert max(map(len, lines)) == width
    frames = [number for number, line in enumerate(lines) if line.startswith(("╭", "╰"))]
    assert frames[1] - frames[0] + 1 == height


def test_a_recipe_without_a_length_has_no_preview_by_itself(sqa: Run, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("modifiers:\n  - !SetLearningRateModifier {learning_rate: 0.1}\n")
    code, out, err = sqa("preview", recipe)
    assert (code, out) == (2, "")
    assert "--epochs" in err
    assert sqa("preview", recipe, "--epochs", 2)[0] == 0


def test_a_recipe_for_a_model(sqa: Run, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    obert = next(path for path in RECIPES if path.name.startswith("obert-30-epochs-unstructured"))
    code, out, _ = sqa("check", obert, "--model", tmp_path, "--json")
    model = json.loads(out)["model"]
    (selection,) = model["selections"]
    encoder = 2 * (4 * 16 * 16 + 2 * 16 * 32)
    assert (selection["weights"], len(selection["parameters"])) == (encoder, 12)
    assert model["pruned"] == {"weights": encoder, "now": None, "then": round(0.9 * encoder)}
    assert code == 0


def test_the_program_that_looks_at_models_says_why_it_cannot(tmp_path: Path) -> None:
    recipe = parse_recipe("modifiers:\n  - !SetLearningRateModifier {learning_rate: 0.1}\n")
    with pytest.raises(UserError, match="nothing") as caught:
        inspect_model(str(tmp_path), recipe, recipe_args="nothing=1")
    assert "\n" not in str(caught.value)
    crash = (sys.executable, "-c", "import sys; print('Segmentation', file=sys.stderr); sys.exit(1)")
    with pytest.raises(RuntimeError, match="Segmentation"):
        inspect_model(str(tmp_path), recipe, command=crash)


def test_a_model_that_is_none_is_one_line(sqa: Run, tmp_path: Path) -> None:
    code, out, err = sqa("check", RECIPES[0], "--model", tmp_path / "nothing")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("source", ["-", "/dev/stdin"])
@pytest.mark.parametrize("front_matter", [False, True])
def test_a_recipe_can_be_piped(source: str, front_matter: bool, sqa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "modifiers:\n  - !EpochRangeModifier {start_epoch: 0, end_epoch: 7}\n"
    piped = f"# A model\n---\n{text}---\nmore\n" if front_matter else text
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(piped.encode())))
    code, out, _ = sqa("check", source)
    assert (code, out.splitlines()[0]) == (0, "stdin: 1 modifier over 7 epochs, in the order in which they run")


def test_what_is_piped_in_is_bounded_text(sqa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for content, said in ((b"\xff", "is not text in UTF-8"), (b"#" * 300_000, "is too long for a recipe")):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        code, _, err = sqa("show", "-")
        assert code == 2
        assert err.startswith(f"error: stdin: {said}")


def test_a_pipe_under_the_name_of_a_recipe_holds_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    command = [sys.executable, "-m", "sqa_tui", "recipe", "check", str(tmp_path / "pipe.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith("pipe.yaml: cannot be read: not a regular file\n")


def test_every_step_is_bounded(sqa: Run, tmp_path: Path) -> None:
    path = tmp_path / "long.yaml"
    path.write_text("modifiers:\n  - !EpochRangeModifier {start_epoch: 0, end_epoch: 1000}\n")
    with_steps = ("preview", path, "--json", "--every_step", "--steps_per_epoch")
    assert sqa(*with_steps, 500)[0] == 0
    code, out, err = sqa(*with_steps, 501)
    assert (code, out) == (2, "")
    assert "may print 501,000 values" in err
    assert err.count("\n") == 1


def test_asking_the_hub_is_said(sqa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise UserError("cannot load nope")

    monkeypatch.setattr("sqa_tui.commands.recipe_check.inspect_model", unknown)
    code, _, err = sqa("check", RECIPES[0], "--model", "nope")
    assert (code, err.splitlines()) == (2, ["asking the Hugging Face hub for nope …", "error: cannot load nope"])
