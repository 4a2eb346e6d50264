"""The text of the Recipe screen in little room: lines that go on out of view, and findings of many words."""

from __future__ import annotations

from pathlib import Path

from app_cases import screen_text, until
from textual.pilot import Pilot

from sqa_tui.app import SqaApp
from sqa_tui.recipe_reading import Finding
from sqa_tui.screens.recipe import RecipeScreen
from sqa_tui.screens.recipe_words import about
from sqa_tui.screens.runs import RunsScreen
from sqa_tui.widgets.lines import Lines
from sqa_tui.widgets.recipe_editor import RecipeEditor

PARAMS = ", ".join(f"'re:bert.encoder.layer.{layer}.attention.self.query.weight'" for layer in range(3))
TIMES = "start_epoch: 1.0, end_epoch: 6.0, update_frequency: 0.5"
LONG = f"""\
# long
modifiers:
  - !EpochRangeModifier {{start_epoch: 0.0, end_epoch: 10.0}}
  - !GMPruningModifier {{params: [{PARAMS}], final_sparsitty: 0.8, init_sparsity: 0.05, {TIMES}}}

"""
PRUNING = 3
"""The line of the pruning modifier, from 0."""


async def opened(app: SqaApp, pilot: Pilot[None], path: Path, text: str) -> RecipeScreen:
    path.write_text(text)
    await until(pilot, lambda: isinstance(app.screen, RunsScreen))
    app.open_recipe(str(path))
    await until(pilot, lambda: isinstance(app.screen, RecipeScreen) and app.screen.reading)
    assert isinstance(app.screen, RecipeScreen)
    return app.screen


def lines(app: SqaApp) -> list[str]:
    """What is seen of the text."""
    region = app.screen.query_one(RecipeEditor).region
    return [row[region.x : region.right] for row in screen_text(app).split("\n")[region.y : region.bottom]]


async def test_lines_that_go_on_out_of_view_are_marked_at_that_side(tmp_path: Path) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, tmp_path / "long.yaml", LONG)
        editor = screen.query_one(RecipeEditor)
        await until(pilot, lambda: editor.marked)
        assert [row.endswith("›") for row in lines(app)[:4]] == [False, False, False, True]
        assert "‹" not in screen_text(app)
        await pilot.press("f3")
        await until(pilot, lambda: "final_sparsitty" in lines(app)[PRUNING])
        assert editor.scroll_offset.x > 0
        assert [row[:3] for row in lines(app)[:5]] == ["1 ‹", "2 ‹", "3 ‹", "4✗‹", "5"]
        await pilot.press("end")
        await pilot.pause()
        assert not lines(app)[PRUNING].endswith("›")
        await pilot.press("home", "home")
        await until(pilot, lambda: not editor.scroll_offset.x)
        assert "‹" not in screen_text(app)


async def test_a_problem_that_has_room_beside_the_beginnings_of_lines_scrolls_nothing_away(tmp_path: Path) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        text = LONG.replace("final_sparsitty", "final_sparsity").replace("10.0}", "10.0, endd_epoch: 3}")
        screen = await opened(app, pilot, tmp_path / "long.yaml", text)
        editor = screen.query_one(RecipeEditor)
        await until(pilot, lambda: editor.marked)
        await pilot.press("f3")
        await until(pilot, lambda: editor.cursor_location[0] == PRUNING - 1)
        await pilot.pause()
        assert editor.cursor_location[1] > 40
        assert not editor.scroll_offset.x


async def test_what_two_lines_have_no_room_for_ends_in_a_sign(tmp_path: Path) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, tmp_path / "long.yaml", LONG)
        below = screen.query_one("#message", Lines)
        region = below.content_region
        below.show(about(Finding("error", 4, 5, "many words " * 20, "and a hint"), region.width))
        await until(pilot, lambda: "✗ 4:5 many words" in screen_text(app))
        rows = [row[region.x : region.right] for row in screen_text(app).split("\n")[region.y : region.bottom]]
        assert [row.endswith("…") for row in rows] == [False, True]
