"""The last line of a screen: the keys that do something here, and what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from rich.cells import cell_len
from textual import events
from textual.screen import Screen
from textual.signal import Signal

from sqa_tui.actions import shown_key
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.diff_pane import DiffPane
from sqa_tui.widgets.palette import app_of


@dataclass(frozen=True)
class Key:
    """One key of the bar."""

    key: str
    label: str
    action: str
    enabled: bool
    everywhere: bool
    """Whether it is a key of the app, not of this screen."""

    @property
    def width(self) -> int:
        """Cells it takes, with the blank on either side."""
        return cell_len(self.key) + cell_len(self.label) + 3


class KeyBar(DiffPane):
    """Follows the bindings of its screen.

    Textual's Footer is a widget for each key, made anew at every change, and each time the whole screen is painted
    again; here only the cells that differ are.
    """

    DEFAULT_CSS = "KeyBar { dock: bottom; height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._keys: tuple[Key, ...] = ()

    def on_mount(self) -> None:
        super().on_mount()
        changed = cast("Signal[Screen[object]]", self.screen.bindings_updated_signal)  # pyright: ignore[reportUnknownMemberType]
        changed.subscribe(self, self._take_bindings)

    def _take_bindings(self, screen: Screen[object]) -> None:
        keys = _keys_of(screen)
        if keys != self._keys:
            self._keys = keys
            self.redraw()

    def draw(self, width: int, height: int) -> list[CellRow]:
        row, x = CellRow(width), 0
        for key in fitting(self._keys, width):
            names = ("footer-key-foreground", "footer-description-foreground") if key.enabled else ("muted", "muted")
            x = row.put(x + 1, key.key, self.palette.style(names[0], bold=key.enabled))
            x = row.put(x + 1, key.label, self.palette.style(names[1])) + 1
        return [row]

    async def on_click(self, event: events.Click) -> None:
        x = 0
        for key in fitting(self._keys, self.size.width):
            if x <= event.x < x + key.width and key.enabled:
                await app_of(self).run_action(key.action, default_namespace=self.screen)
            x += key.width


def fitting(keys: Sequence[Key], width: int) -> list[Key]:
    """What of `keys` fits: first those that can do nothing now go, then the last ones; the app's own stay."""
    shown = list(keys)
    leaving = [*(key for key in keys if not key.enabled), *(key for key in reversed(keys) if key.enabled)]
    for key in (key for key in leaving if not key.everywhere):
        if sum(key.width for key in shown) <= width:
            break
        shown.remove(key)
    return shown


def _keys_of(screen: Screen[object]) -> tuple[Key, ...]:
    """One key for each action that the screen's bindings show, in their order: where text is typed, none that types."""
    app, found = app_of(screen), dict[str, Key]()
    for node, binding, enabled, _ in screen.active_bindings.values():
        if binding.show and binding.action not in found:
            shown = shown_key(binding.key)
            found[binding.action] = Key(shown, binding.description, binding.action, enabled, node is app)
    return tuple(found.values())
