"""The two grammars of SparseZoo stubs: parse, print, normalise.

A path stub reads
``zoo:domain/sub_domain/architecture[-sub_architecture]/framework/repo/dataset[-training_scheme]/tag``,
a name stub ``zoo:architecture[-sub_architecture]-source_dataset[-training_dataset]-tag``.
Either may end with parameters, ``?recipe_type=transfer&…``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

import msgspec

from engine.errors import UserError, plain
from engine.zoo.names import check_length

PREFIX = "zoo:"
PARAMETERS = ("recipe", "recipe_type", "checkpoint", "deployment")

_PART = r"[A-Za-z0-9_.]+"
_PATH = re.compile(
    rf"(?P<domain>{_PART})/(?P<sub_domain>{_PART})/(?P<architecture>{_PART})(-(?P<sub_architecture>{_PART}))?"
    rf"/(?P<framework>{_PART})/(?P<repo>{_PART})/(?P<dataset>{_PART})(-(?P<training_scheme>{_PART}))?"
    rf"/(?P<tag>{_PART}(-{_PART})*)"
)
_NAME = re.compile(
    rf"(?P<architecture>{_PART})(-(?P<sub_architecture>{_PART}))?-(?P<dataset>{_PART})"
    rf"(-(?P<training_dataset>{_PART}))?-(?P<tag>{_PART})"
)
_EXAMPLE = "zoo:nlp/question_answering/bert-base/pytorch/huggingface/squad/pruned90-none"


class Stub(msgspec.Struct, frozen=True, kw_only=True):
    """One stub in parts; a name stub has no domain, sub-domain, framework, repo and training scheme.

    `tag` is the sparse tag: of a path stub ``name-category[-target]``, as in ``pruned80_quant-none-vnni``.
    """

    architecture: str
    dataset: str
    tag: str
    sub_architecture: str | None = None
    domain: str | None = None
    sub_domain: str | None = None
    framework: str | None = None
    repo: str | None = None
    training_scheme: str | None = None
    training_dataset: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def is_path(self) -> bool:
        """Whether this is a path stub (else a name stub)."""
        return self.domain is not None

    @property
    def identity(self) -> str:
        """What the stub names, without prefix and parameters: also its folder in a local zoo."""
        architecture = _joined(self.architecture, self.sub_architecture)
        if not self.is_path:
            return "-".join([architecture, _joined(self.dataset, self.training_dataset), self.tag])
        dataset = _joined(self.dataset, self.training_scheme)
        parts = [self.domain, self.sub_domain, architecture, self.framework, self.repo, dataset, self.tag]
        return "/".join(part for part in parts if part is not None)

    @property
    def bare(self) -> str:
        """The stub with its prefix and without parameters."""
        return PREFIX + self.identity

    def parameter(self, key: str) -> str | None:
        """The value of one parameter, None where it is not given."""
        return dict(self.parameters).get(key)

    def __str__(self) -> str:
        query = "&".join(f"{key}={value}" for key, value in self.parameters)
        return f"{self.bare}?{query}" if query else self.bare


def is_stub(text: str) -> bool:
    """Whether `text` is meant as a stub: only the prefix makes it one, for many folder names fit the grammar too."""
    return text.strip().lower().startswith(PREFIX)


def parse_stub(text: str, known: Iterable[str] = ()) -> Stub:
    """The parts of a stub of either grammar; the prefix may be missing.

    Args:
        text: The stub as a user wrote it.
        known: Stubs that exist; the error names the nearest of them.

    Raises:
        UserError: `text` fits neither grammar or has parameters that do not exist.
    """
    check_length(text)
    body = text.strip().rstrip("/")
    body = body[len(PREFIX) :] if is_stub(body) else body
    identity, *queries = body.split("?")
    match = _PATH.fullmatch(identity) or _NAME.fullmatch(identity)
    if match is None or len(queries) > 1:
        raise UserError(f"not a zoo stub: {plain(text)}", nearest_hint(text, known) or f"a stub looks like {_EXAMPLE}")
    return Stub(**match.groupdict(), parameters=_parameters(queries[0], text) if queries else ())


def normalise(text: str) -> str:
    """The one way to write a stub: prefix, no blanks, underscores in domain, sub-domain and parameter names."""
    stub = parse_stub(_underscored(text.strip()))
    return str(stub)


def nearest_hint(text: str, known: Iterable[str]) -> str:
    """``did you mean X, Y or Z?`` with the nearest known stubs, the best first, or an empty string."""
    *others, last = nearest(text, known) or [""]
    named = f"{', '.join(others)} or {last}" if others else last
    return f"did you mean {named}?" if named else ""


def nearest(text: str, known: Iterable[str], count: int = 3, likeness: float = 0.7) -> list[str]:
    """Those of `known` that are spelt like a stub, the best first; a `likeness` of 1 is the same text."""
    bare = text.strip().split("?")[0]
    return difflib.get_close_matches(bare if is_stub(bare) else PREFIX + bare, list(known), n=count, cutoff=likeness)


def _underscored(text: str) -> str:
    """Hyphens of the task (``question-answering``) as underscores, where there are enough parts for a path."""
    prefix, body = (text[: len(PREFIX)], text[len(PREFIX) :]) if is_stub(text) else ("", text)
    parts = body.split("/")
    if len(parts) > 2:
        parts[:2] = [part.replace("-", "_") for part in parts[:2]]
    return prefix.lower() + "/".join(parts)


def _parameters(query: str, text: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.split("=") for part in query.split("&")]
    keys = [pair[0].replace("-", "_") for pair in pairs]
    wrong = next((key for key, pair in zip(keys, pairs, strict=True) if len(pair) != 2 or key not in PARAMETERS), None)
    if wrong is not None or any(not pair[1] for pair in pairs):
        raise UserError(
            f"cannot read the parameters of the stub {plain(text)}",
            f"known are {', '.join(PARAMETERS)}, as in ?recipe_type=transfer",
        )
    return tuple((key, pair[1]) for key, pair in zip(keys, pairs, strict=True))


def _joined(first: str, second: str | None) -> str:
    return f"{first}-{second}" if second is not None else first
