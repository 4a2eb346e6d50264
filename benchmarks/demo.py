"""The demo zoo, whole: train both recipes, export all three models, ask and score them; print the table of the README.

    python -m benchmarks.demo [--work DIR] [--readme README.md]

With `--readme` the table replaces what stands between the markers in that file.
"""

from __future__ import annotations

import argparse
import json
import platform
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
    """One model of the table; EM and F1 in percent on the held-out questions, sizes in bytes, time in seconds."""

    name: str
    sparsity: float | None
    torch: dict[str, float]
    onnx: dict[str, float]
    size: int
    latency_ms: float | None
    difference: float
    training: float | None


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


def measure(name: str, folder: Path, training: float | None) -> Row:
    """Export `folder` and score it in torch and in ONNX Runtime."""
    report: dict[str, Any] = json.loads(sqa("export", "--model_path", str(folder), "--task", "qa", "--json")[0])
    facts = json.loads((folder / "deployment" / "sqa.json").read_text())
    return Row(
        name=name,
        sparsity=facts.get("sparsity"),
        torch=score(folder),
        onnx=score(folder / "deployment"),
        size=report["size_bytes"],
        latency_ms=(facts.get("latency") or {}).get("median_ms"),
        difference=report["difference"],
        training=training,
    )


def train(recipe: str, output: Path) -> float:
    """Train with a demo recipe, by the command its card names; seconds from the command to its end."""
    words = [word for word in train_command(recipe)[1:] if word != "--export"]
    return sqa(*words, "--output_dir", str(output))[1]


def table(rows: list[Row]) -> str:
    """The rows as Markdown, recovery against the first."""
    lines = [
        "| model | sparsity | EM | F1 | F1 in ONNX | recovery | ONNX file | one question | training |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        sparsity = f"{100 * row.sparsity:.1f} %" if row.sparsity else "–"
        latency = f"{row.latency_ms:.1f} ms" if row.latency_ms else "–"
        training = f"{row.training:.0f} s" if row.training else "–"
        f1 = row.torch["f1"]
        recovery = f"{100 * f1 / rows[0].torch['f1']:.1f} %"
        lines.append(
            f"| {row.name} | {sparsity} | {row.torch['exact_match']:.2f} | {f1:.2f} | {row.onnx['f1']:.2f} "
            f"| {recovery} | {row.size / 1e6:.2f} MB | {latency} | {training} |"
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
    shutil.copytree(resolve_model(TEACHER), teacher)
    rows = [measure("dense (the teacher)", teacher, None)]
    for name, recipe in RECIPES.items():
        output = work / name.replace(" + ", "-")
        rows.append(measure(name, output, train(recipe, output)))
    text = f"{table(rows)}\n\nMeasured with `python -m benchmarks.demo` on {platform.machine()}, {cores()} cores."
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
