"""What is said about text that is no YAML, and where it begins."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

BROKEN = "broken YAML: "
"""How every message begins that says where text is no YAML."""

_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BREAKS = str.maketrans({"\x85": " ", "\u2028": " ", "\u2029": " "})
"""Line breaks of YAML 1.1 that are none in 1.2, nor in editors."""
_BEGUN = ("flow", "quoted scalar", "simple key")
"""Parts of a context that say what was begun and never ended: the place to mend is where it begins."""

_SUGGESTIONS = {
    "mapping values are not allowed": "check the indentation, or quote text that holds ': '",
    "cannot start any token": "quote text that begins with @, ` or %, and indent by spaces, not tabs",
    "could not find expected ':'": "a line is 'name: value' or '- value'",
    "expected <block end>": "check the indentation of this line and of those before it",
    "expected '-' indicator": "check the indentation of this line and of those before it",
    "expected ',' or ']'": "close the list with ]",
    "expected ',' or '}'": "close the mapping with }",
    "unexpected end of stream": "close the quotes",
    "<document start>": "a line is 'name: value' or '- value'",
    "found a tab character": "use spaces",
}


class BrokenError(Exception):
    """Text that cannot be read from `line` on; `about`: the name that is missing, `final`: the rest need not be
    tried.

    Where the text is no YAML, `began` is the line where that begins which was being read, and `seen` the one where
    it could not be read on; 0 for what YAML allows and a recipe does not.
    """

    began = 0
    seen = 0

    def __init__(self, message: str, line: int = 0, column: int = 0, *, about: str = "", final: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.about = about
        self.final = final or not line
        self.suggestion = next((said for part, said in _SUGGESTIONS.items() if part in message), "")


def broken(error: yaml.YAMLError) -> BrokenError:
    """What a YAML parser says, at the place to look at."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return BrokenError(f"{BROKEN}{str(error).splitlines()[0]}")
    problem, context = error.problem_mark, error.context_mark
    mark = problem or context
    if problem and context and context.line < problem.line and any(word in str(error.context) for word in _BEGUN):
        mark = context
    said = f"{BROKEN}{error.problem}{f' ({error.context})' if error.context else ''}"
    slip = BrokenError(said, mark.line + 1, mark.column + 1) if mark else BrokenError(said)
    slip.began, slip.seen = (context.line + 1 if context else 0), (problem.line + 1 if problem else slip.line)
    return slip


def with_line_breaks(text: str) -> str:
    """The text with one kind of line break."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_BREAKS)


def unreadable(text: str) -> Iterator[tuple[int, int, str]]:
    """Line, column and name of every character that YAML does not allow."""
    for found in _UNREADABLE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield line, found.start() - text.rfind("\n", 0, found.start()), f"U+{ord(found[0]):04X}"


def readable(text: str) -> str:
    """The text with blanks in place of such characters."""
    return _UNREADABLE.sub(" ", text)
