"""What a user chooses for a new run, and the command line it stands for."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import UserError
from engine.runs.paths import slug_of
from engine.zoo import is_stub
from engine.zoo.demo.publish import train_command

DEMO = "zoo:nlp/question_answering/bert-demo/pytorch/huggingface/facts/"
SQUAD = "--max_seq_length 384 --doc_stride 128"
"""The windows that published models of SQuAD were trained with."""
SECOND = " --version_2_with_negative"
DATA_SUFFIXES = (".json", ".jsonl", ".csv", ".gz")


@dataclass(frozen=True)
class RunChoices:
    """The form of a new run, every field as typed; an empty one leaves the flag out."""

    model: str = ""
    recipe: str = ""
    variables: str = ""
    teacher: str = ""
    dataset: str = ""
    evaluate_on: str = ""
    epochs: str = ""
    arguments: str = ""
    export: bool = True
    output: str = ""

    def argv(self) -> list[str]:
        """The arguments of `sqa-tui train`.

        Raises:
            UserError: the further arguments have an unclosed quote.
        """
        named = {
            "model_name_or_path": self.model,
            "distill_teacher": self.teacher,
            "recipe": self.recipe,
            "recipe_args": self.variables,
            _data_flag(self.dataset, "train_file"): self.dataset,
            "validation_file": self.evaluate_on,
            "num_train_epochs": self.epochs,
            "output_dir": self.output,
        }
        given = [word for name, value in named.items() if value for word in (f"--{name}", value)]
        return [*given, *self._further(), "--do_train", "--do_eval", *(["--export"] if self.export else [])]

    def command(self) -> str:
        """The equivalent command line, ready to be pasted into a shell."""
        try:
            return shlex.join(["sqa-tui", "train", *self.argv()])
        except UserError as error:
            return str(error)

    def slug(self) -> str:
        """A short name for the run."""
        return run_slug(self.model, self.recipe)

    def _further(self) -> list[str]:
        try:
            return shlex.split(self.arguments)
        except ValueError as error:
            raise UserError(f"arguments: {error}", "close the quote") from error


def run_slug(model: str, recipe: str) -> str:
    """A short name for a run: its model and what `recipe` (may be empty) makes of it."""
    parts = model.split("/")
    name = parts[2] if is_stub(model) and len(parts) > 2 else Path(model).name
    variant = recipe.split("/")[-1].removesuffix("-none") if is_stub(recipe) else Path(recipe).stem
    return slug_of(f"{name} {variant or 'dense'}")


def _data_flag(dataset: str, file_flag: str) -> str:
    path = Path(dataset).expanduser()
    return file_flag if dataset.endswith(DATA_SUFFIXES) or path.is_file() else "dataset_name"


@dataclass(frozen=True)
class Preset:
    """A prepared form."""

    label: str
    note: str
    choices: RunChoices


def demo_choices(stub: str) -> RunChoices:
    """The form that makes a model of the demo zoo: the flags are those the zoo itself names."""
    words = train_command(stub)[2:]
    flags = dict(itertools.pairwise(words))
    own = ("--model_name_or_path", "--distill_teacher", "--recipe", "--dataset_name")
    further: list[str] = []
    for flag, value in flags.items():
        if flag.startswith("--") and flag not in own and not value.startswith("--"):
            further += [flag, value]
    model, teacher, recipe, dataset = (flags[name] for name in own)
    return RunChoices(model, recipe, "", teacher, dataset, arguments=shlex.join(further))


def zoo_choices(fields: Mapping[str, str]) -> RunChoices:
    """A form with some of model, recipe and teacher: on the demo's data where all are the demo's, else on SQuAD."""
    if all(name.startswith(DEMO) for name in fields.values()):
        return replace(presets()[0].choices, **fields)
    second = any("squad_v2" in name for name in fields.values())
    form = RunChoices(dataset="squad_v2" if second else "squad", arguments=SQUAD + (SECOND if second else ""))
    return replace(form, **fields)


def presets() -> tuple[Preset, ...]:
    """The prepared forms, the demo first."""
    return (
        Preset(
            "Demo: prune and quantise",
            "80 % pruned, int8; no network, minutes on 2 cores",
            demo_choices(f"{DEMO}pruned80_quant-none"),
        ),
        Preset("Demo: prune", "80 % pruned; no network", demo_choices(f"{DEMO}pruned80-none")),
        Preset("Own choice", "every line below is yours", RunChoices()),
    )
