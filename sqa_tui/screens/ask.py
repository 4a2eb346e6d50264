"""Ask exported models a question: the answer marked in its context, candidates with their scores, and the time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Input, TextArea

from engine.errors import UserError, plain
from sqa_tui.actions import bindings_of
from sqa_tui.deployments import Deployed, deployment_of, deployments, name_beside
from sqa_tui.formatting import size
from sqa_tui.messages import ModelReady, QuestionAnswered, QuestionFailed
from sqa_tui.samples import Sample, sample
from sqa_tui.screens.base import BaseScreen
from sqa_tui.screens.pick import Choice, PickScreen, pick
from sqa_tui.watchers.answer_client import AnswerClient, Command, pipeline_command
from sqa_tui.widgets.candidates import CandidateList
from sqa_tui.widgets.context_area import ContextArea
from sqa_tui.widgets.key_bar import KeyBar
from sqa_tui.widgets.lines import Piece, TitleBar

NO_MODEL = (
    "No exported model yet. A run exports when it is finished: n on the Runs screen starts the demo. F4: any folder."
)
PANELS = ("first", "second")


@dataclass
class Answerer:
    """A model that is asked on this screen."""

    deployed: Deployed
    client: AnswerClient
    request: int | None = None
    """The question whose answer is awaited."""
    facts: list[str] = field(default_factory=list[str])
    """What the title says besides the name, once the model is loaded."""


class AskScreen(BaseScreen[None]):
    """A context, a question, and one or two models that answer through their child processes."""

    CSS_PATH = "ask.tcss"
    BINDINGS = bindings_of("ask")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    AUTO_FOCUS = "#asked"

    def __init__(self, model: Path | None = None, command: Command = pipeline_command) -> None:
        super().__init__()
        self._wanted = model
        self._command = command
        self._answerers: dict[str, Answerer] = {}
        self._sample_number = 0
        self._sample: Sample | None = None

    def compose(self) -> ComposeResult:
        yield TitleBar("Ask")
        with Container(id="body"):
            with Container(id="text"):
                context = ContextArea(id="context")
                context.border_title = Content("context")
                yield context
                asked = Input(id="asked", placeholder="type a question, Enter asks it")
                asked.border_title = Content("question")
                asked.cursor_blink = False
                yield asked
            with Container(id="models"):
                for name in PANELS:
                    panel = CandidateList(id=name)
                    panel.border_title = Content("answers")
                    yield panel
        yield KeyBar()

    def on_mount(self) -> None:
        self._panel("second").display = False
        self._find_model(self._wanted)

    def on_unmount(self) -> None:
        for answerer in self._answerers.values():
            answerer.client.close()

    # models

    @work(thread=True, exit_on_error=False, group="find")
    def _find_model(self, path: Path | None) -> None:
        try:
            found = deployment_of(path) if path else next(iter(deployments()), None)
        except UserError as error:
            self.app.call_from_thread(self._panel("first").say, str(error), failed=True)
            return
        if found is None:
            self.app.call_from_thread(self._panel("first").say, NO_MODEL)
        else:
            self.app.call_from_thread(self._use, "first", found)

    def _use(self, name: str, deployed: Deployed) -> None:
        """Let this model answer in the panel `name`."""
        self._release(name)
        client = AnswerClient(name, deployed.folder, self, self._command)
        self._answerers[name] = Answerer(deployed, client)
        panel = self._panel(name)
        panel.display = True
        self._show_titles()
        panel.say("loading the model …")
        client.start()
        if name == "first" and deployed.dataset == "facts" and not self._text.text:
            self.action_sample()

    def _release(self, name: str) -> None:
        answerer = self._answerers.pop(name, None)
        if answerer:
            answerer.client.close()

    def _show_titles(self) -> None:
        """Name each model, those of one name so that they differ; two models have more room."""
        self.set_class(len(self._answerers) > 1, "-two")
        for name, answerer in self._answerers.items():
            others = [other.deployed for key, other in self._answerers.items() if key != name]
            title = name_beside(answerer.deployed, others[0] if others else None)
            self._panel(name).border_title = Content(" · ".join([title, *answerer.facts]))

    @work(exit_on_error=False, exclusive=True, group="choose")
    async def action_model(self) -> None:
        await self._choose("first")

    @work(exit_on_error=False, exclusive=True, group="choose")
    async def action_beside(self) -> None:
        if "second" in self._answerers:
            self._release("second")
            self._panel("second").display = False
            self._show_titles()
            return
        await self._choose("second")

    async def _choose(self, name: str) -> None:
        known: list[Deployed] = []

        def read() -> list[Choice]:
            known.extend(deployments())
            return [Choice(str(entry.folder), entry.name, f"{entry.note}  {entry.folder}") for entry in known]

        current = self._answerers.get(name)
        folder = str(current.deployed.folder) if current else ""
        free = "the path of a folder that was exported"
        taken = await pick(
            self.app, read, lambda choices: PickScreen("exported model", choices, current=folder, free=free)
        )
        if taken:
            known_one = next((entry for entry in known if str(entry.folder) == taken), None)
            self._use(name, known_one or deployment_of(Path(taken)))

    # questions

    @on(Input.Submitted, "#asked")
    def action_ask(self) -> None:
        question, context = self.query_one("#asked", Input).value.strip(), self._text.text
        missing = self._missing(question, context)
        if missing:
            self.notify(missing, severity="warning", markup=False)
            return
        self._text.clear_mark()
        for name, answerer in self._answerers.items():
            self._panel(name).say("asking …")
            answerer.request = answerer.client.ask(question, context, self.app.settings.answers)

    def _missing(self, question: str, context: str) -> str:
        if not self._answerers:
            return "No model to ask: F4 chooses one"
        if not context.strip():
            return "No context to look in: type or paste one, or F3 loads a sample"
        return "" if question else "No question: type one"

    def action_sample(self) -> None:
        """Load a sample; the next time another one."""
        self._load_sample(self._sample_number)
        self._sample_number += 1

    @work(thread=True, exit_on_error=False, exclusive=True, group="sample")
    def _load_sample(self, number: int) -> None:
        self.app.call_from_thread(self._show_sample, sample(number))

    def _show_sample(self, found: Sample) -> None:
        self._sample = found
        self._text.text = found.context
        asked = self.query_one("#asked", Input)
        asked.value = found.question
        asked.cursor_position = len(found.question)
        expected = plain(" / ".join(found.answers)) or "no answer"
        self.query_one(TitleBar).show((Piece("people answered: ", "muted"), Piece(expected[:60], "mark")))
        for name, answerer in self._answerers.items():
            answerer.request = None
            if self._panel(name).answered:
                self._panel(name).say("Enter asks it")

    # what the models say

    @on(ModelReady)
    def _greet(self, message: ModelReady) -> None:
        answerer = self._answerers.get(message.client)
        if answerer is None:
            return
        greeting = message.greeting
        answerer.facts = [fact for fact in (size(greeting.size_bytes), answerer.deployed.note) if fact]
        self._show_titles()
        panel = self._panel(message.client)
        if answerer.request is None:
            window = f" It reads {greeting.window} tokens at once." if greeting.window else ""
            panel.say(f"Ready.{window}")

    @on(QuestionAnswered)
    def _answer(self, message: QuestionAnswered) -> None:
        answerer = self._answerers.get(message.client)
        if answerer is not None and answerer.request == message.request:
            self._panel(message.client).show(message.answered)

    @on(QuestionFailed)
    def _fail(self, message: QuestionFailed) -> None:
        answerer = self._answerers.get(message.client)
        if answerer is not None and message.request in (None, answerer.request):
            self._panel(message.client).say(message.reason, failed=True)

    @on(CandidateList.Chosen)
    def _mark(self, message: CandidateList.Chosen) -> None:
        focused = self.focused
        other_has_focus = isinstance(focused, CandidateList) and focused is not message.panel
        second_without_focus = message.panel.id == "second" and focused is not message.panel
        if not (other_has_focus or second_without_focus):
            self._text.mark(message.candidate.start, message.candidate.end)

    @on(TextArea.Changed, "#context")
    def _forget_mark(self) -> None:
        self._text.clear_mark()

    # around

    def action_back(self) -> None:
        if isinstance(self.focused, (Input, TextArea)):
            self._panel("first").focus()
        else:
            self.dismiss()

    def _panel(self, name: str) -> CandidateList:
        return self.query_one(f"#{name}", CandidateList)

    @property
    def _text(self) -> ContextArea:
        return self.query_one("#context", ContextArea)
