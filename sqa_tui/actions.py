"""Every action of the app in one table, which feeds key bindings, footer, help screen, command palette and docs."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding, BindingType

SCREEN_TITLES = {
    "app": "Everywhere",
    "runs": "Runs",
    "new_run": "New run",
    "run": "Run",
    "chart": "A chart of a run",
    "recipe": "Recipe",
    "ask": "Ask",
    "zoo": "Zoo",
    "fields": "The filter fields of the Zoo",
    "card": "A card of the Zoo",
    "sources": "The sources of the Zoo",
    "help": "Help",
    "confirm": "Question",
    "pick": "Choosing",
    "checks": "The checks of a new run",
    "list": "In a list",
}
"""The screens in the order in which help and docs list them, with their titles."""


@dataclass(frozen=True)
class Action:
    """One thing a user can do on one screen; `action_<name>` of that screen (or of the app) does it."""

    id: str
    """`<screen>.<name>`, unique; also the binding's id, by which a keymap may replace the key."""
    key: str
    """Textual key names, the first one is shown."""
    label: str
    """A word or two, for the footer."""
    description: str
    """One sentence without a full stop, for help, palette and docs."""
    footer: bool = True
    """Whether the footer shows it; help and palette always do."""

    @property
    def screen(self) -> str:
        return self.id.split(".", 1)[0]

    @property
    def name(self) -> str:
        return self.id.split(".", 1)[1]

    @property
    def shown_key(self) -> str:
        """The key as people write it."""
        return shown_key(self.key)


ACTIONS: tuple[Action, ...] = (
    Action("app.help", "question_mark,f1", "Help", "Show every key and what it does"),
    Action("app.quit", "q", "Quit", "Leave the app; runs go on without it"),
    Action("app.command_palette", "ctrl+p", "Palette", "Find any action or theme by its name", footer=False),
    Action("app.themes", "f2", "Theme", "Choose the colours", footer=False),
    Action(
        "app.recipes",
        "f8",
        "Recipes",
        "Open a recipe: one of yours, one of the zoo, a file, or a new one",
        footer=False,
    ),
    Action("app.zoo", "f9", "Zoo", "Find models, recipes and teachers, and fetch them", footer=False),
    Action("runs.open", "enter", "Open", "Watch the selected run"),
    Action("runs.new_run", "n", "New run", "Choose model, recipe, teacher and data, check them, and start"),
    Action("runs.ask", "a", "Ask", "Ask the exported model of the selected run a question"),
    Action("runs.recipe", "t", "Recipe", "View the text of the selected run's recipe and what it does", footer=False),
    Action("runs.zoo", "z", "Zoo", "Find models, recipes and teachers, and fetch them"),
    Action("runs.stop", "s", "Stop", "Stop the selected run at a checkpoint, after a question"),
    Action("runs.resume", "r", "Resume", "Let the selected run go on: after a pause, or from its last checkpoint"),
    Action("runs.filter", "slash", "Filter", "Show only runs whose name, state, model or recipe holds some words"),
    Action("runs.clear", "escape", "Clear", "Leave the filter and show every run", footer=False),
    Action("new_run.change", "enter", "Change", "Choose or type this line's value; on the last line, start"),
    Action("new_run.next", "right,space", "Preset", "Fill the form from the next prepared choice"),
    Action("new_run.previous", "left", "Previous preset", "Fill the form from the one before", footer=False),
    Action("new_run.start", "f5,ctrl+g", "Start", "Start the run when every check allows it"),
    Action("new_run.recipe", "t", "Recipe", "View and edit the recipe; it comes back with its variables"),
    Action("new_run.zoo", "z,f9", "Zoo", "Choose model, recipe or teacher among all entries of the zoo"),
    Action("new_run.checks", "v", "View checks", "Show every finding of the checks on the whole screen", footer=False),
    Action("new_run.copy", "y", "Copy", "Copy the equivalent command line to the clipboard"),
    Action("new_run.back", "escape", "Back", "Return to the runs; nothing is started"),
    Action("run.stop", "s", "Stop", "Stop this run at a checkpoint, after a question"),
    Action("run.pause", "p", "Pause", "Pause this run, or let it go on"),
    Action("run.checkpoint", "c", "Checkpoint", "Write a checkpoint now"),
    Action("run.evaluate", "e", "Eval", "Evaluate now on the validation data"),
    Action(
        "run.export",
        "x",
        "Export",
        "Export to ONNX: by the engine while it runs, afterwards from the output",
        footer=False,
    ),
    Action("run.ask", "a", "Ask", "Ask the exported model of this run a question"),
    Action("run.recipe", "t", "Recipe", "View the text of this run's recipe and what it does", footer=False),
    Action("run.maximise", "m", "Zoom", "Give one pane the whole place, or all of them theirs again"),
    Action("run.filter", "slash", "Find", "Show only console lines that hold some words", footer=False),
    Action("run.pane_loss", "1", "Loss", "Show the losses: total, task and distillation", footer=False),
    Action("run.pane_scores", "2", "Scores", "Show F1 and EM beside the teacher's F1", footer=False),
    Action("run.pane_sparsity", "3", "Sparsity", "Show target and real sparsity", footer=False),
    Action("run.pane_rate", "4", "Learning rate", "Show the learning rate", footer=False),
    Action("run.pane_layers", "5", "Layers", "Show the sparsity of every layer over the epochs", footer=False),
    Action("run.pane_speed", "6", "Throughput", "Show samples a second", footer=False),
    Action("run.back", "escape", "Back", "Return to the runs; this one goes on"),
    Action("run.resume", "r", "Resume", "Let this run go on: after a pause, or from its last checkpoint"),
    Action("chart.crosshair_left", "left", "Left", "Read values: move the crosshair left", footer=False),
    Action("chart.crosshair_right", "right", "Right", "Read values: move the crosshair right", footer=False),
    Action("chart.crosshair_far_left", "shift+left", "Far left", "Move the crosshair ten cells left", footer=False),
    Action("chart.crosshair_far_right", "shift+right", "Far right", "Move the crosshair ten cells right", footer=False),
    Action("chart.hide_crosshair", "escape", "Hide", "Take the crosshair away", footer=False),
    Action("chart.logarithmic", "y", "Log axis", "Change between a linear and a logarithmic value axis", footer=False),
    Action("chart.smooth", "w", "Smooth", "Smooth the curves more, then not at all", footer=False),
    Action("recipe.next_problem", "f3", "Problem", "Go to the next problem in the text"),
    Action("recipe.values", "f4", "Values", "Go to epochs, steps and variables, or back to the text"),
    Action("recipe.use", "f5,ctrl+g", "Use", "Take this recipe and its values into the form of a new run"),
    Action("recipe.pane", "f6", "Pane", "Show the next pane; where all are shown, go to the next one"),
    Action("recipe.save", "f7", "Save", "Save the text as one of your recipes, under a name"),
    Action("recipe.change", "enter", "Change", "Edit the selected value, or go to the selected problem", footer=False),
    Action("recipe.reset", "delete,backspace", "Reset", "Give the selected value back to the recipe", footer=False),
    Action("recipe.back", "escape", "Back", "Leave the value, the text, then the screen"),
    Action("ask.ask", "f5,ctrl+g", "Ask", "Ask the question (Enter in its field does the same)"),
    Action("ask.sample", "f3,g", "Sample", "Load another sample question from the validation data"),
    Action("ask.model", "f4,m", "Model", "Choose the exported model that answers"),
    Action("ask.beside", "f6,b", "Beside", "Let a second model answer beside the first, or no longer"),
    Action("ask.back", "escape", "Back", "Leave the field, then the screen"),
    Action("zoo.open", "enter", "Card", "Show everything known of the entry on the whole screen"),
    Action("zoo.words", "slash", "Filter", "Show only entries that fit some words: bert 80 int8 recipe local >=90"),
    Action("zoo.fetch", "d", "Fetch", "Download the entry's files; any number at once"),
    Action("zoo.cancel", "x", "Cancel", "Cancel the entry's download, else the newest one; nothing of it is kept"),
    Action("zoo.model", "m", "Model", "Use the entry as the model of a new run"),
    Action("zoo.recipe", "r", "Recipe", "Use the entry's recipe in a new run"),
    Action("zoo.teacher", "t", "Teacher", "Use the entry as the teacher of a new run"),
    Action("zoo.trio", "3", "Trio", "Use the model with the recipe and teacher that go with it"),
    Action("zoo.fields", "f", "Fields", "Go to the filter fields: architecture, layers, sparsity …"),
    Action("zoo.sort", "s", "Sort", "Sort by the next column"),
    Action("zoo.reverse", "S", "Reverse", "Sort the other way round", footer=False),
    Action("zoo.search", "h", "Hub", "Ask the hub (and a SparseZoo server) for the words of the filter"),
    Action("zoo.view", "v", "View recipe", "View and edit the entry's recipe"),
    Action("zoo.copy", "y", "Copy", "Copy the entry's stub or name to the clipboard"),
    Action("zoo.sources", "i", "Sources", "Show every source, and why one cannot be used"),
    Action("zoo.reload", "f5", "Reload", "Look at every source again", footer=False),
    Action("zoo.back", "escape", "Back", "Leave the filters, then the screen", footer=False),
    Action("fields.left", "left", "Left", "The field before", footer=False),
    Action("fields.right", "right", "Right", "The next field", footer=False),
    Action("fields.next", "down,space", "Next", "The field's next value", footer=False),
    Action("fields.previous", "up", "Previous", "The field's value before", footer=False),
    Action("fields.reset", "delete,backspace", "Any", "Let the field ask for nothing", footer=False),
    Action("fields.leave", "enter,escape", "List", "Return to the list", footer=False),
    Action("card.back", "escape,enter", "Back", "Return to the list"),
    Action("card.copy", "y", "Copy", "Copy the stub or name to the clipboard"),
    Action("sources.ask", "a", "Ask them", "Ask every source whether it can be used; uses the network"),
    Action("sources.back", "escape,i,enter", "Back", "Return to the list"),
    Action("pick.up", "up", "Up", "The choice above", footer=False),
    Action("pick.down", "down", "Down", "The choice below", footer=False),
    Action("pick.cancel", "escape", "Cancel", "Leave it as it was"),
    Action("checks.back", "escape,v,enter", "Back", "Return to the form"),
    Action("help.back", "escape,q,question_mark,f1", "Back", "Close the help"),
    Action("confirm.yes", "y", "Yes", "Do it"),
    Action("confirm.no", "n,escape", "No", "Leave everything as it is"),
    Action("list.up", "up,k", "Up", "The line above", footer=False),
    Action("list.down", "down,j", "Down", "The line below", footer=False),
    Action("list.page_up", "pageup", "Page up", "One page up", footer=False),
    Action("list.page_down", "pagedown", "Page down", "One page down", footer=False),
    Action("list.first", "home", "First", "The first line", footer=False),
    Action("list.last", "end", "Last", "The last line", footer=False),
)


def actions_of(screen: str) -> list[Action]:
    """The actions of one screen in the order of the table."""
    return [action for action in ACTIONS if action.screen == screen]


def bindings_of(screen: str) -> list[BindingType]:
    """The key bindings of one screen: `BINDINGS = bindings_of("runs")`."""
    return [_binding(action) for action in actions_of(screen)]


def bindings_of_app() -> list[BindingType]:
    """The keys that hold everywhere, for a screen whose footer has no room for them at its end."""
    return [_binding(action, "app.") for action in actions_of("app") if action.footer]


def _binding(action: Action, namespace: str = "") -> Binding:
    return Binding(
        action.key,
        f"{namespace}{action.name}",
        action.label,
        show=action.footer,
        key_display=action.shown_key.split(" ")[0],
        tooltip=action.description,
        id=action.id,
    )


_KEY_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "escape": "Esc",
    "enter": "Enter",
    "space": "Space",
    "tab": "Tab",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "left": "←",
    "right": "→",
    "minus": "-",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "up": "↑",
    "down": "↓",
}


def shown_key(key: str) -> str:
    """Textual's names of keys as people write them: `question_mark,f1` is `? F1`."""
    return " ".join(_shown_one(name) for name in key.split(","))


def _shown_one(name: str) -> str:
    if name in _KEY_NAMES:
        return _KEY_NAMES[name]
    if name.startswith("ctrl+"):
        return f"^{name.removeprefix('ctrl+')}"
    return name.upper() if len(name) > 1 and name[0] == "f" and name[1:].isdigit() else name
