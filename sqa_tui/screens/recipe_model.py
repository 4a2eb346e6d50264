"""What the recipe does to a model that was named: asked in the background, thrown away at the next change."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from textual import work

from engine.errors import UserError, plain
from engine.recipes.inspection import Request
from engine.zoo import resolve_model
from sqa_tui.formatting import short_name
from sqa_tui.recipe_inspection import findings_of, summary
from sqa_tui.recipe_reading import Finding, Reading, worst_first
from sqa_tui.screens.new_run_choices import model_choices
from sqa_tui.screens.pick import Choice, PickScreen, pick
from sqa_tui.screens.recipe_keeping import Keeping
from sqa_tui.watchers.model_inspector import Command, inspect, inspection_command

QUIET_SECONDS = 0.7
"""So long nothing changes before the engine's program is started: it takes seconds of a core."""
INSPECT = "inspect"
NO_MODEL = Choice("", "no model", "the recipe by itself")


class Inspecting(Keeping):
    """The part of the Recipe screen that looks at a model."""

    inspection_command: Command = staticmethod(inspection_command)
    model_findings: tuple[Finding, ...] = ()
    """What was found with the model for the recipe as it stands."""
    model_note: str = ""
    """What is known of the model, or that it is being looked at."""

    @property
    def shown(self) -> Reading:
        """What is known of the recipe, by itself and for the model, the worst first."""
        reading = self.reading or Reading()
        return replace(reading, findings=worst_first((*reading.findings, *self.model_findings)))

    def show_findings(self) -> None:
        """Show what is known now."""
        raise NotImplementedError

    def forget_model(self) -> None:
        """Nothing found so far holds any more."""
        self.model_findings, self.model_note = (), ""

    def inspect_soon(self) -> None:
        """Look at the model, if there is one, when nothing changes for a while."""
        self.forget_model()
        self.workers.cancel_group(self, INSPECT)  # pyright: ignore[reportUnknownMemberType]
        if self.fields.model and self.reading and self.reading.course:
            self._inspect(self.reading, self.fields.model)

    @work(exit_on_error=False, group=INSPECT)
    async def _inspect(self, reading: Reading, model: str) -> None:
        await asyncio.sleep(QUIET_SECONDS)
        self.model_note = f"looking at {short_name(model)} …"
        self.show_findings()
        try:
            path = await asyncio.to_thread(resolve_model, model)
            seen = await inspect(str(path), self._request(reading), self.inspection_command)
        except (UserError, RuntimeError) as error:
            self.model_note = short_name(model)
            self.model_findings = (Finding("warning", 0, 0, plain(str(error))),)
        else:
            self.model_note = summary(seen)
            self.model_findings = findings_of(seen)
        self.show_findings()

    def _request(self, reading: Reading) -> Request:
        question = self.fields.question(self.text, self.document.markdown)
        steps = question.steps_per_epoch if self.fields.steps else None
        arguments = reading.arguments or None
        return Request(text=self.text, recipe_args=arguments, steps_per_epoch=steps, epochs=question.epochs)

    async def ask_model(self, offered: str) -> str | None:
        """Let a model be chosen; `offered` is the one that is likely meant."""
        likely = [Choice(offered, short_name(offered), "the model of the new run")] if offered else []
        current = self.fields.model or offered

        def picker(known: Sequence[Choice]) -> PickScreen:
            choices = [NO_MODEL, *likely, *(choice for choice in known if choice.value != offered)]
            return PickScreen("model", choices, current=current, free="a folder, a zoo: stub or a Hugging Face id")

        return await pick(self.app, model_choices, picker)
