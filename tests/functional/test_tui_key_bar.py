"""The keys in the last line: what fits, what is possible, and that they can be clicked."""

from __future__ import annotations

from app_cases import FINISHED, make_run, screen_text, until

from sqa_tui.app import SqaApp
from sqa_tui.run_form import DEMO
from sqa_tui.screens.new_run import NewRunScreen
from sqa_tui.widgets.key_bar import Key, fitting

KEYS = (
    Key("Enter", "Open", "open", True, False),
    Key("s", "Stop", "stop", False, False),
    Key("n", "New run", "new_run", True, False),
    Key("q", "Quit", "quit", True, True),
)


def labels(width: int) -> list[str]:
    return [key.label for key in fitting(KEYS, width)]


def test_what_is_not_possible_goes_first_and_the_keys_of_the_app_stay() -> None:
    whole = sum(key.width for key in KEYS)
    assert labels(whole) == ["Open", "Stop", "New run", "Quit"]
    assert labels(whole - 1) == ["Open", "New run", "Quit"]
    assert labels(whole - 1 - KEYS[1].width) == ["Open", "Quit"]
    assert labels(1) == ["Quit"]


async def test_it_follows_what_is_possible_and_a_click_does_it() -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "q Quit" in screen_text(app))
        last = screen_text(app).splitlines()[-1]
        await pilot.click(offset=(last.index("Ask"), 23))
        assert len(app.screen_stack) == 1, "there is no run to ask"
        make_run("demo", *FINISHED)
        await until(pilot, lambda: "Enter Open" in screen_text(app))
        last = screen_text(app).splitlines()[-1]
        await pilot.click(offset=(last.index("New run"), 23))
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))


async def test_where_text_is_typed_a_letter_is_no_key() -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "? Help" in screen_text(app))
        app.open_recipe(f"{DEMO}pruned80-none")
        await until(pilot, lambda: "F1 Help" in screen_text(app))
        assert "? Help" not in screen_text(app).splitlines()[-1]
