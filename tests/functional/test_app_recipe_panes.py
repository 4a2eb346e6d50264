"""Panes of the Recipe screen that share one place: what changed while a pane was hidden is seen when it is shown."""

from __future__ import annotations

from pathlib import Path

from app_cases import pane_words, until
from textual.pilot import Pilot

from sqa_tui.app import SqaApp
from sqa_tui.screens.recipe import RecipeScreen
from sqa_tui.screens.recipe_words import PANES
from sqa_tui.screens.runs import RunsScreen
from sqa_tui.widgets.recipe_editor import RecipeEditor

RECIPE = """\
target: 0.8
rate: 0.5
modifiers:
  - !EpochRangeModifier
    start_epoch: 0.0
    end_epoch: 10.0
  - !SetLearningRateModifier
    start_epoch: 0.0
    learning_rate: eval(rate)
  - !GMPruningModifier
    params: __ALL_PRUNABLE__
    start_epoch: 1.0
    end_epoch: 6.0
    init_sparsity: 0.05
    final_sparsity: eval(target)
    update_frequency: 0.5
"""
WIDGETS = {name: {"values": "fields"}.get(name, name) for name in PANES}


async def seen(app: SqaApp, pilot: Pilot[None]) -> dict[str, str]:
    """What a person reads in every pane, one after the other."""
    screen, found = app.screen, dict[str, str]()
    assert isinstance(screen, RecipeScreen)
    for _ in PANES:
        await pilot.press("f6")
        await until(pilot, lambda: screen.query_one(f"#{WIDGETS[screen.pane]}").size)
        await pilot.pause()
        found[screen.pane] = pane_words(app, WIDGETS[screen.pane])
    return found


async def write_line(app: SqaApp, pilot: Pilot[None], line: int, text: str) -> None:
    """Replace a line, and wait until the text was read."""
    screen = app.screen
    assert isinstance(screen, RecipeScreen)
    editor, before = screen.query_one(RecipeEditor), screen.reading
    editor.replace(text, (line, 0), (line, len(editor.document.get_line(line))))
    await until(pilot, lambda: screen.reading is not before)
    await pilot.pause()


async def test_a_pane_that_was_hidden_shows_the_text_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(RECIPE)
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        app.open_recipe(str(path))
        await until(pilot, lambda: isinstance(app.screen, RecipeScreen) and app.screen.reading)
        before = await seen(app, pilot)
        assert "no problems" in before["problems"]
        assert "0.5" in before["rate"]
        assert "rate 0.5" in before["values"]
        await write_line(app, pilot, 1, "rate: 0.25")
        after = await seen(app, pilot)
        assert "0.25" in after["rate"]
        assert "rate 0.25" in after["values"]
        await write_line(app, pilot, 0, "aim: 0.8")
        broken = await seen(app, pilot)
        assert "unknown variable 'target'" in broken["problems"]
        for chart in ("sparsity", "rate", "switches"):
            assert "as before the problems" in broken[chart]
