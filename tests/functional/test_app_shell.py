"""What holds everywhere: sizes, help, palette, themes, settings, quitting."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from app_cases import FINISHED, make_run, said, screen_text, until
from textual.color import Color
from textual.command import CommandPalette

from engine.errors import UserError
from sqa_tui.actions import ACTIONS, SCREEN_TITLES, actions_of
from sqa_tui.app import SqaApp, run_app
from sqa_tui.paths import settings_file, shipped_themes, user_themes
from sqa_tui.screens.help import HelpScreen
from sqa_tui.screens.runs import RunsScreen
from sqa_tui.screens.too_small import TooSmallScreen
from sqa_tui.settings import Settings, load_settings
from sqa_tui.themes import DEFAULT_VARIABLES, STATES, load_themes
from sqa_tui.watchers.run_list import RunListWatcher


async def test_a_small_terminal_is_told_what_is_needed_until_it_grows() -> None:
    app = SqaApp()
    async with app.run_test(size=(40, 10)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, TooSmallScreen))
        await until(pilot, lambda: "needs 60×18 cells" in screen_text(app))
        assert "this terminal has 40×10" in screen_text(app)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.resize_terminal(59, 24)
        await until(pilot, lambda: isinstance(app.screen, TooSmallScreen))
        assert len(app.screen_stack) == 2


async def test_a_small_terminal_can_be_left() -> None:
    app = SqaApp()
    async with app.run_test(size=(40, 10)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, TooSmallScreen))
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)


async def test_quitting_ends_the_watcher() -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: any(isinstance(thread, RunListWatcher) for thread in threading.enumerate()))
        await pilot.press("q")
    watchers = [thread for thread in threading.enumerate() if isinstance(thread, RunListWatcher)]
    for watcher in watchers:
        watcher.join(timeout=10)
    assert not any(watcher.is_alive() for watcher in watchers)


async def test_help_lists_every_action_state_and_setting() -> None:
    app = SqaApp()
    async with app.run_test(size=(100, 200)) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.pause()
        text = screen_text(app)
        for action in ACTIONS:
            assert action.shown_key in text
            assert action.description in text
        for state in STATES:
            assert state in text
        for name in Settings.__struct_fields__:
            assert name in text
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


@pytest.mark.parametrize(("key", "title"), [("", "Runs"), ("z", "Zoo"), ("n", "New run")])
async def test_help_begins_with_the_keys_of_the_screen_it_is_opened_from(key: str, title: str) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        if key:
            await pilot.press(key)
            await until(pilot, lambda: not isinstance(app.screen, RunsScreen))
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and "Help" in screen_text(app))
        await pilot.pause()
        lines = [line.strip() for line in screen_text(app).splitlines() if line.strip()]
        assert lines[1].startswith(title)


def test_the_table_of_actions_is_sound() -> None:
    ids = [action.id for action in ACTIONS]
    assert len(ids) == len(set(ids))
    assert {action.screen for action in ACTIONS} == set(SCREEN_TITLES)
    for screen in SCREEN_TITLES:
        keys = [key for action in actions_of(screen) for key in action.key.split(",")]
        assert len(keys) == len(set(keys)), screen


def test_no_key_belongs_to_a_terminal_multiplexer() -> None:
    keys = {key for action in ACTIONS for key in action.key.split(",")}
    assert not keys & {f"ctrl+{letter}" for letter in "absoj"}


async def test_the_palette_finds_the_actions_of_this_screen_and_no_others() -> None:
    app = SqaApp()
    make_run("demo", *FINISHED)
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        offered = {command.title for command in app.get_system_commands(app.screen)}
        assert "New run (n)" in offered
        assert "Theme (F2)" in offered
        assert not any(title.startswith("Checkpoint") for title in offered)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"Help")
        await until(pilot, lambda: "Show every key" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


def test_shipped_themes_all_load_and_are_the_promised_ones() -> None:
    loaded = load_themes([shipped_themes()])
    assert loaded.failures == ()
    assert {"sqa-dark", "sqa-light", "sqa-colour-blind", "sqa-high-contrast"} <= set(loaded.themes)
    assert any(not theme.dark for theme in loaded.themes.values())
    for theme in loaded.themes.values():
        assert set(theme.variables) - set(DEFAULT_VARIABLES) <= TEXTUAL_VARIABLES


TEXTUAL_VARIABLES = {
    "block-cursor-background", "block-cursor-foreground", "block-cursor-text-style", "input-cursor-background",
    "input-cursor-foreground", "input-selection-background", "footer-background", "footer-foreground",
    "footer-key-foreground", "footer-description-foreground", "border", "border-blurred",
}  # fmt: skip


def test_the_high_contrast_theme_keeps_its_promise() -> None:
    theme = load_themes([shipped_themes()]).themes["sqa-high-contrast"]
    background = Color.parse(theme.background or "")
    texts = [name for name in theme.variables if name.startswith(("state-", "muted", "emphasis", "mark"))]
    for name in texts:
        assert contrast(Color.parse(theme.variables[name]), background) >= 7, name


def contrast(first: Color, second: Color) -> float:
    """WCAG 2 contrast ratio."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: Color) -> float:
    def linear(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(colour.r) + 0.7152 * linear(colour.g) + 0.0722 * linear(colour.b)


async def test_broken_themes_are_named_with_their_reason_and_good_ones_work() -> None:
    folder = user_themes()
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text('name = "mine"\nprimary = "#123456"\n[variables]\nstate-running = "#abcdef"\n')
    (folder / "typo.toml").write_text('name = "typo"\nprimary = "#123456"\nprimry = "#000000"\n')
    (folder / "colour.toml").write_text('name = "colour"\nprimary = "reddish"\n')
    (folder / "torn.toml").write_text('name = "torn')
    app = SqaApp(Settings(theme="mine"))
    assert {failure.path.name for failure in app.loaded_themes.failures} == {"typo.toml", "colour.toml", "torn.toml"}
    async with app.run_test(size=(100, 200)) as pilot:
        assert app.theme == "mine"
        assert app.theme_variables["state-running"] == "#abcdef"
        await pilot.press("f1")
        await until(pilot, lambda: "primry" in screen_text(app))
        assert "'reddish' is no colour" in screen_text(app)
        assert "torn.toml" in screen_text(app)


@pytest.mark.parametrize(
    "theme", ["sqa-light", "sqa-colour-blind", "sqa-high-contrast", "ansi-dark", "ansi-light", "nord"]
)
async def test_every_kind_of_theme_paints_the_runs(theme: str) -> None:
    make_run("demo", *FINISHED)
    app = SqaApp(Settings(theme=theme))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: " demo " in screen_text(app))
        assert app.theme == theme


async def test_without_colour_the_glyph_still_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    make_run("demo", *FINISHED)
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "✓ demo" in screen_text(app))
        await pilot.press("n")
        await pilot.pause()
        await pilot.press("escape", "a")
        await until(pilot, lambda: "has no exported model" in screen_text(app))


async def test_an_unknown_theme_is_said_and_replaced() -> None:
    app = SqaApp(Settings(theme="[bold]gone"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: "there is no theme [bold]gone" in said(app))
        assert app.theme == "sqa-dark"


def test_missing_settings_are_the_defaults() -> None:
    assert load_settings() == Settings()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('thme = "nord"', "unknown key `thme`"),
        ("confirm_stop = 3", "confirm_stop: Expected `bool`, got `int`"),
        ("poll_seconds = 0.0", "poll_seconds: Expected `float` >= 0.2"),
        ("theme = ", "cannot be read as TOML"),
    ],
)
def test_wrong_settings_are_one_line_that_names_file_and_key(
    text: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_file().parent.mkdir(parents=True, exist_ok=True)
    settings_file().write_text(text + "\n")
    with pytest.raises(UserError) as raised:
        load_settings()
    assert named in str(raised.value)
    assert str(settings_file()) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_app_needs_a_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr("sys.stdout", out)
        with pytest.raises(UserError, match="needs a terminal"):
            run_app()


async def test_ctrl_c_says_which_key_quits() -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "q quits; runs go on" in said(app))


def test_settings_that_cannot_be_read_are_not_called_bad_toml(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot read .*settings\.toml: Not a directory.*SQA_HOME"):
        load_settings(tmp_path / "file" / "settings.toml")
