"""Keys that come at once do what they do one after the other, in every field of the app."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from app_cases import until
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from engine.zoo import Missing, missing
from engine.zoo.substitutes import Role
from sqa_tui.app import SqaApp
from sqa_tui.screens import zoo_using
from sqa_tui.screens.help import HelpScreen
from sqa_tui.screens.new_run import NewRunScreen
from sqa_tui.screens.pick import Choice, PickScreen
from sqa_tui.screens.recipe import RecipeScreen
from sqa_tui.screens.runs import RunsScreen
from sqa_tui.screens.zoo import ZooScreen
from sqa_tui.widgets.form_list import FormList

RECIPE = """\
num_epochs: 10
modifiers:
  - !EpochRangeModifier {start_epoch: 0.0, end_epoch: eval(num_epochs)}
"""

WRITTEN = {"slash": "/", "space": " "}


def burst(app: SqaApp, *keys: str) -> None:
    for key in keys:
        app.post_message(events.Key(key, WRITTEN.get(key, key if len(key) == 1 else None)))


async def runs(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))


def chosen_stub(app: SqaApp) -> str:
    entry = app.screen.chosen if isinstance(app.screen, ZooScreen) else None
    return entry.stub if entry is not None else ""


async def test_letters_do_not_overtake_bindings() -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await runs(pilot)
        await app.push_screen(PickScreen("pick", [Choice("a", "a")], free="text"))
        field = app.screen.query_one(Input)
        burst(app, "3", "3", "7", "backspace", "5", "home", "9")
        await until(pilot, lambda: len(field.value) == 4)
        assert field.value == "9335"


async def test_keys_behind_the_one_that_opens_a_field_go_into_it() -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await runs(pilot)
        app.open_zoo()
        await until(pilot, lambda: isinstance(app.screen, ZooScreen) and app.focused)
        burst(app, "slash", "d", "i", "s", "t", "enter", "slash", "end", "x")
        field = app.screen.query_one("#words", Input)
        await until(pilot, lambda: field.value.endswith("x"))
        assert field.value == "distx"


async def test_a_value_is_opened_changed_and_taken_in_one_burst(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await runs(pilot)
        app.open_recipe(str(tmp_path / "recipe.yaml"))
        await until(pilot, lambda: isinstance(app.screen, RecipeScreen) and app.screen.reading)
        burst(app, "f4", "down", "down", "down", "enter", "backspace", "5", "enter", "up", "enter")
        screen = app.screen
        assert isinstance(screen, RecipeScreen)
        await until(pilot, lambda: isinstance(app.screen, PickScreen) and app.focused)
        assert dict(screen.fields.typed) == {"num_epochs": "15"}
        assert screen.query_one(FormList).selected.name == "model"


async def test_a_screen_that_closes_holds_no_key() -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await runs(pilot)
        await app.push_screen(PickScreen("pick", [Choice("a", "a")], free="text"))
        burst(app, "a", "enter", "question_mark", "escape", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and app.screen.is_running)
        assert len(app.screen_stack) == 2


async def test_keys_wait_for_the_picker_that_they_are_meant_for(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE)
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await runs(pilot)
        burst(app, "f8", *("slash" if key == "/" else key for key in str(tmp_path / "r.yaml")), "enter")
        await until(pilot, lambda: isinstance(app.screen, RecipeScreen) and app.screen.reading)
        assert isinstance(app.screen, RecipeScreen)
        assert app.screen.document.source == str(tmp_path / "r.yaml")


async def test_keys_wait_for_what_the_zoo_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Event()

    def slowly(name: str, role: Role) -> Missing | None:
        assert looked.wait(30)
        return missing(name, role)

    monkeypatch.setattr(zoo_using, "missing", slowly)
    app = SqaApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await runs(pilot)
        app.open_zoo()
        await until(pilot, lambda: isinstance(app.screen, ZooScreen) and app.screen.chosen is not None)
        burst(app, "slash", *"bert-large", "space", *"base-none", "enter")
        await until(pilot, lambda: "bert-large" in chosen_stub(app))
        stub = chosen_stub(app)
        burst(app, "m", *"keep", "enter")
        await until(pilot, lambda: len(app.key_order.waiting) == 5)
        await pilot.pause()
        looked.set()
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen) and app.screen.is_running)
        assert isinstance(app.screen, NewRunScreen)
        assert app.screen.choices.model == stub
