"""`sqa-tui zoo`: list, show, fetch and sources as a person or a program sees them, and their exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.zoo.local import own_root
from sqa_tui.cli import main
from tests.zoo_servers import HubModel, HubServer

QA = "zoo:nlp/question_answering/bert-base/pytorch/huggingface/squad"
MLM = "zoo:nlp/masked_language_modeling/bert-base/pytorch/huggingface/wikipedia_bookcorpus"
README_STUBS = [
    f"{QA}/pruned-aggressive_98",
    f"{QA}/base-none",
    f"{MLM}/12layer_pruned80_quant-none-vnni",
    f"{MLM}/12layer_pruned80_quant-none-vnni?recipe_type=transfer-question_answering",
    f"{MLM}/base-none",
    f"{MLM}/base-none?recipe_type=transfer-question_answering",
    "nlp/question_answering/bert-base/pytorch/huggingface/squad/pruned-aggressive_98",
]
"""The stubs that SparseML's page on question answering names."""


def zoo(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["zoo", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    code, out, _ = zoo(capsys, "list", *arguments, "--json")
    assert code == 0
    return json.loads(out)


@pytest.mark.parametrize(
    ("arguments", "holds"),
    [
        (["--architecture", "mobilebert", "--quantised"], lambda each: each["quantised"]),
        (["--min-sparsity", "95", "--max-sparsity", "97"], lambda each: 95 <= each["sparsity"] <= 97),
        (["--layers", "6"], lambda each: each["layers"] == 6),
        (["--teacher"], lambda each: each["has_teacher"] and each["path"]),
        (["--recipe"], lambda each: each["has_recipe"]),
        (["--source", "hub"], lambda each: not each["stub"].startswith("zoo:")),
        (["--task", "mlm"], lambda each: each["task"] == "masked_language_modeling"),
        (["oBERT", "block4"], lambda each: "block4" in each["stub"]),
    ],
)
def test_filters_leave_what_they_ask_for(capsys: pytest.CaptureFixture[str], arguments: list[str], holds: object):
    everything, chosen = listed(capsys), listed(capsys, *arguments)
    assert 0 < len(chosen) < len(everything)
    assert callable(holds)
    assert all(holds(each) for each in chosen)


@pytest.mark.parametrize("stub", README_STUBS)
def test_the_card_of_every_stub_of_the_readme_says_what_to_do(capsys: pytest.CaptureFixture[str], stub: str):
    code, out, _ = zoo(capsys, "show", stub)
    assert code == 0
    assert "cannot be had from here: the SparseZoo service ended in June 2025" in out
    assert f"put it at {own_root() / stub.removeprefix('zoo:').partition('?')[0]}" in out
    assert "Instead (other models, not this one)" in out
    assert "--model_name_or_path RedHatAI/oBERT" in out
    assert "The facts are from" in out


def test_the_card_of_the_documented_teacher_names_a_teacher_to_take_instead(capsys: pytest.CaptureFixture[str]):
    _, out, _ = zoo(capsys, "show", f"{QA}/base-none", "--json")
    card = json.loads(out)
    assert {"name": "RedHatAI/oBERT-teacher-squadv1", "role": "teacher"}.items() <= card["substitutes"][3].items()


def test_a_card_of_what_is_here_has_recipe_and_files(capsys: pytest.CaptureFixture[str]):
    _, out, _ = zoo(capsys, "show", "zoo:nlp/question_answering/bert-demo/pytorch/huggingface/facts/pruned80-none")
    assert "make its model: sqa-tui train" in out
    assert "  - !LearningRateFunctionModifier" in out
    assert "recipe.yaml" in out
    assert "Instead" not in out


def test_wrong_stubs_are_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]):
    code, _, err = zoo(capsys, "show", f"{QA}/pruned-aggressiv_98")
    assert (code, len(err.splitlines())) == (2, 1)
    assert f"did you mean {QA}/pruned-aggressive_98, {QA}/pruned" in err
    assert err.count("(") == 1
    code, _, err = zoo(capsys, "fetch", f"{QA}/base-none")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "SPARSEZOO_API_URL" in err
    assert zoo(capsys, "list", "--layers", "many")[0] == 2
    assert zoo(capsys, "fetch")[0] == 2


@pytest.mark.parametrize("name", ["empty", "file", "absent"])
def test_a_path_that_is_no_model_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("text")
    code, out, err = zoo(capsys, "show", str(tmp_path / name))
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert str(tmp_path / name) in err
    assert "fetch" not in err


def test_a_name_that_is_no_utf_8_is_listed_and_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SQA_ZOO_ROOTS", str(tmp_path))
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert"}')
    assert [each["stub"] for each in listed(capsys, "--source", "local")] == [str(folder)]
    code, out, _ = zoo(capsys, "list", "--source", "local")
    assert (code, str(tmp_path / "caf") in out) == (0, True)
    code, out, _ = zoo(capsys, "show", str(folder), "--json")
    assert (code, json.loads(out)["name"]) == (0, str(folder))


def test_sources_say_their_state_and_reason(capsys: pytest.CaptureFixture[str]):
    code, out, _ = zoo(capsys, "sources", "--json")
    states = {each["name"]: each for each in json.loads(out)}
    assert code == 0
    assert {name: each["state"] for name, each in states.items()} == {
        "local": "empty",
        "demo": "ready",
        "hub": "offline",
        "sparsezoo": "unavailable",
        "catalogue": "ready",
    }
    assert all(each["reason"] for each in states.values())


def test_fetch_says_where_it_is_and_what_failed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    files = {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"0" * 100}
    server = HubServer(HubModel("some/model", files))
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with server.running():
        code, out, err = zoo(capsys, "fetch", "some/model", "some/absent")
        shown = zoo(capsys, "show", "some/model", "--json")[1]
    place = own_root() / "huggingface" / "some" / "model"
    assert (code, out) == (2, f"some/model: {place}\n")
    assert err.startswith("error: some/absent: the hub has no model")
    assert json.loads(shown)["folder"] == str(place)


def test_what_lists_refuse_and_what_they_find_nothing_for(capsys: pytest.CaptureFixture[str]):
    for wrong in (("--min-sparsity", "nan"), ("--max-sparsity", "101"), ("--layers", "-3")):
        code, out, err = zoo(capsys, "list", *wrong)
        assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert zoo(capsys, "list", "no", "such", "words") == (0, "", "no entry fits\n")
    assert zoo(capsys, "list", "no", "such", "words", "--json") == (0, "[]\n", "no entry fits\n")
    assert listed(capsys, "--architecture", "BERT-Large") == listed(capsys, "--architecture", "bert-large") != []


@pytest.mark.parametrize("group", ["zoo", "recipe"])
def test_a_group_without_a_subcommand_prints_its_help(capsys: pytest.CaptureFixture[str], group: str):
    assert main([group]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) > 8
    assert (captured.out.startswith(f"Usage: sqa-tui {group}"), captured.err) == (True, "")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("bert-base-squad_wikipedia_bookcorpus-prund90", "zoo:bert-base-squad_wikipedia_bookcorpus-pruned90"),
        ("nlp/question_answering/bert-base/pytorch/huggingface/squad", f"{QA}/base-none"),
        ("?recipe_type=x", "`sqa-tui zoo list` shows names"),
        ("a" * 5000, "name a stub"),
        ("zoo:bert-base-" + "a" * 5000, "name a stub"),
        ("a/" * 2500, "name a stub"),
        ("/" + "a/" * 2500, "name a stub"),
    ],
)
@pytest.mark.parametrize("command", ["show", "fetch"])
def test_what_is_no_name_is_one_line(capsys: pytest.CaptureFixture[str], command: str, name: str, near: str):
    code, out, err = zoo(capsys, command, name)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert near in err
    assert len(err) < 1000


def test_a_name_of_the_hub_is_still_one(capsys: pytest.CaptureFixture[str]):
    for name in ("bert-base-uncased", "someone/bert-base-squad_wikipedia_bookcorpus-prund90"):
        assert "zoo fetch" in zoo(capsys, "show", name)[1]


def test_sources_that_could_not_be_asked_are_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    server = HubServer(HubModel("some/model", {"config.json": b"{}"}))
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    code, out, err = zoo(capsys, "list", "--online", "model", "--json")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "hub: HF_HUB_OFFLINE forbids" in err
    assert "sparsezoo: " in err
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with server.running():
        code, out, err = zoo(capsys, "list", "--online", "model", "--json")
    assert (code, [each["stub"] for each in json.loads(out)]) == (0, ["some/model"])
    assert err.startswith("not asked: sparsezoo: ")
    assert len(err.splitlines()) == 1
