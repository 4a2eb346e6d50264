"""The demo zoo, whole: train both recipes, export all three models, ask and score them; print the table of the README.

    python -m benchmarks.demo [--work DIR] [--readme README.md]

With `--readme` the table replaces what stands between the markers in that file. A model that is in DIR already is not
trained again. Seconds, which depend on the machine, go to stderr.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.zoo import resolve_model
from engine.zoo.demo.publish import TEACHER, train_command

STUB = TEACHER.removesuffix("base-none")
RECIPES = {"pruned": STUB + "pruned80-none", "pruned + int8": STUB + "pruned80_quant-none"}
BEGIN, END = "<!-- demo table: python -m benchmarks.demo -->", "<!-- end of demo table -->"


@dataclass
class Row:
    """One model of the table; EM and F1 in percent on the held-out questions, size in bytes."""

    name: str
    sparsity: float | None
    torch: dict[str, float]
    onnx: dict[str, float]
    size: int


def sqa(*arguments: str) -> tuple[str, float]:
    """Output and seconds of one `sqa-tui` command; its messages go to stderr as they come."""
    print("$ sqa-tui " + " ".join(arguments), file=sys.stderr, flush=True)
    start = time.monotonic()
    command = [sys.executable, "-m", "sqa_tui", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout, time.monotonic() - start


def score(folder: Path) -> dict[str, float]:
    """EM and F1 of a folder on the held-out questions of the demo set."""
    return json.loads(sqa("eval", str(folder), "--dataset_name", "facts", "--json")[0])


def measure(name: str, folder: Path) -> Row:
    """Export `folder` and score it in torch and in ONNX Runtime."""
    report: dict[str, Any] = json.loads(sqa("export", "--model_path", str(folder), "--task", "qa", "--json")[0])
    facts = json.loads((folder / "deployment" / "sqa.json").read_text())
    return Row(
        name=name,
        sparsity=facts.get("sparsity"),
        torch=score(folder),
        onnx=score(folder / "deployment"),
        size=report["size_bytes"],
    )


def train(recipe: str, output: Path) -> None:
    """Train with a demo recipe, by the command its card names."""
    words = [word for word in train_command(recipe)[1:] if word != "--export"]
    seconds = sqa(*words, "--output_dir", str(output))[1]
    print(f"  trained and evaluated in {seconds:.0f} s on {cores()} cores", file=sys.stderr)


def table(rows: list[Row]) -> str:
    """The rows as Markdown, recovery against the first."""
    lines = [
        "| model | sparsity | EM | F1 | F1 in ONNX | of the teacher's F1 | ONNX file |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        sparsity = f"{100 * row.sparsity:.1f} %" if row.sparsity else "–"
        f1 = row.torch["f1"]
        recovery = f"{100 * f1 / rows[0].torch['f1']:.1f} %"
        lines.append(
            f"| {row.name} | {sparsity} | {row.torch['exact_match']:.2f} | {f1:.2f} | {row.onnx['f1']:.2f} "
            f"| {recovery} | {row.size / 1e6:.2f} MB |"
        )
    return "\n".join(lines)


def write_readme(readme: Path, text: str) -> None:
    """Put `text` between the markers of `readme`."""
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="where the models go (default: a temporary folder)")
    parser.add_argument("--readme", type=Path, help="the file whose table is replaced")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="sqa-demo-"))
    teacher = work / "dense"
    shutil.copytree(resolve_model(TEACHER), teacher, dirs_exist_ok=True)
    rows = [measure("dense (the teacher)", teacher)]
    for name, recipe in RECIPES.items():
        output = work / name.replace(" + ", "-")
        if not (output / "config.json").is_file():
            train(recipe, output)
        rows.append(measure(name, output))
    text = f"{table(rows)}\n\nMeasured with `python -m benchmarks.demo`."
    print(text)
    if options.readme:
        write_readme(options.readme, text)
    if options.work is None:
        shutil.rmtree(work)
    return 0


def cores() -> int:
    """Processors this process may use."""
    import os

    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    sys.exit(main())
