"""Making a run, naming one, and what it says of itself: directory, specification, list."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.runs import launch
from engine.runs.launch import create_run
from engine.runs.listing import list_runs
from engine.runs.paths import RunDirectory, find_run, home, runs_root, slug_of
from engine.runs.recorder import RunRecorder
from engine.runs.spec import RecipeSource, RunSpec, read_spec, write_spec

CHOICES = {
    "model": "zoo:bert-demo",
    "model_path": "/models/bert",
    "recipe": RecipeSource.of("recipe.yaml", "modifiers: []\n"),
    "dataset": {"dataset_name": "facts"},
    "arguments": {"num_train_epochs": 3.0, "fp16": False},
    "command": ["train", "--num_train_epochs", "3"],
}


def run_named(slug: str, created: float = 0.0, **changes) -> RunDirectory:
    return create_run(slug=slug, created=created, **{**CHOICES, **changes})


def test_home_is_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("SQA_HOME", str(tmp_path))
    assert (home(), runs_root()) == (tmp_path, tmp_path / "runs")
    monkeypatch.delenv("SQA_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert home() == tmp_path / "data" / "sqa-tui"


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Bert Prün 80%!", "bert-prun-80"),
        ("../../etc/passwd", "etc-passwd"),
        ("", "run"),
        ("日本", "run"),
        ("-rf\n\x1b[31m", "rf-31m"),
        ("x" * 99, "x" * 40),
    ],
)
def test_slugs_are_safe_as_file_names(text, slug):
    assert slug_of(text) == slug


def test_a_run_is_whole_private_and_says_everything(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run = run_named("Bert Pruned", created=time.mktime((2026, 3, 4, 5, 6, 7, 0, 0, -1)))
    assert run.id == "20260304-050607-bert-pruned"
    assert run.slug == "bert-pruned"
    assert run.path.parent == runs_root()
    spec = read_spec(run)
    assert (spec.id, spec.output_dir, spec.working_directory) == (run.id, str(run.output), str(tmp_path))
    assert spec.recipe.sha256
    assert {name: getattr(spec, name) for name in CHOICES} == CHOICES
    assert spec.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "msgspec" not in spec.versions
    assert spec.host == os.uname().nodename
    for folder in (run.path, runs_root(), run.control):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert run.spec_file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in run.path.iterdir()) == ["control", "spec.json"]
    assert [path.name for path in runs_root().iterdir()] == [run.id]


def test_the_digest_of_a_recipe_is_that_of_its_text():
    assert RecipeSource.of("-", "abc").sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_runs_of_the_same_second_get_numbers():
    created = time.time()
    ids = [run_named("same", created=created).slug for _ in range(3)]
    assert ids == ["same", "same-2", "same-3"]


def test_many_processes_never_share_a_run():
    program = (
        "from engine.runs.launch import create_run\n"
        "for _ in range(5): print(create_run(slug='x', model='m', model_path='m', created=1e9).id)"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    ids = [line for child in children for line in child.communicate(timeout=60)[0].split()]
    assert len(ids) == len(set(ids)) == 15
    assert sorted(ids) == sorted(path.name for path in runs_root().iterdir())


def test_a_specification_is_written_once():
    run = run_named("once")
    before = run.spec_file.read_bytes()
    with pytest.raises(FileExistsError):
        write_spec(run, RunSpec(model="other", model_path="other"))
    assert run.spec_file.read_bytes() == before


def test_no_space_leaves_nothing_behind():
    runs_root().mkdir(parents=True)
    program = (
        "import resource\n"
        "from engine.errors import run_program\n"
        "from engine.runs.launch import create_run\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))\n"
        "raise SystemExit(run_program(lambda: create_run(slug='x', model='m' * 500, model_path='m') and 0))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert re.fullmatch(r"error: cannot create a run in \S+: File too large \(free space, .*\)\n", done.stderr)
    assert list(runs_root().iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100


def test_no_permission_is_one_line(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SQA_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"cannot create a run in .*: Not a directory"):
        run_named("x")


def test_a_name_taken_meanwhile_is_not_overwritten(monkeypatch):
    created = 1e9
    taken = run_named("race", created=created)
    monkeypatch.setattr(launch.os.path, "exists", lambda path: False)
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert run_named("race", created=created).id == f"{taken.id}-2"


def test_finding_a_run():
    first = run_named("alpha", created=1e9)
    second = run_named("beta", created=1.1e9)
    third = run_named("alpha-two", created=1.2e9)
    for name in (first.id, str(first.path), f"{first.path}/", "alpha", first.id[:10]):
        assert find_run(name) == first
    assert find_run("beta") == second
    assert find_run(third.id[:8]) == third
    with pytest.raises(UserError, match="3 runs match '20'") as error:
        find_run("20")
    assert error.value.hint.startswith("one of: ")


@pytest.mark.parametrize("name", ["", "/nowhere", "bata", "zzz\x1b[31m"])
def test_what_is_no_run_is_said_with_near_ones(name):
    run = run_named("beta")
    with pytest.raises(UserError) as error:
        find_run(name)
    assert "\x1b" not in error.value.message
    assert run.id in error.value.hint
    if name == "bata":
        assert error.value.hint == f"did you mean {run.id}?"


def test_without_runs_it_says_so():
    with pytest.raises(UserError, match="there are no runs"):
        find_run("x")
    assert list_runs() == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "is not a run: it has no spec.json"),
        (b"", "is damaged or not ours"),
        (b'{"version":1,"id":"x","mod', "is damaged or not ours"),
        (b'{"version":1}', "missing required field `model`"),
        (b'["a"]', "is damaged or not ours"),
        (b"\xff\xfe\x00", "is damaged or not ours"),
        (b'{"version":2,"brand":"new"}', "has version 2, this program knows 1"),
    ],
)
def test_a_damaged_specification_is_listed_with_its_problem(content, problem):
    good = run_named("good", created=1e9)
    bad = run_named("bad", created=1.1e9)
    bad.spec_file.unlink()
    if content is not None:
        bad.spec_file.write_bytes(content)
    with pytest.raises(UserError, match=re.escape(problem)):
        read_spec(bad)
    listed = list_runs()
    assert [summary.id for summary in listed] == [bad.id, good.id]
    assert problem in listed[0].problem
    assert listed[0].spec_brief is None
    assert (listed[1].problem, listed[1].spec_brief.model, listed[1].spec_brief.dataset) == (
        None,
        "zoo:bert-demo",
        "facts",
    )


def test_a_list_says_where_each_run_stands_and_ignores_strangers():
    run = run_named("done")
    with RunRecorder(run, signals=False) as recorder:
        recorder.emit("start", total_steps=10, total_epochs=1.0)
        recorder.emit("metric", step=10, epoch=1.0, loss=0.5, sparsity=0.8)
        recorder.emit("eval", step=10, epoch=1.0, f1=88.5, exact_match=80.0)
    (runs_root() / "notes.txt").write_text("mine")
    (runs_root() / ".new-1-abcd").mkdir()
    (summary,) = list_runs()
    assert (summary.id, summary.path, summary.assessment.state) == (run.id, run.path, "finished")
    assert (summary.state.f1, summary.state.sparsity, summary.state.total_steps) == (88.5, 0.8, 10)
    assert (summary.spec_brief.recipe, summary.spec_brief.teacher) == ("recipe.yaml", None)


def test_unknown_fields_of_a_specification_are_ignored():
    run = run_named("future")
    raw = json.loads(run.spec_file.read_bytes())
    run.spec_file.write_text(json.dumps({**raw, "mood": "good"}))
    assert read_spec(run).model == "zoo:bert-demo"
