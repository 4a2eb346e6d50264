"""The Zoo screen by keyboard: find, read, use in a new run, fetch; the sources are real, the hub is on the loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from app_cases import SIZES, pane_words, said, screen_text, screen_words, until
from textual.pilot import Pilot
from textual.widgets import Input

from engine.errors import UserError
from engine.zoo import Entry, Fetch, Progress, list_entries, source_of
from engine.zoo.local import own_root
from sqa_tui.app import SqaApp
from sqa_tui.run_form import DEMO, RunChoices
from sqa_tui.screens.confirm import ConfirmScreen
from sqa_tui.screens.new_run import NewRunScreen
from sqa_tui.screens.pick import PickScreen
from sqa_tui.screens.recipe import RecipeScreen
from sqa_tui.screens.runs import RunsScreen
from sqa_tui.screens.zoo import ZooScreen
from sqa_tui.screens.zoo_card import ZooCardScreen
from sqa_tui.screens.zoo_sources import ZooSourcesScreen
from sqa_tui.widgets.card_pane import CardPane
from sqa_tui.widgets.filter_bar import FilterBar
from sqa_tui.widgets.lines import Lines
from sqa_tui.widgets.zoo_list import Order, ZooList, arranged
from sqa_tui.zoo_words import fetch_line
from tests.zoo_servers import HubModel, HubServer

QA = "zoo:nlp/question_answering"
MLM = "zoo:nlp/masked_language_modeling"
HUB_NAME = "someone/bert-squad"
CONFIG = {"model_type": "bert", "num_hidden_layers": 2, "architectures": ["BertForQuestionAnswering"]}
RECIPE = "modifiers:\n  - !EpochRangeModifier {start_epoch: 0, end_epoch: 3}\n"


async def opened(app: SqaApp, pilot: Pilot[None]) -> ZooScreen:
    await until(pilot, lambda: isinstance(app.screen, RunsScreen))
    await pilot.press("z")
    return await listed(app, pilot)


async def listed(app: SqaApp, pilot: Pilot[None]) -> ZooScreen:
    await until(pilot, lambda: isinstance(app.screen, ZooScreen) and app.screen.query_one(ZooList).rows)
    screen = app.screen
    assert isinstance(screen, ZooScreen)
    await screen.workers.wait_for_complete([worker for worker in screen.workers if worker.group == "read"])
    await pilot.pause()
    return screen


async def typed(app: SqaApp, pilot: Pilot[None], words: str) -> None:
    """Type into the words and return to the list."""
    await pilot.press("slash")
    app.screen.query_one("#words", Input).value = words
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.focused, ZooList))


async def form(app: SqaApp, pilot: Pilot[None]) -> RunChoices:
    await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
    assert isinstance(app.screen, NewRunScreen)
    return app.screen.choices


def rows(app: SqaApp) -> tuple[Entry, ...]:
    return app.screen.query_one(ZooList).rows


def page(app: SqaApp) -> str:
    return " ".join(app.screen.query_one(CardPane).text.split())


@pytest.mark.parametrize("size", SIZES)
async def test_all_sources_are_in_one_table_that_words_and_fields_narrow(size: tuple[int, int]) -> None:
    app = SqaApp()
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot)
        assert {row.source for row in rows(app)} >= {"demo", "catalogue", "hub"}
        assert f"{len(list_entries())} entries" in screen_text(app)
        await pilot.press("slash", *"obert 90 int8")
        await until(pilot, lambda: 0 < len(rows(app)) < 20)
        assert all(row.quantised and "obert" in row.stub.lower() and "90" in row.stub for row in rows(app))
        await pilot.press("enter", "f", "right", "down", "down", "down")
        await until(pilot, lambda: app.screen.query_one(FilterBar).chosen == {"layers": "6"})
        assert {row.layers for row in rows(app)} == {6}
        assert "layers‹6›" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.focused, ZooList))
        await pilot.press("escape")
        await until(pilot, lambda: len(rows(app)) == len(list_entries()))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


FIELDS: dict[str, tuple[int, Callable[[Entry], bool]]] = {
    "sparsity": (5, lambda entry: entry.sparsity is not None and entry.sparsity >= 95),
    "int8": (2, lambda entry: not entry.quantised),
    "recipe": (1, lambda entry: entry.has_recipe),
    "teacher": (1, lambda entry: entry.has_teacher),
    "local": (1, lambda entry: entry.path is not None),
    "task": (2, lambda entry: entry.task == "masked_language_modeling"),
}
"""How often a field is changed, and what is shown then."""


async def test_every_field_asks_for_what_it_says() -> None:
    app = SqaApp()
    async with app.run_test(size=(160, 45)) as pilot:
        await opened(app, pilot)
        await pilot.press("f")
        bar = app.screen.query_one(FilterBar)
        everything = list_entries()
        for field, (presses, holds) in FIELDS.items():
            while bar.current is None or bar.current.name != field:
                await pilot.press("right")
            await pilot.press(*["down"] * presses)
            await until(pilot, lambda: len(rows(app)) < len(everything))
            assert [row.stub for row in rows(app)] == [entry.stub for entry in everything if holds(entry)]
            assert rows(app)
            await pilot.press("backspace")
            await until(pilot, lambda: len(rows(app)) == len(everything))


async def test_what_fits_nothing_says_so() -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await typed_unfit(app, pilot)
        assert "No entry fits" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ZooScreen) and rows(app))


async def typed_unfit(app: SqaApp, pilot: Pilot[None]) -> None:
    await pilot.press("slash", *"[b]zz")
    await until(pilot, lambda: not rows(app))
    await pilot.press("escape")


async def test_a_key_sorts_by_the_next_column_and_unknown_values_come_last() -> None:
    app = SqaApp()
    async with app.run_test(size=(160, 45)) as pilot:
        await opened(app, pilot)
        app.screen.query_one(ZooList).order = Order("int8")
        await pilot.press("s")
        scores = [row.f1 for row in rows(app)]
        known = [score for score in scores if score is not None]
        assert known == sorted(known, reverse=True)
        assert scores[len(known) :] == [None] * (len(scores) - len(known))
        assert "F1▼" in screen_text(app)
        await pilot.press("S")
        assert [row.f1 for row in rows(app)][: len(known)] == sorted(known)
        assert "by F1 ▲" in screen_text(app)


async def test_only_columns_that_are_shown_are_sorted_by() -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        titles: list[str] = []
        for _ in range(9):
            await pilot.press("s")
            titles.append(app.screen.query_one(ZooList).order.column)
        assert titles == ["name", "task", "layers", "sparsity", "int8", "F1", "here", "source", ""]


def test_without_an_order_entries_stay_as_they_are() -> None:
    entries = list_entries()
    assert arranged(entries, Order()) == entries
    named = arranged(entries, Order("name", descending=True))
    assert named != entries
    assert len(named) == len(entries)


@pytest.mark.parametrize("size", SIZES)
async def test_the_card_has_facts_with_their_documents(size: tuple[int, int]) -> None:
    app = SqaApp()
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot)
        await typed(app, pilot, "obert-large pruned95_quant")
        await until(pilot, lambda: "obert-large" in page(app))
        assert "obert-large on squad, 95 % pruned, int8" in pane_words(app, "card")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ZooCardScreen))
        text = page(app)
        assert "F1 90.03 [1]" in text
        assert "dense F1 90.874; this one keeps 99.1 % [1]" in text
        assert "[1] neuralmagic/mlperf_inference_results_v3.0" in text
        assert "38.2 MB" in text
        assert "made for vnni (inferred: its stub)" in text
        assert "instead: other models, not this one" in text
        await pilot.press("y", "escape")
        await until(pilot, lambda: isinstance(app.screen, ZooScreen))
        assert app.clipboard.endswith("/obert-large/pytorch/huggingface/squad/pruned95_quant-none-vnni")


async def test_what_is_unknown_is_said_to_be() -> None:
    app = SqaApp()
    async with app.run_test(size=(160, 45)) as pilot:
        await opened(app, pilot)
        await typed(app, pilot, "bert-base pruned_3layers-aggressive_90")
        await until(pilot, lambda: "aggressive_90" in page(app))
        assert "sparsity unknown" in page(app)
        assert "F1 unknown" in page(app)
        assert "accuracy kept about 90 % of the dense F1 (inferred: its stub)" in page(app)


async def test_a_card_of_what_is_here_has_files_and_the_text_of_its_recipe() -> None:
    app = SqaApp()
    async with app.run_test(size=(160, 45)) as pilot:
        await opened(app, pilot)
        await typed(app, pilot, "demo pruned80-none")
        await until(pilot, lambda: "bert-demo on facts, 80 % pruned" in page(app))
        assert "!DistillationModifier" in page(app)
        assert "recipe.yaml" in page(app)
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, RecipeScreen))


@pytest.mark.parametrize("size", SIZES)
async def test_one_key_fills_model_recipe_and_teacher(size: tuple[int, int]) -> None:
    app = SqaApp()
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot)
        await until(pilot, lambda: "goes with it" in page(app))
        await pilot.press("3")
        chosen = await form(app, pilot)
        assert (chosen.model, chosen.teacher) == (f"{DEMO}base-none", f"{DEMO}base-none")
        assert (chosen.recipe, chosen.dataset) == (f"{DEMO}pruned80_quant-none", "facts")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ZooScreen))


async def test_what_is_not_here_is_replaced_only_by_what_the_user_says() -> None:
    app = SqaApp()
    start = f"{MLM}/obert-base/pytorch/huggingface/wikipedia_bookcorpus/pruned90-none"
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        await typed(app, pilot, "obert-base pruned90_quant catalogue")
        await pilot.press("3")
        await until(pilot, lambda: "model: obert-base pruned90-none is not here" in screen_text(app))
        assert "keep obert-base pruned90-none" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: "recipe: obert-base pruned90_quant-none is not here" in screen_text(app))
        await pilot.press(*"instead", "enter")
        await until(pilot, lambda: "teacher: obert-base base-none is not here" in screen_text(app))
        await pilot.press(*"oBERT-teacher", "enter")
        chosen = await form(app, pilot)
        assert chosen.model == start
        assert chosen.recipe == f"{DEMO}pruned80_quant-none"
        assert chosen.teacher == "RedHatAI/oBERT-teacher-squadv1"
        assert (chosen.dataset, "384" in chosen.arguments) == ("squad", True)


async def test_leaving_the_question_leaves_everything_as_it_was() -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await typed(app, pilot, "bert-large base-none")
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ZooScreen))


async def test_from_the_form_an_entry_fills_its_field_alone() -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.press("n")
        chosen = await form(app, pilot)
        for key, words, field, value in (
            ("m", "bert-large hub sparse-90", "model", "Intel/bert-large-uncased-squadv1.1-sparse-90-unstructured"),
            ("t", "RedHatAI/oBERT-teacher", "teacher", "RedHatAI/oBERT-teacher-squadv1"),
            ("r", "demo pruned80-none", "recipe", f"{DEMO}pruned80-none"),
        ):
            before = chosen
            await pilot.press("z")
            await listed(app, pilot)
            await typed(app, pilot, words)
            await pilot.press(key)
            chosen = await form(app, pilot)
            assert chosen == replace(before, **{field: value})


async def test_several_recipes_are_chosen_among(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "nlp/question_answering/bert-base/pytorch/huggingface/squad/pruned90-none"
    folder.mkdir(parents=True)
    (folder / "recipe.md").write_text(f"---\n{RECIPE}---\n")
    (folder / "recipe_transfer-question_answering.yaml").write_text(RECIPE)
    monkeypatch.setenv("SQA_ZOO_ROOTS", str(tmp_path))
    app = SqaApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        await typed(app, pilot, "bert-base pruned90-none recipe")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        await pilot.press(*"transfer", "enter")
        chosen = await form(app, pilot)
        stub = f"{QA}/bert-base/pytorch/huggingface/squad/pruned90-none"
        assert chosen.recipe == f"{stub}?recipe_type=transfer-question_answering"


async def test_foreign_text_is_neither_markup_nor_escape_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "team" / "[b]mine[link=x]\x1b[31m"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "recipe.yaml").write_text("[bold red]boom[/]: \x1b[31mred\n")
    monkeypatch.setenv("SQA_ZOO_ROOTS", str(tmp_path))
    app = SqaApp()
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        await opened(app, pilot)
        await typed(app, pilot, "mine local")
        await until(pilot, lambda: "[bold red]boom[/]" in page(app))
        assert "[b]mine[link=x]" in screen_text(app)
        await pilot.press("y")
        await until(pilot, lambda: "[b]mine" in said(app))
        assert "\x1b" not in screen_text(app) + said(app)


@pytest.mark.parametrize("size", SIZES)
async def test_a_source_that_cannot_be_used_says_why(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    app = SqaApp()
    async with app.run_test(size=size, notifications=True) as pilot:
        await opened(app, pilot)
        assert "offline: HF_HUB_OFFLINE forbids" in app.screen.query_one("#sources", Lines).text
        await pilot.press("h")
        await until(pilot, lambda: "no source can be asked" in said(app))
        assert "HF_HUB_OFFLINE forbids the network" in said(app)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ZooSourcesScreen))
        assert "HF_HUB_OFFLINE forbids the network" in screen_words(app)
        await pilot.press("a")
        await until(pilot, lambda: "as they answered" in screen_text(app))


async def test_what_cannot_be_fetched_is_said_and_others_are_offered() -> None:
    app = SqaApp()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await opened(app, pilot)
        await typed(app, pilot, "bert-base pruned95_obs")
        await pilot.press("d")
        await until(pilot, lambda: "cannot be fetched" in screen_text(app))
        assert "fetch nothing" in screen_text(app)
        assert "instead: RedHatAI/" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ZooScreen))
        assert not app.fetches.shown()
        await typed(app, pilot, "demo base-none")
        await pilot.press("d")
        await until(pilot, lambda: "is here:" in said(app))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    """A hub on the loopback with two small models; the weights of the second one never come."""
    files = {"config.json": json.dumps(CONFIG).encode(), "model.safetensors": bytes(5000), "tokenizer.json": b"{}"}
    server = HubServer(HubModel(HUB_NAME, files, config=CONFIG), HubModel(f"{HUB_NAME}-slow", files, config=CONFIG))
    server.faults.silent.add(f"{HUB_NAME}-slow/resolve/{server.models[HUB_NAME].revision}/model.safetensors")
    for name, value in {"HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "hf"), "SQA_ZOO_TIMEOUT": "60"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with server.running():
        yield server


async def test_the_hub_is_asked_on_request_and_two_downloads_go_on_at_once(hub: HubServer) -> None:
    app = SqaApp()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await opened(app, pilot)
        assert not hub.requests
        await typed(app, pilot, "someone")
        assert not rows(app)
        await pilot.press("h")
        await until(pilot, lambda: len(rows(app)) == 2, tries=1500)
        await pilot.press("end", "d", "home", "d")
        await until(pilot, lambda: "is on this machine now" in said(app), tries=1500)
        await until(pilot, lambda: any(row.has_model for row in rows(app)))
        assert (own_root() / "huggingface" / HUB_NAME / "model.safetensors").stat().st_size == 5000
        slow = app.fetches.of(f"{HUB_NAME}-slow")
        assert slow is not None
        await until(pilot, lambda: "of 5.1 kB" in screen_text(app))
        await pilot.press("x")
        await until(pilot, lambda: "cancelled: nothing of it was kept" in screen_text(app), tries=1500)
        assert not (own_root() / "huggingface" / f"{HUB_NAME}-slow").exists()
        assert not list((own_root() / ".partial").glob("*slow*"))
        await pilot.press("x")
        await until(pilot, lambda: not app.screen.query_one("#fetches").display)


async def test_quitting_during_a_download_is_asked_about(hub: HubServer) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        going = app.fetches.start(f"{HUB_NAME}-slow")
        line = app.screen.query_one("#fetches", Lines)
        await until(pilot, lambda: "model.safetensors" in line.text and "0 B" not in line.text, tries=1500)
        keys = screen_text(app).splitlines()[-1]
        assert all(key in keys for key in ("d Fetch", "x Cancel", "m Model", "r Recipe", "? Help", "q Quit"))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert f"Not here yet: {HUB_NAME}-slow" in screen_words(app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, ZooScreen))
        going.cancel()
        await until(pilot, lambda: "cancelled" in line.text)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)


async def test_what_a_source_answered_is_said_until_it_is_asked_again(hub: HubServer) -> None:
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        line = app.screen.query_one("#sources", Lines)
        assert "· hub" in line.text
        hub.faults.status["/api/models"] = 403
        await pilot.press("h")
        await until(pilot, lambda: "✗ hub" in line.text, tries=1500)
        await pilot.press("f5", "escape", "z")
        await listed(app, pilot)
        line = app.screen.query_one("#sources", Lines)
        assert "✗ hub" in line.text
        hub.faults.status.clear()
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ZooSourcesScreen))
        assert "✗ hub" in screen_words(app)
        await pilot.press("a")
        await until(pilot, lambda: "as they answered" in screen_text(app), tries=1500)
        await pilot.press("escape")
        await until(pilot, lambda: "✓ hub" in line.text)


async def test_a_source_that_breaks_is_one_line_and_the_list_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(words: str) -> list[Entry]:
        raise UserError("the hub cannot be reached", "try again")

    monkeypatch.setattr("sqa_tui.screens.zoo.search", refuse)
    app = SqaApp()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(app, pilot)
        await pilot.press("h")
        await until(pilot, lambda: "the hub cannot be reached" in said(app))
        assert rows(app)
        assert "asking" not in screen_text(app)


async def test_without_colour_everything_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = SqaApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        assert "▌ bert-demo base-none" in screen_text(app)
        assert "M·T" in screen_text(app)
        await pilot.press("f", "down")
        await until(pilot, lambda: "arch‹" in screen_text(app))


def test_the_line_of_a_download_has_bytes_speed_and_the_time_left() -> None:
    fetch = Fetch(source_of("hub"), HUB_NAME, "model", None)
    assert "asking hub" in text_of(fetch)
    fetch.progress = Progress(
        name=HUB_NAME,
        source="hub",
        phase="downloading",
        done=4_000_000,
        total=10_000_000,
        speed=5e5,
        eta=12.0,
        file="[b]x",
    )
    assert text_of(fetch).split() == f"↓ {HUB_NAME} ████░░░░░░ 40 % 4.0 MB of 10.0 MB 500.0 kB/s ETA 12 s [b]x".split()
    fetch.progress = Progress(name=HUB_NAME, source="hub", phase="downloading", done=4000)
    assert text_of(fetch).split() == f"↓ {HUB_NAME} 4.0 kB".split()
    fetch.error = UserError("no space left", "free some")
    assert "✗" in text_of(fetch)
    assert "no space left" in text_of(fetch)


def text_of(fetch: Fetch) -> str:
    return "".join(piece.text for piece in fetch_line(fetch))
