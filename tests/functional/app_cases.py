"""Runs on disk and small helpers for tests of the app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.pilot import Pilot
from textual.widgets._toast import Toast

from engine.runs.encoding import line_of
from engine.runs.launch import create_run
from engine.runs.paths import RunDirectory
from engine.runs.spec import RecipeSource, RunSpec

Event = dict[str, Any]
START = 1_700_000_000.0
STUB = "zoo:nlp/question_answering/bert-demo/pytorch/huggingface/facts/"
SIZES = [(80, 24), (160, 45)]


def make_run(slug: str, *events: Event, recipe: str | None = f"{STUB}pruned80-none", **spec: Any) -> RunDirectory:
    """A run directory with these events, a second apart; numbers and versions are added."""
    choices = {"model": f"{STUB}base-none", "model_path": "/models/base", "dataset": {"dataset_name": "facts"}} | spec
    source = RecipeSource.of(recipe, "") if recipe else None
    directory = create_run(slug=slug, spec=RunSpec(**choices, recipe=source, created=START))
    lines = [line_of({"v": 1, "seq": number, "t": START + number, **event}) for number, event in enumerate(events)]
    if lines:
        directory.events_file.write_bytes(b"".join(lines))
    return directory


def start(total_steps: int = 100) -> Event:
    return {"kind": "start", "total_steps": total_steps, "total_epochs": 10.0, "device": "cpu", "timeline": []}


def metric(step: int, **values: float) -> Event:
    return {"kind": "metric", "step": step, "epoch": step / 10, **values}


def finished(reason: str = "all 10 epochs") -> Event:
    return {"kind": "exit", "outcome": "finished", "reason": reason}


def failed(reason: str) -> Event:
    return {
        "kind": "exit",
        "outcome": "failed",
        "reason": reason,
        "error": {"type": "X", "message": reason, "hint": ""},
    }


FINISHED = (
    start(),
    metric(50, loss=2.0, sparsity=0.4),
    metric(100, loss=1.0, sparsity=0.8),
    {
        "kind": "eval",
        "f1": 87.125,
        "exact_match": 80.0,
        "samples": 10,
        "seconds": 1.0,
        "teacher_f1": 90.0,
        "recovery": 0.968,
    },
    finished(),
)


async def until(pilot: Pilot[Any], condition: Callable[[], object], *, tries: int = 500) -> None:
    """Let the app work until something is so."""
    for _ in range(tries):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError(f"never came: {condition}; the screen shows\n{screen_text(pilot.app)}")


def screen_text(app: App[Any]) -> str:
    """What a person reads on the screen, line by line."""
    width, height = app.size
    rows: list[str] = []
    for strips in app.screen._compositor.render_strips(app.size):
        rows.append("".join(segment.text for segment in strips)[:width])
    return "\n".join(row.rstrip() for row in rows[:height])


def screen_words(app: App[Any]) -> str:
    """The same without its lines, for text that may be wrapped."""
    return " ".join(screen_text(app).replace("▌", " ").split())


def pane_words(app: App[Any], pane: str) -> str:
    """What a person reads in one pane, without its lines."""
    region = app.screen.query_one(f"#{pane}").content_region
    rows = screen_text(app).split("\n")[region.y : region.bottom]
    return " ".join(" ".join(row[region.x : region.right].split()) for row in rows)


def said(app: App[Any]) -> str:
    """What the notices on the screen say."""
    return " ".join(str(toast.render()) for toast in app.screen.query(Toast))
