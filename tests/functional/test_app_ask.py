"""Asking, with a child process that speaks the protocol but knows only how to find words."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from app_cases import FINISHED, SIZES, make_run, said, screen_text, screen_words, until
from textual.pilot import Pilot
from textual.widgets import Input

from sqa_tui.app import SqaApp
from sqa_tui.screens.ask import AskScreen
from sqa_tui.screens.pick import PickScreen
from sqa_tui.screens.runs import RunsScreen
from sqa_tui.settings import Settings
from sqa_tui.widgets.candidates import CandidateList
from sqa_tui.widgets.context_area import ContextArea

CHILD = """
import json, os, sys
model = sys.argv[1]
mark = os.path.join(model, "starts")
starts = int(open(mark).read()) + 1 if os.path.exists(mark) else 1
open(mark, "w").write(str(starts))
if os.path.exists(os.path.join(model, "broken")):
    print("Traceback ...", file=sys.stderr)
    sys.exit("error: model.onnx is [red]damaged[/red]")
print(json.dumps({"ready": True, "model": model, "size_bytes": 7200000, "window": 128, "new_field": 1}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    word = asked["question"].split()[-1].rstrip("?")
    if word == "die":
        os._exit(9)
    if word == "once" and starts == 1:
        os._exit(9)
    if word == "error":
        print(json.dumps({"id": asked["id"], "error": "the question is [b]too long[/b]"}), flush=True)
        continue
    places = [place for place in range(len(asked["context"])) if asked["context"].startswith(word, place)]
    answers = [
        {"answer": word, "score": 0.9 / (number + 1), "start": place, "end": place + len(word)}
        for number, place in enumerate(places[: asked["top_k"]])
    ]
    times = {"tokenise": 0.5, "run": 3.25, "decode": 0.25}
    print(json.dumps({"id": asked["id"], "answers": answers, "milliseconds": times, "windows": 2}), flush=True)
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that looks like an exported model."""
    folder = tmp_path / "pruned80"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"onnx")
    (tmp_path / "child.py").write_text(CHILD)
    return folder


class AskApp(SqaApp):
    """Asks through the fake child."""

    CSS_PATH = Path(__file__).parents[2] / "sqa_tui" / "app.tcss"

    def __init__(self, script: Path) -> None:
        super().__init__(Settings(poll_seconds=0.2))
        self.script = script

    def open_ask(self, model: Path | None = None) -> None:
        self.push_screen(AskScreen(model, lambda folder: [sys.executable, str(self.script), str(folder)]))


@pytest.fixture
def app(tmp_path: Path) -> AskApp:
    return AskApp(tmp_path / "child.py")


def panel(app: SqaApp, name: str = "first") -> CandidateList:
    return app.screen.query_one(f"#{name}", CandidateList)


def context(app: SqaApp) -> ContextArea:
    return app.screen.query_one(ContextArea)


async def opened(app: SqaApp, pilot: Pilot[None], model: Path | None) -> None:
    app.call_later(app.open_ask, model)
    await until(pilot, lambda: isinstance(app.screen, AskScreen))
    if model:
        await until(pilot, lambda: "Ready" in panel(app).status)


async def ask(app: SqaApp, pilot: Pilot[None], question: str) -> None:
    field = app.screen.query_one("#asked", Input)
    field.focus()
    field.value = question
    await pilot.press("enter")


@pytest.mark.parametrize("size", SIZES)
async def test_the_answer_is_shown_with_score_place_and_time_and_marked(
    app: AskApp, model: Path, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot, model)
        assert "pruned80 · 7.2 MB" in screen_text(app)
        context(app).text = "My name is Snorlax.\nI sleep in Kanto, says Snorlax."
        await ask(app, pilot, "Who is Snorlax?")
        await until(pilot, lambda: panel(app).answered)
        await until(pilot, lambda: context(app).marked_text == "Snorlax")
        text = screen_text(app)
        assert "0.900" in text
        assert "11–18" in text
        assert "0.450" in text
        assert "43–50" in text
        assert "4.0 ms: tokenise 0.5 + run 3.2 + decode 0.2, 2 windows" in screen_words(app).replace("│ ", "")


async def test_the_mark_is_seen_without_colour(app: AskApp, model: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, model)
        context(app).text = "first line\nMy name is Snorlax."
        await ask(app, pilot, "Snorlax")
        await until(pilot, lambda: context(app).marked_text)
        (span,) = [span for span in context(app).get_line(1).spans if getattr(span.style, "reverse", False)]
        assert (span.start, span.end) == (11, 18)
        assert getattr(span.style, "underline", False)
        assert not context(app).get_line(0).spans


async def test_moving_through_the_candidates_moves_the_mark(app: AskApp, model: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, model)
        context(app).text = "a b a"
        await ask(app, pilot, "a")
        await until(pilot, lambda: panel(app).answered)
        await pilot.press("escape", "down")
        await until(pilot, lambda: context(app)._marked == (4, 5))
        context(app).text = "other"
        await until(pilot, lambda: context(app).marked_text == "")


async def test_a_child_that_died_is_replaced_and_asked_again(app: AskApp, model: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, model)
        context(app).text = "only once"
        await ask(app, pilot, "once")
        await until(pilot, lambda: panel(app).answered)
        assert (model / "starts").read_text() == "2"


async def test_a_question_that_kills_costs_one_answer_not_the_screen(app: AskApp, model: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, model)
        context(app).text = "die or live"
        await ask(app, pilot, "die")
        await until(pilot, lambda: "ended with code 9" in screen_text(app))
        await ask(app, pilot, "live")
        await until(pilot, lambda: panel(app).answered)


async def test_errors_are_one_line_and_no_markup(app: AskApp, model: Path) -> None:
    async with app.run_test(size=(160, 45)) as pilot:
        await opened(app, pilot, model)
        context(app).text = "text [red]not markup[/red]"
        await ask(app, pilot, "error")
        await until(pilot, lambda: "the question is [b]too long[/b]" in screen_text(app))
        assert "[red]not markup[/red]" in screen_text(app)
        await ask(app, pilot, "[red]not")
        await until(pilot, lambda: panel(app).answered)
        assert context(app).marked_text == "[red]not"


async def test_a_model_that_cannot_be_loaded_says_why(app: AskApp, model: Path) -> None:
    (model / "broken").touch()
    async with app.run_test(size=(160, 45)) as pilot:
        app.call_later(app.open_ask, model)
        await until(pilot, lambda: "model.onnx is [red]damaged[/red]" in screen_text(app))
        assert "Traceback" not in screen_text(app)


@pytest.mark.parametrize(
    ("question", "text", "missing"), [("", "text", "No question"), ("who", " ", "No context to look in")]
)
async def test_what_is_missing_is_said(app: AskApp, model: Path, question: str, text: str, missing: str) -> None:
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await opened(app, pilot, model)
        context(app).text = text
        await ask(app, pilot, question)
        await until(pilot, lambda: missing in said(app))


async def test_the_run_s_model_is_found_and_a_sample_of_its_data_is_loaded(app: AskApp) -> None:
    app.script.write_text(CHILD)
    made = make_run("demo", *FINISHED)
    folder = made.output / "deployment"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"onnx")
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: " demo " in screen_text(app))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await until(pilot, lambda: context(app).text)
        first = app.screen.query_one("#asked", Input).value
        assert first
        assert "people answered:" in screen_text(app)
        await until(pilot, lambda: "demo · 7.2 MB · F1 87.1" in screen_text(app))
        await pilot.press("f3")
        await until(pilot, lambda: app.screen.query_one("#asked", Input).value not in ("", first))
        second = app.screen.query_one("#asked", Input).value
        await pilot.press("escape", "g")
        await until(pilot, lambda: app.screen.query_one("#asked", Input).value not in (first, second))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


async def test_two_models_answer_side_by_side(app: AskApp, model: Path) -> None:
    other = model.with_name("teacher")
    other.mkdir()
    (other / "model.onnx").write_bytes(b"onnx")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, model)
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        app.screen.query_one("#typed", Input).value = str(other)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AskScreen) and "Ready" in panel(app, "second").status)
        context(app).text = "side by side"
        await ask(app, pilot, "by")
        await until(pilot, lambda: panel(app).answered and panel(app, "second").answered)
        assert "pruned80" in screen_text(app)
        assert "teacher" in screen_text(app)
        await pilot.press("f6")
        await until(pilot, lambda: not panel(app, "second").display)


async def test_a_folder_without_a_model_is_refused_in_one_line(app: AskApp, tmp_path: Path) -> None:
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await opened(app, pilot, None)
        await until(pilot, lambda: "No exported model yet" in screen_words(app))
        await pilot.press("f4")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        app.screen.query_one("#typed", Input).value = str(tmp_path)
        await pilot.press("enter")
        await until(pilot, lambda: "no model.onnx in it" in said(app))


async def test_keys_of_the_screen_work_in_the_context(app: AskApp, model: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, model)
        context(app).focus()
        for key, opens in (("f6", PickScreen), ("f4", PickScreen)):
            await pilot.press(key)
            await until(pilot, lambda opens=opens: isinstance(app.screen, opens))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, AskScreen))
            assert app.focused is context(app)
        await pilot.press("f3")
        await until(pilot, lambda: context(app).text)
        await pilot.press("f5")
        await until(pilot, lambda: panel(app).answered)


async def test_two_models_of_one_name_can_be_told_apart_and_read(app: AskApp, model: Path) -> None:
    twins = [model.with_name(name) / "pruned80" for name in ("monday", "tuesday")]
    for twin in twins:
        twin.mkdir(parents=True)
        (twin / "model.onnx").write_bytes(b"onnx")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, twins[0])
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        app.screen.query_one("#typed", Input).value = str(twins[1])
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AskScreen) and "Ready" in panel(app, "second").status)
        word = "a-very-long-word-that-is-not-cut"
        context(app).text = f"{' ' * 25_000}{word}"
        await ask(app, pilot, word)
        await until(pilot, lambda: panel(app).answered and panel(app, "second").answered)
        await pilot.pause()
        text = screen_text(app)
        assert "pruned80 (monday)" in text
        assert "pruned80 (tuesday)" in text
        assert len(re.findall(rf"▌ {word} .* 25000–25032 │", text)) == 2
