"""Settings of observers: what `activation_qconfig_kwargs`, `weight_qconfig_kwargs` and the `kwargs` of a scheme hold.

The names are those of torch's `FakeQuantize` and its observers, which SparseML hands them to; values that are objects
in torch (a dtype, a class) are written as text, with or without `torch.` before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.recipes.modifiers.kinds import BadValueError, Boolean, Gathered, Kind, Number, Settings, Whole, shown
from engine.recipes.problems import did_you_mean

OBSERVERS: dict[str, dict[str, Any]] = {
    "minmaxobserver": {"averaging_constant": None},
    "movingaverageminmaxobserver": {},
    "perchannelminmaxobserver": {"averaging_constant": None, "per_channel": True},
    "movingaverageperchannelminmaxobserver": {"per_channel": True},
}
"""What the name of an observer says; None for the averaging constant: the range only ever widens."""
DTYPES: dict[str, dict[str, Any]] = {"qint8": {"signed": True}, "quint8": {"signed": False}}
SCHEMES: dict[str, dict[str, Any]] = {
    "per_tensor_affine": {"symmetric": False},
    "per_tensor_symmetric": {"symmetric": True},
    "per_channel_affine": {"symmetric": False, "per_channel": True},
    "per_channel_symmetric": {"symmetric": True, "per_channel": True},
}
_WORDS = {"observer": OBSERVERS, "dtype": DTYPES, "qscheme": SCHEMES}


@dataclass(frozen=True)
class _Word:
    """A name of torch's, in any case."""

    choices: Mapping[str, Any]

    def read(self, value: Any) -> str:
        if not isinstance(value, str) or _bare(value) not in self.choices:
            near = did_you_mean(_bare(value), self.choices) if isinstance(value, str) else ""
            known = near or f"known are {', '.join(self.choices)}"
            raise BadValueError(f"cannot be {shown(value)}; {known}")
        return value


SETTINGS: dict[str, Kind] = {
    **{name: _Word(choices) for name, choices in _WORDS.items()},
    "symmetric": Boolean(),
    "reduce_range": Boolean(),
    "averaging_constant": Number(above=0, maximum=1),
    "eps": Number(above=0),
    "quant_min": Whole(minimum=-128, maximum=0),
    "quant_max": Whole(minimum=1, maximum=255),
    "ch_axis": Whole(minimum=0, maximum=0),
}


def _bare(value: str) -> str:
    return value.rpartition(".")[2].lower()


def observer_arguments(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """What `settings` say, by the names `signed symmetric per_channel reduce_range averaging_constant smallest_scale
    limits`; what they leave open is not in it."""
    given = settings or {}
    read = {name: SETTINGS[name].read(value) for name, value in given.items()}
    found: dict[str, Any] = {}
    for name, choices in _WORDS.items():
        found |= choices[_bare(read[name])] if name in read else {}
    found |= {name: read[name] for name in ("symmetric", "reduce_range", "averaging_constant") if name in read}
    if "eps" in read:
        found["smallest_scale"] = read["eps"]
    if "quant_min" in read and "quant_max" in read:
        found["limits"] = (read["quant_min"], read["quant_max"])
    return found


@dataclass(frozen=True)
class ObserverSettings:
    """A mapping of settings, kept as it is written; `channels`: whether a range for each channel is possible, `signed`
    whether integers are signed where the settings do not say."""

    channels: bool = True
    signed: bool | None = None

    def read(self, value: Any) -> dict[str, Any]:
        given = Settings().read(value)
        gathered = Gathered()
        for name, member in given.items():
            with gathered.part(name):
                _check_one(name, member)
        gathered.conclude()
        with gathered.part():
            _check_pairs(given)
        with gathered.part():
            self._check_meaning(observer_arguments(given))
        gathered.conclude()
        return given

    def _check_meaning(self, found: dict[str, Any]) -> None:
        if found.get("per_channel") and not self.channels:
            raise BadValueError("asks for a range for each channel, which only weights can have")
        check_limits(found.get("limits"), found.get("signed", self.signed))


def check_limits(limits: tuple[int, int] | None, signed: bool | None) -> None:
    """`BadValueError` where the integers do not fit into eight bits, signed or not."""
    if limits is None:
        return
    low, high = limits
    fits = {True: high <= 127, False: low >= 0, None: high <= 127 or low >= 0}[signed]
    if not fits:
        raise BadValueError(
            f"holds {low} ... {high}; 8-bit integers are -128 ... 127 (dtype: qint8) or 0 ... 255 (dtype: quint8)"
        )


def _check_one(name: str, value: Any) -> None:
    if name not in SETTINGS:
        near = did_you_mean(name, SETTINGS) or f"known are {', '.join(SETTINGS)}"
        raise BadValueError(f"has an unknown setting {shown(name)}, {near}")
    try:
        SETTINGS[name].read(value)
    except BadValueError as fault:
        raise BadValueError(f"holds {name}, which {fault}") from None


def _check_pairs(given: Mapping[str, Any]) -> None:
    """What is right one by one but cannot be meant together."""
    observer = OBSERVERS.get(_bare(given["observer"])) if "observer" in given else None
    scheme = SCHEMES.get(_bare(given["qscheme"])) if "qscheme" in given else None
    averages = observer is None or "averaging_constant" not in observer
    channels = [named.get("per_channel") for named in (observer, scheme) if named is not None]
    symmetries = {scheme["symmetric"]} if scheme else set[Any]()
    symmetries |= {Boolean().read(given["symmetric"])} if "symmetric" in given else set()
    contradictions = [
        (("quant_min" in given) != ("quant_max" in given), "needs both quant_min and quant_max, or neither", ()),
        (
            "averaging_constant" in given and not averages,
            "has an averaging_constant, but its observer does not average",
            ("averaging_constant",),
        ),
        (len(set(channels)) > 1, "names an observer of channels and a qscheme of whole tensors, or the reverse", ()),
        (
            len(symmetries) > 1,
            "is symmetric by one of qscheme and symmetric, and not by the other",
            ("symmetric",),
        ),
    ]
    gathered = Gathered()
    for holds, said, at in contradictions:
        with gathered.part(*at):
            if holds:
                raise BadValueError(said)
    gathered.conclude()
