"""The screen of one run, driven by keys."""

from __future__ import annotations

import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sample_run
from run_app import RunApp
from textual.pilot import Pilot
from textual.widgets import Static

from engine.runs.control import ControlInbox
from engine.runs.identity import ProcessIdentity, write_identity
from engine.runs.lock import EngineLock
from engine.runs.paths import RunDirectory
from sqa_tui.screens.confirm import ConfirmScreen
from sqa_tui.screens.run import RunScreen
from sqa_tui.screens.run_panes import PANES
from sqa_tui.widgets.layers_pane import LayersPane
from sqa_tui.widgets.line_chart import LineChart
from sqa_tui.widgets.run_header import RunHeader
from sqa_tui.widgets.segments_line import SegmentsLine
from sqa_tui.widgets.text_pane import TextPane

SIZES = [(160, 45), (120, 32), (80, 24), (60, 18)]
PATIENCE = 30.0


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run at epoch 12 of 30."""
    directory = sample_run.make_run(tmp_path)
    sample_run.write_events(directory, sample_run.events(sample_run.Sample(start=time.time() - 480)))
    directory.console_file.write_text("loading the model\n{'loss': 1.2}\nTraceback here\n")
    return directory


@pytest.fixture
def living(run: RunDirectory) -> Iterator[RunDirectory]:
    """The same run with an engine: this process holds its lock."""
    write_identity(run, ProcessIdentity.of(os.getpid()))
    # The engine was there before its newest event.
    os.utime(run.process_file, (0, 0))
    lock = EngineLock(run.lock_file)
    lock.acquire()
    yield run
    lock.release()


async def until(pilot: Pilot[None], holds: Callable[[], object]) -> None:
    """Let the app work until a condition holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        await pilot.pause(0.02)


@asynccontextmanager
async def opened(
    directory: RunDirectory, size: tuple[int, int] = (120, 32)
) -> AsyncIterator[tuple[RunApp, RunScreen, Pilot[None]]]:
    """The app on the screen of a run that has been read."""
    app = RunApp(directory.path)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        screen = app.screen
        assert isinstance(screen, RunScreen)
        await until(pilot, lambda: screen.assessment)
        await until(pilot, lambda: screen.view.events or not directory.events_file.exists())
        await pilot.pause()
        yield app, screen, pilot


def shown(app: RunApp) -> str:
    """What the terminal shows, as text."""
    return "\n".join("".join(segment.text for segment in line) for line in app.screen._compositor.render_strips())


def visible_panes(screen: RunScreen) -> list[str]:
    return [pane for pane in PANES if screen.query_one(f"#{pane}").display]


@pytest.mark.parametrize("size", SIZES)
async def test_the_most_important_is_seen_at_every_size(living: RunDirectory, size: tuple[int, int]) -> None:
    async with opened(living, size) as (app, screen, _):
        text = shown(app)
        assert "● obert-90-squad  running  epoch 11.97/30" in text
        assert " 40 %" in text
        assert "mask update at epoch 12.00" in text
        assert "total 1.086" in text
        assert "▏prune" in text
        assert {len(line) for line in text.splitlines()} == {size[0]}
        assert len(visible_panes(screen)) == {160: 6, 120: 4, 80: 2, 60: 1}[size[0]]


async def test_panes_are_chosen_by_number(run: RunDirectory) -> None:
    async with opened(run, (80, 24)) as (_, screen, pilot):
        assert visible_panes(screen) == ["loss", "sparsity"]
        await pilot.press("2")
        assert visible_panes(screen) == ["loss", "scores"]
        assert screen.focused is screen.query_one("#scores")
        await pilot.press("5")
        assert visible_panes(screen) == ["scores", "layers"]


async def test_a_pane_is_maximised_and_put_back(run: RunDirectory) -> None:
    async with opened(run) as (_, screen, pilot):
        await pilot.press("3", "m")
        assert visible_panes(screen) == ["sparsity"]
        assert screen.query_one("#sparsity").size.width > 110
        await pilot.press("escape")
        assert len(visible_panes(screen)) == 4
        screen.query_one("#log").focus()
        await pilot.press("m")
        assert not screen.query_one("#panes").display
        assert screen.query_one("#log").size.height > 20


async def test_the_charts_show_the_run(run: RunDirectory) -> None:
    async with opened(run, (160, 45)) as (app, screen, pilot):
        await until(pilot, lambda: screen.plan.sparsity)
        loss = screen.query_one("#loss", LineChart).data
        assert [curve.name for curve in loss.curves] == ["task", "distillation", "total"]
        assert loss.end == 30.0
        assert [band.name for band in loss.bands] == ["dense", "prune", "qat", "distil"]
        scores = screen.query_one("#scores", LineChart).data
        assert scores.references[0].value == 88.54
        assert scores.note.startswith("recovery 97.")
        sparsity = screen.query_one("#sparsity", LineChart).data
        assert [(curve.name, curve.planned) for curve in sparsity.curves] == [
            ("plan", True), ("target", False), ("real", False),
        ]  # fmt: skip
        assert "0 query" in shown(app)
        assert "84.0 %" in shown(app)
        layer = {"name": sample_run.LAYERS[0], "shape": [256, 256], "sparsity": 0.9, "target": 0.9, "quantised": True}
        sample_run.write_events(run, [{"v": 1, "seq": 10**6, "kind": "layer", "t": 1.0, "epoch": 22.0, **layer}])
        await until(pilot, lambda: screen.view.layers[0].quantised)
        await pilot.pause()
        assert " 90.0 % int8 │" in shown(app)


async def test_a_new_event_reaches_the_screen(living: RunDirectory) -> None:
    async with opened(living) as (app, screen, pilot):
        sample = sample_run.Sample()
        sample_run.write_events(living, sample_run.events(sample, 13.0, first=480))
        await until(pilot, lambda: screen.view.step == 519)
        await pilot.pause()
        assert "epoch 12.97/30" in shown(app)
        assert screen.query_one("#loss", LineChart).data.curves[-1].points[-1][0] == pytest.approx(12.975)


async def test_the_crosshair_reads_every_chart_at_one_epoch(run: RunDirectory) -> None:
    async with opened(run, (160, 45)) as (app, screen, pilot):
        await pilot.press("1", "left", "shift+left")
        crosshairs = {chart.look.crosshair for chart in screen.query(LineChart)}
        assert len(crosshairs) == 1
        (epoch,) = crosshairs
        assert epoch is not None
        assert 0 < epoch < 11.0
        assert f" {epoch:.2f} " in shown(app)
        assert " 1 11" not in shown(app), "the crosshair's epoch must not cover half a tick"
        await pilot.press("escape")
        assert {chart.look.crosshair for chart in screen.query(LineChart)} == {None}
        assert app.screen is screen, "the first escape only hides the crosshair"


async def test_a_chart_changes_its_axis_and_smooths(run: RunDirectory) -> None:
    async with opened(run) as (app, screen, pilot):
        await pilot.press("1", "y", "w")
        look = screen.query_one("#loss", LineChart).look
        assert (look.logarithmic, look.smoothing) == (True, 0.6)
        assert "smoothed 0.6 · log" in shown(app)
        await pilot.press("w", "w", "w")
        assert screen.query_one("#loss", LineChart).look.smoothing == 0.0


async def test_a_failed_run_says_what_and_what_to_do(tmp_path: Path) -> None:
    directory = sample_run.make_run(tmp_path)
    error = {
        "type": "UserError",
        "message": f"no such folder: /{'nowhere/' * 12}end",
        "hint": "check --train_file",
        "usage": True,
    }
    sample_run.write_events(
        directory,
        [
            *sample_run.events(until_epoch=1.0),
            {"v": 1, "seq": 41, "t": time.time(), "kind": "exit", "outcome": "failed", "reason": "bad", "error": error},
        ],
    )
    async with opened(directory, (80, 24)) as (app, _, __):
        text = shown(app)
        assert "✗ obert-90-squad  failed" in text
        assert "✗ failed: no such folder:" in text
        assert "nowhere/end" in text, "a long error is wrapped, not cut"
        assert "→ check --train_file" in text


async def test_a_killed_run_shows_the_evidence(run: RunDirectory) -> None:
    async with opened(run, (80, 24)) as (app, _, pilot):
        text = shown(app)
        assert "☠ obert-90-squad  killed" in text
        assert "no exit event" in text
        await pilot.press("s")
        assert not isinstance(app.screen, ConfirmScreen), "there is no engine to stop"


async def test_a_warning_is_shown_until_the_end(living: RunDirectory) -> None:
    sample_run.write_events(
        living,
        [{"v": 1, "seq": 10**6, "t": time.time(), "kind": "alert", "level": "warning", "message": "loss is NaN",
          "hint": "lower the learning rate", "step": 479}],
    )  # fmt: skip
    async with opened(living) as (app, screen, pilot):
        await until(pilot, lambda: screen.view.alerts)
        await pilot.pause()
        assert "! loss is NaN · lower the learning rate" in shown(app)
        assert "missing" in screen.query_one("#next", SegmentsLine).text


@pytest.mark.parametrize(("key", "command"), [("p", "pause"), ("c", "checkpoint"), ("e", "evaluate"), ("x", "export")])
async def test_commands_reach_the_engine_and_its_answer_is_told(living: RunDirectory, key: str, command: str) -> None:
    inbox = ControlInbox(living, poll_seconds=0)
    async with opened(living) as (app, screen, pilot):
        await pilot.press(key)
        requests = []
        await until(pilot, lambda: requests.extend(inbox.poll()) or requests)
        assert [request.command for request in requests] == [command]
        await until(pilot, lambda: command in screen.query_one("#next", SegmentsLine).text)
        answer = {"request": requests[0].request, "command": command, "accepted": False, "message": "not now"}
        sample_run.write_events(living, [{"v": 1, "seq": 10**6, "t": time.time(), "kind": "control", **answer}])
        await until(pilot, lambda: any("not now" in note.message for note in app._notifications))
        await until(pilot, lambda: "waiting" not in screen.query_one("#next", SegmentsLine).text)
        assert any("not now" in line.text for line in screen.query_one("#journal", TextPane).shown)


async def test_stopping_is_confirmed_and_asked_again_means_now(
    living: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops: list[bool] = []
    monkeypatch.setattr("sqa_tui.screens.run_steering.stop_engine", lambda _run, *, now=False: stops.append(now))
    async with opened(living) as (app, _, pilot):
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("n")
        assert stops == []
        for _ in range(2):
            await pilot.press("s")
            await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            await pilot.press("y")
            await until(pilot, lambda: not isinstance(app.screen, ConfirmScreen))
        await until(pilot, lambda: len(stops) == 2)
        assert stops == [False, True]


async def test_asking_needs_an_exported_model(living: RunDirectory) -> None:
    async with opened(living) as (app, screen, pilot):
        await pilot.press("a")
        assert app.asked == []
        assert any("exported no model" in note.message for note in app._notifications)
        sample_run.write_events(
            living, [{"v": 1, "seq": 10**6, "t": 1.0, "kind": "export", "path": "/x/deployment", "size_bytes": 1}]
        )
        await until(pilot, lambda: screen.view.exported)
        await pilot.press("a")
        assert app.asked == [Path("/x/deployment")]


async def test_the_console_is_searched(run: RunDirectory) -> None:
    async with opened(run) as (_, screen, pilot):
        log = screen.query_one("#log", TextPane)
        await until(pilot, lambda: log.shown)
        await pilot.press("slash", *"trace")
        await pilot.pause()
        assert [line.text for line in log.shown] == ["Traceback here"]
        await pilot.press("enter", "escape")
        await pilot.pause()
        assert len(log.shown) == 3


async def test_the_watcher_ends_with_its_screen(run: RunDirectory) -> None:
    async with opened(run) as (app, screen, pilot):
        above = RunScreen(run.path)
        app.push_screen(above)
        await pilot.pause()
        watcher = above._watcher
        assert watcher is not None
        await app.pop_screen()
        assert app.screen is screen
        assert watcher.stop(0)


async def test_a_run_that_has_not_begun_is_shown_as_it_is(tmp_path: Path) -> None:
    async with opened(sample_run.make_run(tmp_path)) as (app, screen, pilot):
        await until(pilot, lambda: "no loss reported yet" in shown(app))
        assert screen.query_one("#status", RunHeader).status.state in ("queued", "starting")
        assert "no engine started yet" in shown(app)


async def test_without_colour_nothing_fails_and_nothing_is_lost(
    living: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(living, (160, 45)) as (app, _, pilot):
        app.export_screenshot()
        text = shown(app)
        assert "● obert-90-squad  running" in text
        assert all(mark in text for mark in ("━", "┅", "┄", "▏prune"))
        await pilot.press("1", "left", "w", "2", "5", "down")
        app.export_screenshot()


@pytest.mark.parametrize("theme", ["sqa-light", "sqa-colour-blind", "ansi-dark"])
async def test_every_theme_is_drawn(run: RunDirectory, theme: str) -> None:
    async with opened(run) as (app, screen, pilot):
        app.theme = theme
        await pilot.pause()
        app.export_screenshot()
        assert "prune" in shown(app)
        assert isinstance(screen.query_one("#layers"), LayersPane)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[RunDirectory]:
    """The runs whose engine was to be started again; none gets one."""
    asked: list[RunDirectory] = []
    monkeypatch.setattr("sqa_tui.launching.start_engine", lambda run: asked.append(run))
    return asked


async def test_a_killed_run_is_started_again_once(run: RunDirectory, started: list[RunDirectory]) -> None:
    async with opened(run, (80, 24)) as (app, screen, pilot):
        words = " ".join(shown(app).split())
        assert "r starts it again from its last checkpoint" in words
        assert "r Resume" in words
        assert "q Quit" in words
        await pilot.press("r", "r")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert started == [run]
        assert any("starts again" in note.message for note in app._notifications)
        assert screen.run_directory == run


async def test_a_dead_run_promises_nothing(run: RunDirectory) -> None:
    async with opened(run, (120, 32)) as (_, screen, __):
        words = screen.query_one("#next", SegmentsLine).text
        assert "checkpoint at epoch" in words
        for promise in ("mask update", "evaluation at", "ends at", "samples/s"):
            assert promise not in words


async def test_a_live_run_has_its_keys_in_the_footer_and_none_to_resume(living: RunDirectory) -> None:
    async with opened(living, (80, 24)) as (app, _, pilot):
        last = shown(app).splitlines()[-1]
        assert "q Quit" in last
        assert "Stop" in last
        assert "Resume" not in last
        await pilot.press("r")
        assert list(living.control.iterdir()) == []


async def test_damage_of_the_log_is_said_first(run: RunDirectory) -> None:
    with run.events_file.open("ab") as file:
        file.write(b"{not an event}\n")
    async with opened(run, (80, 24)) as (app, screen, pilot):
        await until(pilot, lambda: screen.view.bad_lines)
        await pilot.pause()
        assert screen.query_one("#next", SegmentsLine).text.startswith("! 1 damaged line in the log")
        assert "! 1 damaged line in the log" in shown(app)


async def test_warnings_of_a_finished_run_stay(run: RunDirectory) -> None:
    alert = {"v": 1, "t": time.time(), "kind": "alert", "level": "warning", "hint": "", "step": 479}
    ends = {"v": 1, "seq": 10**6 + 3, "t": time.time(), "kind": "exit", "outcome": "finished", "reason": "all"}
    alerts = [
        {**alert, "seq": 10**6 + place, "message": words} for place, words in enumerate(("too short", "cut", "cut"))
    ]
    sample_run.write_events(run, [*alerts, ends])
    async with opened(run, (80, 24)) as (app, screen, pilot):
        await until(pilot, lambda: screen.assessment and screen.assessment.state == "finished")
        await pilot.pause()
        assert "! 2 warnings: too short; cut" in shown(app)


async def test_exporting_again_asks_and_names_the_folder(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    exports: list[RunDirectory] = []
    monkeypatch.setattr("sqa_tui.screens.run_steering.start_export", lambda run, _ended: exports.append(run))
    folder = run.output / "deployment"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"onnx")
    async with opened(run, (120, 32)) as (app, _, pilot):
        for key, asked in (("n", []), ("y", [run])):
            await pilot.press("x")
            await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            said = str(app.screen.query_one("#consequence", Static).render())
            assert said == f"It replaces the model in {folder}"
            await pilot.press(key)
            await until(pilot, lambda: not isinstance(app.screen, ConfirmScreen))
            assert exports == asked


async def test_a_run_whose_directory_goes_away_says_so(run: RunDirectory) -> None:
    async with opened(run, (80, 24)) as (app, screen, pilot):
        run.path.rename(run.path.with_name("elsewhere"))
        await until(pilot, lambda: screen.assessment and "went away" in screen.assessment.reason)
        await pilot.pause()
        assert "the run's directory went away" in shown(app)


async def test_the_end_of_a_long_name_is_seen(tmp_path: Path) -> None:
    directory = sample_run.make_run(tmp_path, "bert-demo-pruned80-quant-none-2")
    sample_run.write_events(directory, sample_run.events(until_epoch=1.0))
    async with opened(directory, (80, 24)) as (app, _, __):
        assert re.search(r"☠ bert-d\S+…\S*quant-none-2  killed", shown(app).splitlines()[0])


async def test_a_paused_run_is_asked_to_go_on(living: RunDirectory) -> None:
    paused = {"kind": "phase", "phase": "pause", "action": "enter", "text": "paused by request"}
    sample_run.write_events(living, [{"v": 1, "seq": 10**6, "t": time.time(), **paused}])
    inbox = ControlInbox(living, poll_seconds=0)
    async with opened(living, (120, 32)) as (app, screen, pilot):
        await until(pilot, lambda: screen.assessment and screen.assessment.state == "paused")
        await pilot.pause()
        assert "r Resume" in shown(app)
        await pilot.press("r")
        requests = []
        await until(pilot, lambda: requests.extend(inbox.poll()) or requests)
        assert [request.command for request in requests] == ["resume"]
