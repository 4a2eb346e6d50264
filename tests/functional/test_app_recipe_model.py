"""What a recipe does to a model, on the Recipe screen; only the engine's program is a fake."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
import pytest
from app_cases import pane_words, screen_text, until
from textual.pilot import Pilot
from textual.widgets import Input

from engine.recipes.inspection import Finding, Inspection, Pattern, Selected, Selection, Zeros
from sqa_tui.app import SqaApp
from sqa_tui.recipe_reading import Finding as Shown
from sqa_tui.run_form import DEMO
from sqa_tui.screens import recipe_model
from sqa_tui.screens.pick import PickScreen
from sqa_tui.screens.recipe import RecipeScreen
from sqa_tui.screens.runs import RunsScreen
from sqa_tui.widgets.findings_list import FindingsList
from sqa_tui.widgets.form_list import FormList
from sqa_tui.widgets.recipe_editor import RecipeEditor

MODEL = f"{DEMO}base-none"
RECIPE = f"{DEMO}pruned80-none"
SEEN = Inspection(
    model="demo",
    architecture="BertForQuestionAnswering",
    model_recipe=False,
    has_weights=True,
    pruned=Zeros(weights=1000, now=0, then=800),
    prunable=Zeros(weights=2000, now=0, then=800),
    overall=Zeros(weights=4000, now=0, then=800),
    dropped=0,
    selections=(
        Selection(
            index=0,
            modifier="MagnitudePruningModifier",
            line=9,
            patterns=(Pattern(text="re:a", parameters=1, weights=400), Pattern(text="re:b", parameters=1, weights=600)),
            parameters=(Selected(name="a", shape=(20, 20)), Selected(name="b", shape=(20, 30))),
            weights=1000,
            target=0.8,
        ),
    ),
    findings=(Finding(level="warning", line=9, message="re:c selects nothing", suggestion="mend it"),),
)


def answering(folder: Path, *, ending: str = "") -> list[str]:
    """A program that keeps what it was asked and its process id, and answers, or does `ending` instead."""
    (folder / "seen.json").write_bytes(msgspec.json.encode(SEEN))
    answer = ending or f"sys.stdout.write(open({str(folder / 'seen.json')!r}).read())"
    program = (
        f"import os, sys, time; open({str(folder / 'asked.json')!r}, 'w').write(sys.stdin.read());"
        f" open({str(folder / 'pid')!r}, 'w').write(str(os.getpid())); {answer}"
    )
    return [sys.executable, "-c", program]


def use(monkeypatch: pytest.MonkeyPatch, program: list[str]) -> None:
    monkeypatch.setattr(recipe_model, "QUIET_SECONDS", 0)
    monkeypatch.setattr(RecipeScreen, "inspection_command", staticmethod(lambda _model: program))


async def with_model(app: SqaApp, pilot: Pilot[None]) -> RecipeScreen:
    """The screen with the model chosen by keyboard."""
    await until(pilot, lambda: isinstance(app.screen, RunsScreen))
    app.open_recipe(RECIPE, model=MODEL, recipe_args="num_epochs=4")
    await until(pilot, lambda: isinstance(app.screen, RecipeScreen) and app.screen.reading)
    screen = app.screen
    assert isinstance(screen, RecipeScreen)
    await pilot.press("f4")
    screen.query_one(FormList).select("model")
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, PickScreen))
    app.screen.query_one("#typed", Input).value = "model of the new run"
    await pilot.press("enter")
    await until(pilot, lambda: app.screen is screen)
    return screen


async def with_findings(app: SqaApp, pilot: Pilot[None]) -> RecipeScreen:
    """The screen when what the program says of the model is there."""
    screen = await with_model(app, pilot)
    await until(pilot, lambda: screen.model_findings)
    return screen


async def test_what_each_pattern_selects_is_listed_and_what_is_wrong_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, answering(tmp_path))
    app = SqaApp()
    async with app.run_test(size=(160, 60)) as pilot:
        screen = await with_findings(app, pilot)
        await pilot.pause()
        text = pane_words(app, "problems")
        assert "zeros in 80.0 % of pruned and 20.0 % of all weights" in screen_text(app)
        assert "acts on 2 parameters, 1,000 weights, 80.0 % zero in the end" in text
        assert "1 parameter, 600 weights: re:b" in text
        assert [finding.level for finding in screen.query_one(RecipeEditor).marked[8]] == ["warning"]
        assert "! 1 warning" in screen_text(app)
    asked = msgspec.json.decode((tmp_path / "asked.json").read_bytes())
    assert asked["text"] == screen.document.text
    assert asked["recipe_args"] == "num_epochs=4.0"


async def test_a_change_ends_the_program_and_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, answering(tmp_path, ending="time.sleep(600)"))
    app = SqaApp()
    async with app.run_test(size=(160, 45)) as pilot:
        screen = await with_model(app, pilot)
        await until(pilot, lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        asked = int((tmp_path / "pid").read_text())
        use(monkeypatch, answering(tmp_path))
        await pilot.press("f4", "#")
        await until(pilot, lambda: screen.model_findings)
        await until(pilot, lambda: not is_alive(asked))


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_model_that_cannot_be_read_is_one_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, answering(tmp_path, ending="sys.stderr.write('error: no [b]model here\\n'); sys.exit(2)"))
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await with_findings(app, pilot)
        assert [(finding.level, finding.text) for finding in screen.model_findings] == [("warning", "no [b]model here")]


async def test_errors_come_before_warnings_in_the_pane_and_on_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, answering(tmp_path))
    app = SqaApp()
    async with app.run_test(size=(160, 60)) as pilot:
        screen = await with_findings(app, pilot)
        screen.model_findings = (*screen.model_findings, Shown("error", 9, 5, "matches nothing"))
        screen.show_findings()
        marked = screen.query_one(RecipeEditor).marked[8]
        assert [finding.level for finding in marked] == ["error", "warning"]
        levels = [finding.level for finding in screen.query_one(FindingsList).findings]
        assert levels[:2] == ["error", "warning"]


async def test_the_values_say_that_the_model_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, answering(tmp_path, ending="time.sleep(600)"))
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await with_model(app, pilot)
        await until(pilot, lambda: "looking at" in pane_words(app, "values"))
