"""The app: settings, themes, screens and what holds everywhere; every screen is imported when it is first opened."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual import events, work
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.dom import DOMNode
from textual.geometry import Size
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from engine.errors import UserError, plain
from engine.runs.launch import EngineChildren
from engine.runs.paths import RunDirectory
from sqa_tui.actions import ACTIONS, bindings_of
from sqa_tui.key_order import KeyOrder
from sqa_tui.paths import home_problem, shipped_themes, user_themes
from sqa_tui.settings import Settings, load_settings
from sqa_tui.themes import load_themes, variable_defaults
from sqa_tui.threads import DaemonThreads

if TYPE_CHECKING:
    from engine.zoo import State
    from sqa_tui.fetches import Fetches
    from sqa_tui.launching import Launched
    from sqa_tui.messages import FetchMoved
    from sqa_tui.run_form import RunChoices
    from sqa_tui.screens.recipe_keeping import Take
    from sqa_tui.screens.zoo_using import Take as TakeFields

REAP_SECONDS = 5.0
"""How often engines that ended are reaped."""
FALLBACK_THEME = "sqa-dark"
LEAST_SIZE = (60, 18)
"""Columns and rows below which no screen can show what it is for."""


class SqaApp(App[None]):
    """Manage sparsification runs: choose, start, watch, export, ask. Runs go on when the app ends."""

    TITLE = "sqa-tui"
    CSS_PATH = "app.tcss"
    BINDINGS = bindings_of("app")
    ENABLE_COMMAND_PALETTE = True
    DEFAULT_MODE = "main"

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        # A screen pushed over an empty default one would be painted once more for each change of that one.
        self.add_mode(self.DEFAULT_MODE, self.first_screen)  # pyright: ignore[reportUnknownMemberType]
        self.settings = settings or Settings()
        self.engines = EngineChildren()
        self.key_order = KeyOrder(self, super().on_event)
        self._fetches: Fetches | None = None
        self.answered: dict[str, State] = {}
        self._started_again: dict[Path, subprocess.Popen[bytes] | None] = {}
        self.loaded_themes = load_themes([shipped_themes(), user_themes()])
        for theme in self.loaded_themes.themes.values():
            self.register_theme(theme)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults(self.current_theme)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded:
            await self.key_order.take(event)
        else:
            await super().on_event(event)

    def on_load(self) -> None:
        # All threads of Textual's workers and of `asyncio.to_thread` come from here.
        asyncio.get_running_loop().set_default_executor(DaemonThreads())

    def on_mount(self) -> None:
        known = self.settings.theme in self.available_themes
        self.theme = self.settings.theme if known else FALLBACK_THEME
        self.set_interval(REAP_SECONDS, self.engines.poll)
        self.call_after_refresh(self._say_what_is_wrong)
        self._guard_size(self.size)

    def _say_what_is_wrong(self) -> None:
        problem = home_problem()
        if problem:
            self.warn(problem)
        if self.settings.theme not in self.available_themes:
            self.warn(f"settings: there is no theme {plain(self.settings.theme)}; F2 shows those there are")
        for failure in self.loaded_themes.failures:
            self.warn(f"theme {plain(failure.path.name)}: {plain(failure.reason)}")

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What a worker of the app itself raised; screens tell of their own."""
        worker = cast("Worker[object]", event.worker)  # pyright: ignore[reportUnknownMemberType]
        if event.state is WorkerState.ERROR and worker.error is not None:
            self.report(worker.error)

    def warn(self, text: str) -> None:
        """Tell something that is wrong, in one line."""
        self.notify(text, severity="warning", timeout=8, markup=False)

    def report(self, error: BaseException) -> None:
        """Tell an error: what and what to do, in one line."""
        text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        self.notify(plain(text), severity="error", timeout=6, markup=False)

    def on_resize(self, event: events.Resize) -> None:
        self._guard_size(event.size)

    def _guard_size(self, size: Size) -> None:
        """Cover the screen while the terminal is too small for any."""
        from sqa_tui.screens.too_small import TooSmallScreen

        small = size.width < LEAST_SIZE[0] or size.height < LEAST_SIZE[1]
        if small and not isinstance(self.screen, TooSmallScreen):
            self.push_screen(TooSmallScreen(*LEAST_SIZE))

    def first_screen(self) -> Screen[None]:
        """The list of runs, from where all else is reached."""
        from sqa_tui.screens.runs import RunsScreen

        return RunsScreen()

    def open_run(self, run_path: Path) -> None:
        """Watch a run."""
        from sqa_tui.screens.run import RunScreen

        self.push_screen(RunScreen(run_path))

    def open_new_run(self, choices: RunChoices | None = None) -> None:
        """Prepare a run; the form is filled with `choices`, else with the demo."""
        from sqa_tui.screens.new_run import NewRunScreen

        self.push_screen(NewRunScreen(choices=choices))

    def open_recipe(
        self,
        source: str | None = None,
        *,
        run: Path | None = None,
        recipe_args: str = "",
        model: str = "",
        take: Take | None = None,
    ) -> None:
        """View and edit a recipe: `source` (a path or stub), that of a `run` directory, or one that is chosen.

        `recipe_args` are values for its variables, `model` is the one that it is likely for; `take` is given the recipe
        and the values when they are to be used, without it a new run is prepared with them.
        """
        from sqa_tui.screens.recipe_opening import open_recipe

        self.run_worker(open_recipe(self, source, run, recipe_args, model, take), exit_on_error=False, group="recipe")

    def open_zoo(self, take: TakeFields | None = None) -> None:
        """Find models, recipes and teachers; `take` is given those that are chosen, else a new run is prepared."""
        from sqa_tui.screens.zoo import ZooScreen

        self.push_screen(ZooScreen(take))

    @property
    def fetches(self) -> Fetches:
        """The downloads, made when they are first asked for: the zoo takes time to be imported."""
        if self._fetches is None:
            from sqa_tui.fetches import Fetches

            self._fetches = Fetches()
            self._fetches.watch(self)
        return self._fetches

    def on_fetch_moved(self, message: FetchMoved) -> None:
        """Tell how a download ended, on whichever screen."""
        fetch = message.fetch
        if fetch.error is not None:
            self.report(fetch.error)
        elif fetch.path is not None:
            self.notify(f"{plain(fetch.name)} is on this machine now", markup=False)

    def adopt(self, launched: Launched) -> None:
        """Reap the engine of a run when it ends; it needs nothing else from the app."""
        if launched.process is not None:
            self.engines.adopt(launched.directory, launched.process)

    def start_again(self, run_path: Path) -> None:
        """Start the engine of a run that ended from its last checkpoint; asked twice, it is started once."""
        if run_path in self._started_again:
            process = self._started_again[run_path]
            if process is None or process.poll() is None:
                self.warn("the engine of this run is being started already")
                return
        self._started_again[run_path] = None
        self._start_engine_again(run_path)

    @work(thread=True, exit_on_error=False, group="start again")
    def _start_engine_again(self, run_path: Path) -> None:
        from sqa_tui.launching import start_again

        try:
            launched = start_again(RunDirectory(run_path))
        except UserError as error:
            self.call_from_thread(self._not_started_again, run_path, error)
        else:
            self.call_from_thread(self._has_started_again, launched)

    def _not_started_again(self, run_path: Path, error: UserError) -> None:
        self._started_again.pop(run_path, None)
        self.report(error)

    def _has_started_again(self, launched: Launched) -> None:
        self._started_again[launched.directory.path] = launched.process
        self.adopt(launched)
        self.notify(f"{plain(launched.directory.slug)} starts again from its last checkpoint", markup=False)

    def open_ask(self, model: Path | None = None) -> None:
        """Ask a deployment folder, or the newest there is."""
        from sqa_tui.screens.ask import AskScreen

        self.push_screen(AskScreen(model))

    def action_help(self) -> None:
        from sqa_tui.screens.help import HelpScreen, screens_of

        self.push_screen(HelpScreen(screens_of(self.screen)))

    def action_recipes(self) -> None:
        self.open_recipe()

    async def action_quit(self) -> None:
        """Leave the app, after a question where a screen would lose something."""
        from sqa_tui.screens.confirm import ConfirmScreen

        lost = [text for screen in self.screen_stack if (text := getattr(screen, "unsaved", ""))]
        going = self._fetches.going() if self._fetches is not None else []
        if not lost and not going:
            self.exit()
            return
        what = "without keeping a recipe" if lost else "while a download goes on"
        said = [f"What was changed is lost: {', '.join(lost)}."] if lost else []
        if going:
            names = ", ".join(plain(each.name, 60) for each in going)
            said.append(f"Not here yet: {names}. Fetched again, it goes on from what has come; x cancels it.")
        self.push_screen(ConfirmScreen(f"Quit {what}?", "\n".join(said)), lambda yes: self.exit() if yes else None)

    def action_help_quit(self) -> None:
        """Ctrl+C, which ends other programs: say what ends this one."""
        self.notify("q quits; runs go on", markup=False)

    def action_zoo(self) -> None:
        self.open_zoo()

    def action_themes(self) -> None:
        self.search_themes()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every action that is possible here, from the one table."""
        here = {bound.binding.id: bound.binding.action for bound in screen.active_bindings.values()}
        for action in ACTIONS:
            if action.id in here and action.id != "app.command_palette":
                callback = screen.run_action if action.screen != "app" else self.run_action
                yield SystemCommand(
                    f"{action.label} ({action.shown_key})",
                    action.description,
                    lambda call=callback, name=action.name: call(name),
                )

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: DOMNode) -> None:
        keys = ", ".join(sorted(binding.key for binding in clashed_bindings))
        self.warn(f"these keys are bound twice: {keys}")


def end_with_terminal(descriptor: int) -> None:
    """Wait until the terminal goes away, then end this process as a hang-up does.

    The signal for it does not always come (not under every `make`, `nohup` or multiplexer), and the app would wait for
    ever to write to a terminal that is gone. Waiting for no event costs nothing: a hang-up is reported all the same.
    """
    poller = select.poll()
    poller.register(descriptor, 0)
    while not any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poller.poll()):
        pass
    os.kill(os.getpid(), signal.SIGHUP)
    os._exit(128 + signal.SIGHUP)


def run_app() -> None:
    """Open the app on this terminal.

    Raises:
        UserError: the settings are wrong, or there is no terminal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError("the app needs a terminal", "sqa-tui --help lists what works without one")
    app = SqaApp(load_settings())
    threading.Thread(target=end_with_terminal, args=(sys.stdin.fileno(),), name="terminal", daemon=True).start()
    app.run()
    if app.return_code:
        raise SystemExit(app.return_code)
