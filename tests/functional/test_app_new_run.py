"""Preparing and starting a run by keyboard; only the launcher is a fake."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from app_cases import SIZES, make_run, said, screen_text, until
from textual.pilot import Pilot
from textual.widgets import Input

from engine.errors import UserError
from engine.zoo.demo.publish import train_command
from sqa_tui.app import SqaApp
from sqa_tui.launching import Launched
from sqa_tui.run_form import DEMO, RunChoices, presets
from sqa_tui.screens.checks import ChecksScreen
from sqa_tui.screens.new_run import NewRunScreen
from sqa_tui.screens.pick import PickScreen
from sqa_tui.screens.run import RunScreen
from sqa_tui.widgets.checks_pane import ChecksPane
from sqa_tui.widgets.form_list import FormList


class Launcher:
    """Remembers what it was asked to start; the run it returns never gets an engine."""

    def __init__(self) -> None:
        self.started: list[list[str]] = []

    def __call__(self, argv: Sequence[str], slug: str) -> Launched:
        self.started.append(list(argv))
        return Launched(make_run(slug), None)


class NewRunApp(SqaApp):
    def __init__(self, launcher: Launcher) -> None:
        super().__init__()
        self.launcher = launcher

    def open_new_run(self) -> None:
        self.push_screen(NewRunScreen(self.launcher))


@pytest.fixture
def launcher() -> Launcher:
    return Launcher()


@pytest.fixture
def app(launcher: Launcher) -> NewRunApp:
    return NewRunApp(launcher)


NewRunApp.CSS_PATH = Path(__file__).parents[2] / "sqa_tui" / "app.tcss"


async def opened(app: SqaApp, pilot: Pilot[None]) -> NewRunScreen:
    await pilot.press("n")
    await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
    screen = app.screen
    assert isinstance(screen, NewRunScreen)
    await until(pilot, lambda: screen.query_one(ChecksPane).checks is not None)
    return screen


async def put(app: SqaApp, pilot: Pilot[None], field: str, text: str) -> None:
    """Type a value into a field, as a person would."""
    screen = app.screen
    screen.query_one(FormList).select(field)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, PickScreen))
    app.screen.query_one("#typed", Input).value = text[:-1]
    await pilot.press(text[-1], "enter")
    await until(pilot, lambda: app.screen is screen)
    await until(pilot, lambda: screen.query_one(ChecksPane).checks is not None)


@pytest.mark.parametrize("size", SIZES)
async def test_enter_enter_starts_the_demo(app: NewRunApp, launcher: Launcher, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot)
        assert "Demo: prune and quantise" in screen_text(app)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
    (argv,) = launcher.started
    assert sorted(argv) == sorted(train_command(f"{DEMO}pruned80_quant-none")[2:])


async def test_start_does_not_wait_for_the_checks_to_be_seen(app: NewRunApp, launcher: Launcher) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        await pilot.press("enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
    assert len(launcher.started) == 1


@pytest.mark.parametrize("size", SIZES)
async def test_what_the_recipe_does_is_shown_before_it_runs(app: NewRunApp, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot)
        text = screen_text(app)
        assert "→ 80 %" in text
        for phase in ("prune", "qat", "distil"):
            assert phase in text


async def test_the_checks_say_what_is_in_order(app: NewRunApp) -> None:
    async with app.run_test(size=(160, 45)) as pilot:
        screen = await opened(app, pilot)
        found = screen.query_one(ChecksPane).checks
        assert found
        assert not [check for check in found if check.level == "error"]
        assert "✓" in screen_text(app)


async def test_a_model_that_is_not_there_is_said_and_keeps_the_run_from_starting(
    app: NewRunApp, launcher: Launcher
) -> None:
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        await opened(app, pilot)
        await put(app, pilot, "model", "/nowhere/[b]model")
        assert "✗" in screen_text(app)
        assert "/nowhere/[b]model" in screen_text(app)
        await pilot.press("f5")
        await until(pilot, lambda: "Not started:" in said(app))
        assert isinstance(app.screen, NewRunScreen)
    assert launcher.started == []


async def test_every_problem_of_a_recipe_has_its_place(app: NewRunApp, tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        "modifiers:\n"
        "  - !EpochRangeModifier\n    start_epoch: 0.0\n    end_epochs: 3.0\n"
        "  - !PruneModifier\n    params: __ALL__\n"
    )
    async with app.run_test(size=(160, 45)) as pilot:
        screen = await opened(app, pilot)
        await put(app, pilot, "recipe", str(recipe))
        errors = [check.text for check in screen.query_one(ChecksPane).checks or () if check.level == "error"]
        places = [text.removeprefix(str(recipe)).split(": ")[0] for text in errors if text.startswith(str(recipe))]
        assert {place.split(":")[1] for place in places} >= {"4", "5"}
        assert all(place.count(":") == 2 for place in places)
        assert "the recipe cannot be read" in screen_text(app)


async def test_choices_are_filtered_by_typing_and_taken_by_enter(app: NewRunApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await put(app, pilot, "recipe", "demo 80 pruned int8")
        assert screen.choices.recipe == f"{DEMO}pruned80_quant-none"
        await put(app, pilot, "recipe", "no recipe")
        assert screen.choices.recipe == ""
        assert "no recipe: nothing is pruned" in screen_text(app)
        assert "--recipe" not in screen.choices.command()


async def test_escape_in_a_choice_changes_nothing(app: NewRunApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        before = screen.choices
        screen.query_one(FormList).select("teacher")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        await pilot.press("x", "escape")
        await until(pilot, lambda: app.screen is screen)
        assert screen.choices == before


async def test_presets_and_export_are_switched_by_keys(app: NewRunApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("right")
        assert screen.choices == presets()[1].choices
        await pilot.press("left")
        screen.query_one(FormList).select("export")
        await pilot.press("enter")
        assert not screen.choices.export
        assert "--export" not in screen.choices.argv()


async def test_the_command_is_copied_whole(app: NewRunApp) -> None:
    async with app.run_test(size=(160, 45)) as pilot:
        screen = await opened(app, pilot)
        await put(app, pilot, "variables", "a=1")
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard)
        assert shlex.split(app.clipboard) == ["sqa-tui", "train", *screen.choices.argv()]
        assert "--recipe_args" in app.clipboard


async def test_what_the_launcher_refuses_is_one_line(app: NewRunApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(argv: Sequence[str], slug: str) -> Launched:
        raise UserError("cannot create a run in /full: No space left on device", "free space")

    monkeypatch.setattr(app, "launcher", refuse)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await opened(app, pilot)
        await pilot.press("f5")
        await until(pilot, lambda: "No space left on device" in said(app))
        assert isinstance(app.screen, NewRunScreen)


def test_a_file_of_questions_is_a_file_and_a_name_is_a_name() -> None:
    assert RunChoices(dataset="squad").argv()[:2] == ["--dataset_name", "squad"]
    assert RunChoices(dataset="my/train.json.gz").argv()[:2] == ["--train_file", "my/train.json.gz"]


def test_an_unclosed_quote_is_an_error_of_the_user() -> None:
    with pytest.raises(UserError, match="arguments: No closing quotation"):
        RunChoices(arguments="--seed '7").argv()
    assert "No closing quotation" in RunChoices(arguments="--seed '7").command()


def test_the_slug_names_the_model_and_what_becomes_of_it() -> None:
    assert RunChoices(f"{DEMO}base-none", f"{DEMO}pruned80_quant-none").slug() == "bert-demo-pruned80-quant"
    assert RunChoices(model="/models/[x]", recipe="my/recipe 90.yaml").slug() == "x-recipe-90"
    assert RunChoices(model="bert-base-uncased").slug() == "bert-base-uncased-dense"


async def test_start_pressed_twice_starts_one_run(app: NewRunApp, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    go_on = threading.Event()

    def slow(argv: Sequence[str], slug: str) -> Launched:
        begun.append(slug)
        assert go_on.wait(30)
        return Launched(make_run(slug), None)

    monkeypatch.setattr(app, "launcher", slow)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await pilot.press("f5")
        await until(pilot, lambda: begun)
        await pilot.press("f5", "f5")
        go_on.set()
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await app.workers.wait_for_complete()
    assert len(begun) == 1


async def test_typing_goes_on_at_the_end_of_a_value(app: NewRunApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        before = screen.choices.arguments
        screen.query_one(FormList).select("arguments")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        await pilot.press(*" -x", "enter")
        await until(pilot, lambda: app.screen is screen)
        assert screen.choices.arguments == f"{before} -x"


async def test_every_error_can_be_read_in_a_small_terminal(app: NewRunApp, tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("modifiers:\n" + "".join(f"  - !NoSuch{number}Modifier {{}}\n" for number in range(9)))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await put(app, pilot, "recipe", str(recipe))
        await until(pilot, lambda: "more lines: v shows all" in screen_text(app))
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, ChecksScreen))
        await until(pilot, lambda: "NoSuch0Modifier" in screen_text(app))
        await pilot.press("end")
        await until(pilot, lambda: "NoSuch8Modifier" in screen_text(app) and "more lines" not in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)


async def test_a_home_that_cannot_be_made_is_said(
    app: NewRunApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SQA_HOME", str(tmp_path / "file" / "home"))
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        await until(pilot, lambda: "nothing can be kept in" in said(app))
        screen = await opened(app, pilot)
        (first, *_) = screen.query_one(ChecksPane).checks or ()
        assert first.level == "error"
        assert "Not a directory; set SQA_HOME to another folder" in first.text
