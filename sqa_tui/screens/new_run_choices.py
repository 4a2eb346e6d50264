"""What a new run can be made of: the zoo's entries as choices, with what is known about each."""

from __future__ import annotations

from collections.abc import Callable

from engine.zoo import Entry, find_entry, list_entries
from sqa_tui.screens.pick import Choice
from sqa_tui.screens.recipe_choices import own_choices

DATA = (
    Choice("facts", "facts", "invented people, places and events; bundled"),
    Choice("squad", "squad", "SQuAD 1.1 from the Hugging Face hub"),
    Choice("squad_v2", "squad_v2", "SQuAD 2.0 from the Hugging Face hub, with questions that have no answer"),
)
NO_TEACHER = Choice("", "no teacher", "the recipe decides; a distilling one needs a teacher")
NO_RECIPE = Choice("", "no recipe", "dense training")


def model_choices() -> list[Choice]:
    """Models, those on this machine first. Reads the disk."""
    return _choices(lambda entry: entry.has_model)


def recipe_choices() -> list[Choice]:
    """The user's own recipes, then the zoo's, those on this machine first. Reads the disk."""
    return [NO_RECIPE, *own_choices(), *_choices(lambda entry: entry.has_recipe)]


def teacher_choices() -> list[Choice]:
    """Teachers, those on this machine first. Reads the disk."""
    words = [Choice("self", "self", "the model before it is pruned"), Choice("disable", "disable", "do not distil")]
    return [NO_TEACHER, *words, *_choices(lambda entry: entry.has_teacher)]


def data_choices() -> list[Choice]:
    """Data sets that need no file."""
    return list(DATA)


def _choices(usable: Callable[[Entry], bool]) -> list[Choice]:
    entries = sorted(list_entries(), key=lambda entry: not usable(entry))
    return [Choice(entry.stub, entry.title, _note(entry, usable(entry)), not usable(entry)) for entry in entries]


def _note(entry: Entry, usable: bool) -> str:
    score = f"F1 {entry.f1:.1f} ({entry.figures_from or 'source unknown'})" if entry.f1 is not None else ""
    return "  ".join(word for word in (score if usable else entry.note, entry.source) if word)


def describe(source: str) -> str:
    """What the zoo knows of a model, recipe or teacher; nothing for a path or hub id. Reads the disk."""
    entry = find_entry(source) if source else None
    return entry.title if entry else ""
