"""The list of runs, driven by keys on real run directories."""

from __future__ import annotations

import re
from typing import Any

import pytest
from app_cases import FINISHED, SIZES, failed, finished, make_run, metric, said, screen_text, screen_words, start, until
from rich.cells import cell_len
from textual.geometry import Region
from textual.widgets import Input

from engine.errors import UserError
from engine.runs.evidence import Assessment
from engine.runs.paths import RunDirectory
from engine.runs.state import RunState
from sqa_tui.app import SqaApp
from sqa_tui.formatting import cut_middle
from sqa_tui.screens import runs as runs_screen
from sqa_tui.screens.confirm import ConfirmScreen
from sqa_tui.screens.run import RunScreen
from sqa_tui.screens.run_rows import useful_reason
from sqa_tui.screens.runs import RunsScreen
from sqa_tui.settings import Settings
from sqa_tui.states import GLYPHS
from sqa_tui.widgets.lines import Lines
from sqa_tui.widgets.run_list import RunList, RunRow


@pytest.fixture
def app() -> SqaApp:
    return SqaApp(Settings(poll_seconds=0.2))


def shown(app: SqaApp) -> tuple[RunRow, ...]:
    return app.screen.query_one(RunList).rows


@pytest.mark.parametrize("size", SIZES)
async def test_without_runs_the_screen_says_which_key_starts_one(app: SqaApp, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "No runs yet" in screen_text(app))
        assert "n starts one: the demo needs no network" in screen_text(app)


@pytest.mark.parametrize("size", SIZES)
async def test_a_finished_run_shows_its_figures(app: SqaApp, size: tuple[int, int]) -> None:
    make_run("demo", *FINISHED)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: shown(app))
        line = next(line for line in screen_text(app).splitlines() if " demo " in line)
        assert "✓" in line
        assert "100 %" in line
        assert "80.0 %" in line
        assert re.search(r"\b87\.1\b", line)
        assert "4 s" in line
        assert "finished  all 10 epochs" in screen_text(app)
        assert "bert-demo base-none → bert-demo pruned80-none" in screen_text(app)


async def test_a_wide_terminal_has_room_for_recovery_loss_and_reason(app: SqaApp) -> None:
    make_run("demo", *FINISHED)
    async with app.run_test(size=(160, 45)) as pilot:
        await until(pilot, lambda: shown(app))
        line = next(line for line in screen_text(app).splitlines() if " demo " in line)
        assert "96.8 %" in line
        assert "█▁" in line
        assert "finished: all 10 epochs" in line


async def test_every_state_has_its_own_glyph(app: SqaApp) -> None:
    make_run("waiting")
    make_run("broken", start(), failed("no space left"))
    make_run("dead", start(), metric(10, loss=1.0))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(shown(app)) == 3)
        text = screen_text(app)
        for name, state in (("waiting", "queued"), ("broken", "failed"), ("dead", "killed")):
            assert re.search(rf"{re.escape(GLYPHS[state])} +{name}", text)


async def test_foreign_text_is_neither_markup_nor_escape_codes(app: SqaApp) -> None:
    made = make_run("plain", start(), failed("[bold red]boom[/] \x1b[31mred\x1b[0m [/nothing]"))
    made.path.rename(made.path.with_name("20260101-000000-[link=x]name[b]\x1b[2J"))
    async with app.run_test(size=(160, 45)) as pilot:
        await until(pilot, lambda: shown(app))
        text = screen_text(app)
        assert "[link=x]name[b]" in text
        assert "[bold red]boom[/]" in text
        assert "\x1b" not in text


async def test_a_damaged_directory_is_listed_with_what_is_wrong(app: SqaApp) -> None:
    made = make_run("torn", *FINISHED)
    made.spec_file.write_text("{")
    async with app.run_test(size=(160, 45)) as pilot:
        await until(pilot, lambda: shown(app))
        assert "is damaged" in screen_text(app)


async def test_the_filter_keeps_what_holds_all_words(app: SqaApp) -> None:
    make_run("alpha", *FINISHED)
    make_run("beta", start(), failed("x"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(shown(app)) == 2)
        await pilot.press("slash", *"fail")
        await until(pilot, lambda: [row.name for row in shown(app)] == ["beta"])
        assert "1 of 2 runs" in screen_text(app)
        await pilot.press(*"zzz")
        await until(pilot, lambda: "No run matches" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: len(shown(app)) == 2)
        assert not app.screen.query_one("#filter", Input).display
        assert isinstance(app.focused, RunList)


async def test_the_cursor_stays_on_its_run_when_another_one_appears(app: SqaApp) -> None:
    make_run("first", *FINISHED)
    make_run("second", *FINISHED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(shown(app)) == 2)
        await pilot.press("end")
        chosen = app.screen.query_one(RunList).selected
        assert chosen is not None
        make_run("third", *FINISHED)
        await until(pilot, lambda: len(shown(app)) == 3)
        assert app.screen.query_one(RunList).selected == chosen


async def test_enter_opens_the_run_and_escape_returns(app: SqaApp) -> None:
    made = make_run("demo", *FINISHED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shown(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        assert app.screen.run_directory.path == made.path
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


async def test_progress_of_a_run_is_seen_without_a_key(app: SqaApp) -> None:
    made = make_run("demo", start(), metric(10, loss=3.0))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shown(app) and shown(app)[0].progress == 0.1)
        made.events_file.unlink()
        make_run("demo-2", *FINISHED).events_file.rename(made.events_file)
        await until(pilot, lambda: shown(app)[-1].state == "finished")
        assert shown(app)[-1].f1 == 87.125


@pytest.mark.parametrize(("key", "stopped"), [("y", True), ("n", False), ("escape", False)])
async def test_stop_asks_first(app: SqaApp, monkeypatch: pytest.MonkeyPatch, key: str, stopped: bool) -> None:
    asked: list[RunDirectory] = []
    monkeypatch.setattr(runs_screen, "stop_engine", asked.append)
    made = make_run("waiting")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shown(app))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "Stop waiting?" in screen_text(app)
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await app.workers.wait_for_complete()
        assert asked == ([made] if stopped else [])


async def test_a_run_that_ended_cannot_be_stopped(app: SqaApp) -> None:
    make_run("demo", *FINISHED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shown(app))
        await pilot.press("s")
        await pilot.pause()
        assert isinstance(app.screen, RunsScreen)


async def test_stopping_a_run_that_died_says_so_in_one_line(app: SqaApp) -> None:
    make_run("waiting")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: shown(app))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: "has no running engine" in said(app))


async def test_only_changed_cells_are_painted_again(app: SqaApp, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run("one", *FINISHED)
    async with app.run_test(size=(160, 45)) as pilot:
        await until(pilot, lambda: shown(app))
        runs = app.screen.query_one(RunList)
        painted: list[tuple[Region, ...]] = []
        monkeypatch.setattr(runs, "refresh", lambda *regions, **_: painted.append(regions))
        row = runs.rows[0]
        runs.show([row])
        assert painted == []
        changed: dict[str, Any] = {name: getattr(row, name) for name in row.__dataclass_fields__} | {"f1": 87.225}
        runs.show([RunRow(**changed)])
        assert len(painted) == 1
        assert sum(region.area for region in painted[0]) == 1


async def test_a_list_that_cannot_be_read_says_why_and_goes_on(app: SqaApp, isolated_home: Any) -> None:
    (isolated_home / "runs").write_text("not a folder")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "cannot read the runs" in screen_words(app))
        (isolated_home / "runs").unlink()
        make_run("demo", *FINISHED, finished())
        await until(pilot, lambda: "finished" in app.screen.query_one("#detail", Lines).text)


async def test_a_run_that_was_killed_goes_on_from_the_list(app: SqaApp, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[RunDirectory] = []
    monkeypatch.setattr("sqa_tui.launching.start_engine", started.append)
    made = make_run("dead", start(), metric(10, loss=1.0))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: shown(app))
        assert "r Resume" in screen_text(app)
        await pilot.press("r")
        await until(pilot, lambda: "dead starts again" in said(app))
        assert started == [made]


async def test_why_a_run_cannot_go_on_is_one_line(app: SqaApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_run: RunDirectory) -> None:
        raise UserError("dead has an engine already", "stop it first")

    monkeypatch.setattr("sqa_tui.launching.start_engine", refuse)
    make_run("dead", start(), metric(10, loss=1.0))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: shown(app))
        for _ in range(2):
            await pilot.press("r")
            await app.workers.wait_for_complete()
        await until(pilot, lambda: said(app).count("has an engine already") == 2)


async def test_long_names_keep_their_ends_and_warnings_stay(app: SqaApp) -> None:
    alert = {"kind": "alert", "level": "warning", "message": f"cut {'very ' * 30}short"}
    for number in (1, 2):
        make_run(f"bert-demo-pruned80-quant-{number}", *FINISHED[:-1], alert, FINISHED[-1])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(shown(app)) == 2)
        text = screen_text(app)
        for number in (1, 2):
            assert re.search(rf"bert\S*-quant-{number} ", text)
        (warning,) = [line for line in text.splitlines() if "! cut very" in line]
        assert warning.rstrip().endswith("…")


def test_the_evidence_of_a_living_run_begins_with_what_changes() -> None:
    state = RunState(text="loads the model")
    told = Assessment("starting", "lock held by process 7; last event 3 s ago")
    assert useful_reason(told, state) == "loads the model; last event 3 s ago; lock held by process 7"
    dead = Assessment("killed", "lock free, no exit event; last event 3 s ago")
    assert useful_reason(dead, state) == dead.reason


def test_a_cut_name_keeps_its_end() -> None:
    assert cut_middle("short", 5) == "short"
    assert cut_middle("bert-demo-pruned80-quant-2", 12) == "bert-…uant-2"
    assert cell_len(cut_middle("日本語日本語日本語", 8)) == 8
