"""Where runs live, and how a person names one."""

from __future__ import annotations

import difflib
import errno
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from engine.errors import UserError, plain

PRIVATE = 0o700
_RUN_ID = re.compile(r"\d{8}-\d{6}-(?P<slug>.+)")


def home() -> Path:
    """Folder of everything the program keeps: ``$SQA_HOME``, else the platform's user-data folder."""
    configured = os.environ.get("SQA_HOME")
    if configured:
        return Path(configured).expanduser().absolute()
    return Path(platformdirs.user_data_dir("sqa-tui", appauthor=False))


def runs_root() -> Path:
    """Folder that holds one directory a run."""
    return home() / "runs"


def make_private(folder: Path) -> Path:
    """Create `folder`, and the program's own parents of it, for its owner only; what exists is left as it is."""
    for ancestor in (*reversed(folder.parents), folder):
        own = ancestor == folder or ancestor.is_relative_to(home())
        if ancestor.exists() and not ancestor.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(ancestor))
        if not ancestor.exists():
            ancestor.mkdir(mode=PRIVATE if own else 0o777, exist_ok=True)
    return folder


def slug_of(text: str, limit: int = 40) -> str:
    """`text` as a part of a file name: lower-case ASCII letters, digits and single hyphens; never empty."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text.lower())[:limit].strip("-") or "run"


@dataclass(frozen=True)
class RunDirectory:
    """The folder of one run and the names of the files in it; nothing is read or created here."""

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(os.path.abspath(self.path)))

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def slug(self) -> str:
        """The part of the id that a person chose."""
        match = _RUN_ID.fullmatch(self.id)
        return match["slug"] if match else self.id

    @property
    def spec_file(self) -> Path:
        return self.path / "spec.json"

    @property
    def process_file(self) -> Path:
        return self.path / "process.json"

    @property
    def events_file(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def state_file(self) -> Path:
        return self.path / "state.json"

    @property
    def console_file(self) -> Path:
        return self.path / "console.log"

    @property
    def control(self) -> Path:
        return self.path / "control"

    @property
    def outcome_file(self) -> Path:
        return self.path / "outcome.json"

    @property
    def leader_file(self) -> Path:
        return self.path / "rank0.json"

    def rank_console_file(self, rank: int) -> Path:
        return self.path / f"console.{rank}.log"

    @property
    def lock_file(self) -> Path:
        return self.path / "engine.lock"

    @property
    def output(self) -> Path:
        return self.path / "output"


def run_directories(root: Path | None = None) -> list[RunDirectory]:
    """Every run below `root` (default: `runs_root()`), newest id first; what is being created is left out."""
    folder = root or runs_root()
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith(".")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(
            f"cannot read the runs in {folder}: {error.strerror}", "check the folder or set SQA_HOME"
        ) from error
    return [RunDirectory(folder / name) for name in sorted(names, reverse=True)]


def find_run(name: str) -> RunDirectory:
    """The run that `name` means: its id, a path to its directory, a unique beginning of its id, or its unique slug."""
    runs = run_directories()
    for candidates in (
        [run for run in runs if run.id == name],
        [RunDirectory(Path(name))] if name and RunDirectory(Path(name)).spec_file.is_file() else [],
        [run for run in runs if name and run.id.startswith(name)],
        [run for run in runs if run.slug == name],
    ):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise UserError(f"{len(candidates)} runs match '{plain(name)}'", f"one of: {_some(candidates)}")
    raise UserError(f"no run is called '{plain(name)}'", _suggestion(name, runs))


def _some(runs: list[RunDirectory], limit: int = 5) -> str:
    return ", ".join(run.id for run in runs[:limit]) + (", …" if len(runs) > limit else "")


def _suggestion(name: str, runs: list[RunDirectory]) -> str:
    if not runs:
        return f"there are no runs in {runs_root()} yet"
    by_name = {word: run for run in runs for word in (run.slug, run.id)}
    near = [by_name[word] for word in difflib.get_close_matches(name, by_name, n=5, cutoff=0.5)]
    near += [run for run in runs if name and name in run.id]
    unique = list(dict.fromkeys(near))
    return f"did you mean {_some(unique)}?" if unique else f"newest runs: {_some(runs, 3)}"
