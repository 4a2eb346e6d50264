"""The Recipe screen by keyboard: edit, see problems and the course, change values, save, use, leave."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from app_cases import SIZES, make_run, pane_words, said, screen_text, screen_words, until
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from engine.errors import UserError
from engine.recipes import load_recipe
from engine.runs.spec import RecipeSource, read_spec, write_spec
from sqa_tui.app import SqaApp
from sqa_tui.paths import user_recipes
from sqa_tui.recipe_files import ChosenRecipe, own_recipe
from sqa_tui.recipe_template import TEMPLATE
from sqa_tui.run_form import DEMO
from sqa_tui.screens.confirm import ConfirmScreen
from sqa_tui.screens.new_run import NewRunScreen
from sqa_tui.screens.pick import PickScreen
from sqa_tui.screens.recipe import RecipeScreen
from sqa_tui.screens.runs import RunsScreen
from sqa_tui.widgets.checks_pane import ChecksPane
from sqa_tui.widgets.findings_list import FindingsList
from sqa_tui.widgets.form_list import FormList
from sqa_tui.widgets.line_chart import LineChart
from sqa_tui.widgets.lines import Lines
from sqa_tui.widgets.recipe_editor import RecipeEditor

RECIPE = """\
epochs: 10
target: 0.8
modifiers:
  - !EpochRangeModifier
    start_epoch: 0.0
    end_epoch: eval(epochs)
  - !GMPruningModifier
    params: __ALL_PRUNABLE__
    start_epoch: 1.0
    end_epoch: 6.0
    init_sparsity: 0.05
    final_sparsity: eval(target)
    update_frequency: 0.5
"""
PRUNED_TO = 11
"""The line of `final_sparsity`, from 0."""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(RECIPE)
    return path


async def opened(app: SqaApp, pilot: Pilot[None], source: str | None = None, **options: object) -> RecipeScreen:
    await until(pilot, lambda: isinstance(app.screen, RunsScreen))
    app.open_recipe(source, **options)  # pyright: ignore[reportArgumentType]
    return await shown(app, pilot)


async def shown(app: SqaApp, pilot: Pilot[None]) -> RecipeScreen:
    await until(pilot, lambda: isinstance(app.screen, RecipeScreen) and app.screen.reading)
    assert isinstance(app.screen, RecipeScreen)
    return app.screen


async def has_read(screen: RecipeScreen, pilot: Pilot[None]) -> None:
    """Wait until the text as it stands was read."""
    await screen.workers.wait_for_complete([worker for worker in screen.workers if worker.group == "read"])
    await pilot.pause()


def message(screen: RecipeScreen) -> str:
    """What is said below the text."""
    return " ".join(screen.query_one("#message", Lines).text.split())


def target(screen: RecipeScreen) -> float | None:
    """Where the sparsity chart ends."""
    curves = screen.query_one("#sparsity", LineChart).data.curves
    return curves[0].points.last if curves else None


@pytest.mark.parametrize("size", SIZES)
async def test_a_problem_appears_at_its_line_and_a_mended_text_changes_the_chart(
    recipe: Path, size: tuple[int, int]
) -> None:
    app = SqaApp()
    async with app.run_test(size=size) as pilot:
        screen = await opened(app, pilot, str(recipe))
        editor = screen.query_one(RecipeEditor)
        assert target(screen) == pytest.approx(0.8)
        assert "no problems" in screen_text(app)
        editor.move_cursor((PRUNED_TO, 4))
        await pilot.press("X")
        await until(pilot, lambda: editor.marked)
        assert editor.cursor_location == (PRUNED_TO, 5)
        assert {finding.level for finding in editor.marked[PRUNED_TO]} == {"error"}
        await until(pilot, lambda: "12✗" in screen_text(app))
        assert "did you mean 'final_sparsity'?" in message(screen)
        assert "as before the problems" in screen_text(app)
        await pilot.press("backspace")
        editor.move_cursor((1, len("target: 0.8")))
        await pilot.press("5")
        await until(pilot, lambda: target(screen) == pytest.approx(0.85))
        assert not editor.marked
        assert editor.cursor_location == (1, len("target: 0.85"))
        assert "as before the problems" not in screen_text(app)


@pytest.mark.parametrize("size", SIZES)
async def test_a_key_and_the_list_go_to_the_place_of_a_problem(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(RECIPE.replace("end_epoch: 6.0", "end_epochs: 6.0").replace("eval(target)", "eval(targe)"))
    app = SqaApp()
    async with app.run_test(size=size) as pilot:
        screen = await opened(app, pilot, str(path))
        editor = screen.query_one(RecipeEditor)
        places = [(finding.line - 1, finding.column - 1) for finding in screen.query_one(FindingsList).findings]
        assert {9, PRUNED_TO} <= {line for line, _ in places}
        await pilot.press("f3")
        first = editor.cursor_location
        await pilot.press("f3")
        assert [first, editor.cursor_location] == sorted(places)[:2]
        screen.query_one(FindingsList).focus()
        await pilot.press("home", "enter")
        await until(pilot, lambda: editor.has_focus)
        assert editor.cursor_location == places[0]


@pytest.mark.parametrize("size", SIZES)
async def test_a_variable_is_edited_marked_when_wrong_and_handed_over(recipe: Path, size: tuple[int, int]) -> None:
    app = SqaApp()
    taken: list[ChosenRecipe] = []
    async with app.run_test(size=size) as pilot:
        screen = await opened(app, pilot, str(recipe), take=taken.append)
        await pilot.press("f4")
        screen.query_one(FormList).select("$target")
        await pilot.press("enter", "backspace")
        await pilot.press("x")
        await until(pilot, lambda: message(screen).startswith("✗ final_sparsity of GMPruningModifier must be"))
        await pilot.press("backspace", "9")
        await until(pilot, lambda: target(screen) == pytest.approx(0.9))
        assert "✗" not in screen_text(app)
        await pilot.press("enter")
        assert "changed; the text has 0.8" in screen_words(app)
        assert screen.text == RECIPE
        await pilot.press("f5")
        await until(pilot, lambda: taken)
        assert app.screen is not screen
    assert taken == [ChosenRecipe(str(recipe), "target=0.9")]
    assert load_recipe(str(recipe), recipe_args=taken[0].arguments).variables["target"] == 0.9


async def test_a_value_is_given_back_to_the_text_and_escape_leaves_it_as_it_was(recipe: Path) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, str(recipe), recipe_args="target=0.6,epochs=20")
        assert target(screen) == pytest.approx(0.6)
        await pilot.press("f4")
        screen.query_one(FormList).select("$target")
        await pilot.press("enter", "5", "escape")
        assert dict(screen.fields.typed) == {"target": "0.6", "epochs": "20.0"}
        await pilot.press("delete")
        await until(pilot, lambda: target(screen) == pytest.approx(0.8))
        assert dict(screen.fields.typed) == {"epochs": "20.0"}


async def test_epochs_and_steps_change_the_picture_and_nothing_else(recipe: Path) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, str(recipe))
        await pilot.press("f4")
        for row, typed in (("epochs", "12"), ("steps", "50")):
            screen.query_one(FormList).select(row)
            await pilot.press("enter")
            screen.query_one("#value", Input).value = ""
            await pilot.press(*typed, "enter")
        await has_read(screen, pilot)
        assert screen.reading
        assert screen.reading.course
        assert (screen.reading.course.total_epochs, screen.reading.course.steps_per_epoch) == (12.0, 50)
        assert screen.query_one("#sparsity", LineChart).data.end == 12.0
        assert screen.reading.arguments == ""
        screen.query_one(FormList).select("epochs")
        await pilot.press("enter", "x")
        await until(pilot, lambda: "✗ a number above 0" in screen_words(app))


async def test_a_name_that_is_no_variable_is_said_and_keeps_the_recipe_from_being_used(recipe: Path) -> None:
    app = SqaApp()
    taken: list[ChosenRecipe] = []
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        screen = await opened(app, pilot, str(recipe), recipe_args="targte=0.6,target=0.7", take=taken.append)
        assert "✗ targte: the recipe has no variable of this name, did you" in pane_words(app, "problems")
        await pilot.press("f5")
        await until(pilot, lambda: "Not used: targte" in said(app))
        await pilot.press("f4")
        screen.query_one(FormList).select("$targte")
        await pilot.press("delete", "f5")
        await until(pilot, lambda: taken)
    assert taken[0].arguments == "target=0.7"


@pytest.mark.parametrize("size", SIZES)
async def test_saved_under_a_name_the_file_is_the_text_and_can_be_chosen(recipe: Path, size: tuple[int, int]) -> None:
    app = SqaApp()
    async with app.run_test(size=size, notifications=True) as pilot:
        screen = await opened(app, pilot, str(recipe))
        await pilot.press("#", "space", "n", "enter")
        text = screen.text
        await save_as(app, pilot, "pruned-ü")
        await until(pilot, lambda: not screen.unsaved)
        path = user_recipes() / "pruned-ü.yaml"
        assert path.read_text() == text == "# n\n" + RECIPE
        assert recipe.read_text() == RECIPE
        assert load_recipe(str(path)).modifiers == load_recipe(RECIPE).modifiers
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        await until(pilot, lambda: "pruned-ü" in screen_text(app))
        assert "yours; 10 epochs" in screen_text(app)


async def save_as(app: SqaApp, pilot: Pilot[None], name: str) -> None:
    await pilot.press("f7")
    await until(pilot, lambda: isinstance(app.screen, PickScreen))
    app.screen.query_one("#typed", Input).value = name
    await pilot.press("enter")


async def test_nothing_is_saved_over_without_a_question(recipe: Path) -> None:
    other = user_recipes() / "other.yaml"
    other.parent.mkdir(parents=True)
    other.write_text("kept")
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, str(recipe))
        await pilot.press("#")
        for answer, holds in (("n", "kept"), ("y", "#" + RECIPE)):
            await save_as(app, pilot, "other")
            await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            assert "other.yaml" in screen_text(app)
            await pilot.press(answer)
            await until(pilot, lambda: app.screen is screen)
            await screen.workers.wait_for_complete()
            assert other.read_text() == holds


async def test_what_is_no_name_is_one_line_and_writes_nothing(recipe: Path) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(app, pilot, str(recipe))
        await save_as(app, pilot, "../up")
        await until(pilot, lambda: "../up is no name" in said(app))
    assert not user_recipes().exists()


@pytest.mark.parametrize("name", ["../up", "", " .yaml", ".hidden", "a/b", "a\0b", "x" * 300])
def test_names_that_no_file_can_have(name: str) -> None:
    with pytest.raises(UserError):
        own_recipe(name)


async def test_a_full_or_closed_disk_is_one_line_and_keeps_the_edits(recipe: Path) -> None:
    user_recipes().parent.mkdir(parents=True, exist_ok=True)
    user_recipes().write_text("in the way")
    app = SqaApp()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await opened(app, pilot, str(recipe))
        await pilot.press("#")
        await save_as(app, pilot, "mine")
        await until(pilot, lambda: "cannot save" in said(app))
        assert screen.unsaved == "the text of mine"


async def test_a_recipe_with_problems_is_saved_as_a_draft(recipe: Path) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await opened(app, pilot, str(recipe))
        await pilot.press("]")
        await until(pilot, lambda: screen.reading and screen.reading.errors)
        await save_as(app, pilot, "draft")
        await until(pilot, lambda: "Saved as a draft" in said(app))
    assert (user_recipes() / "draft.yaml").read_text() == "]" + RECIPE


@pytest.mark.parametrize("size", SIZES)
async def test_leaving_and_quitting_ask_where_something_would_be_lost(recipe: Path, size: tuple[int, int]) -> None:
    app = SqaApp()
    async with app.run_test(size=size) as pilot:
        screen = await opened(app, pilot, str(recipe))
        await pilot.press("#", "escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "Leave without keeping the text of mine?" in screen_text(app)
        await pilot.press("n")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
    assert recipe.read_text() == RECIPE


async def test_an_untouched_recipe_is_left_without_a_question(recipe: Path) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, str(recipe))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


@pytest.mark.parametrize("size", SIZES)
async def test_from_a_new_run_and_back_with_values(size: tuple[int, int]) -> None:
    app = SqaApp()
    async with app.run_test(size=size) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        form = app.screen
        assert isinstance(form, NewRunScreen)
        await pilot.press("t")
        screen = await shown(app, pilot)
        assert screen.document.source == f"{DEMO}pruned80_quant-none"
        await pilot.press("f4")
        screen.query_one(FormList).select("$num_epochs")
        await pilot.press("enter")
        screen.query_one("#value", Input).value = ""
        await pilot.press("2", "4", "enter", "f5")
        await until(pilot, lambda: app.screen is form)
        assert form.choices.recipe == f"{DEMO}pruned80_quant-none"
        assert form.choices.variables == "num_epochs=24"
        await until(pilot, lambda: form.query_one(ChecksPane).checks is not None)
        assert "--recipe_args num_epochs=24" in form.choices.command()


@pytest.mark.parametrize("keys", ["t", "enter t"])
async def test_the_recipe_of_a_run_is_kept_as_a_copy(keys: str) -> None:
    run = make_run("night", recipe_args="target=0.7")
    spec = msgspec.structs.replace(read_spec(run), recipe=RecipeSource.of("/gone/night.yaml", RECIPE))
    run.spec_file.unlink()
    write_spec(run, spec)
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "night" in screen_text(app))
        for key in keys.split():
            await pilot.press(key)
            await pilot.pause()
        screen = await shown(app, pilot)
        assert "the recipe of night" in screen_text(app)
        assert screen.text == RECIPE
        assert target(screen) == pytest.approx(0.7)
        await pilot.press("f5")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        app.screen.query_one("#typed", Input).value = "again"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        form = app.screen
        assert isinstance(form, NewRunScreen)
        assert (form.choices.recipe, form.choices.variables) == (str(user_recipes() / "again.yaml"), "target=0.7")
    assert (user_recipes() / "again.yaml").read_text() == RECIPE
    assert read_spec(run) == spec


async def test_a_new_recipe_is_sound_and_has_no_file_yet() -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        await pilot.press(*"new recipe", "enter")
        screen = await shown(app, pilot)
        assert screen.text == TEMPLATE
        assert screen.reading
        assert not screen.reading.findings
    assert not user_recipes().exists()


async def test_what_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        app.open_recipe(str(tmp_path / "[b]none.yaml"))
        await until(pilot, lambda: "[b]none.yaml" in said(app).replace("\n", ""))
        assert isinstance(app.screen, RunsScreen)


async def test_foreign_text_is_text(tmp_path: Path) -> None:
    path = tmp_path / "foreign.yaml"
    path.write_text(RECIPE + "# [red]\x1b[31mred\u202e[/] 雪\n")
    app = SqaApp()
    async with app.run_test(size=(160, 45)) as pilot:
        screen = await opened(app, pilot, str(path))
        assert "# [red]\ufffd[31mred\ufffd[/] 雪" in screen_text(app)
        assert screen.reading
        assert screen.reading.errors
        assert screen.text == path.read_text()


async def test_without_colour_signs_and_places_still_tell(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, str(recipe))
        await pilot.press("]")
        await until(pilot, lambda: "✗ 1:1" in screen_text(app))
        await pilot.press("f6", "f6", "f6", "f6", "f4")
        await pilot.pause()
        assert "steps per epoch" in screen_text(app)


async def test_every_pane_can_be_reached_in_a_small_terminal(recipe: Path) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, str(recipe))
        seen: list[str] = []
        for _ in range(5):
            seen.append(screen_text(app))
            await pilot.press("f6")
            await pilot.pause()
        for words in ("sparsity target", "learning rate ", "QAT, observers", "steps per epoch", "nothing sets the"):
            assert any(words in text for text in seen), words


async def test_a_new_line_keeps_the_indentation(recipe: Path) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, str(recipe))
        editor = screen.query_one(RecipeEditor)
        editor.move_cursor((4, len("    start_epoch: 0.0")))
        await pilot.press("enter", "x")
        assert editor.document.get_line(5) == "    x"


async def test_keys_that_come_at_once_stay_in_their_order(recipe: Path) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, str(recipe))
        editor = screen.query_one(RecipeEditor)
        for key in ("down", "end", "9", "up", "home", "#"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: editor.document.get_line(0).startswith("#"))
        assert [editor.document.get_line(line) for line in (0, 1)] == ["#epochs: 10", "target: 0.89"]


async def test_quitting_names_every_recipe_that_would_be_lost(recipe: Path) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, str(recipe))
        await pilot.press("#")
        other = recipe.with_name("other.yaml")
        other.write_text(recipe.read_text())
        app.open_recipe(str(other))
        await until(pilot, lambda: getattr(app.screen, "document", None) and app.screen.document.name == "other")
        await until(pilot, lambda: app.screen.reading)
        await pilot.press("#", "ctrl+q")
        await until(pilot, lambda: "the text of mine, the text of" in screen_words(app))


async def test_the_ends_of_a_text_have_keys(recipe: Path) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, str(recipe))
        editor = screen.query_one(RecipeEditor)
        await pilot.press("ctrl+end")
        assert editor.cursor_location == editor.document.end
        await pilot.press("ctrl+home")
        assert editor.cursor_location == (0, 0)


async def test_a_pipe_is_no_recipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    app = SqaApp()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: app.screen.is_mounted)
        app.open_recipe(str(tmp_path / "pipe.yaml"))
        await until(pilot, lambda: "cannot be read: not a regular file" in said(app))
