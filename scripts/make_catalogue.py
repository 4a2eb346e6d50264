"""Write the zoo's catalogue (``engine/zoo/catalogue.jsonl``) from a file of collected facts.

    python scripts/make_catalogue.py FACTS.json

FACTS.json is a list of records as they were collected from public documents; what the application shows is kept,
one record a line, so that a change can be reviewed. Records of what no document names publicly are left out and said:
nobody could ask for them (of the first collection that is one backbone, known only as a folder's name in a script).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from engine.zoo.catalogue import FILE
from engine.zoo.stubs import normalise


def record(fact: dict[str, Any]) -> dict[str, Any]:
    """One line of the catalogue; fields without a value are left out."""
    stub = fact["stub"] or fact["stub_v2"]
    sizes = (fact["architecture"], fact["sub_architecture"])
    kept = {
        "id": normalise(stub) if stub else fact["hf_repo"],
        "name_stub": fact["stub_v2"] if fact["stub_v2_attested"] else None,
        "task": fact["task"],
        "architecture": "-".join(size for size in sizes if size and size != "none"),
        "layers": fact["layers"],
        "dataset": fact["dataset"],
        "sparsity": fact["sparsity_pct"],
        "sparsity_from": fact["facts_basis"]["sparsity_pct"],
        "structure": fact["structure"],
        "structure_from": fact["facts_basis"]["structure"],
        "quantised": fact["quantised"],
        "quantised_from": fact["facts_basis"]["quantised"],
        "base_model": fact["base_model"],
        "f1": _rounded(fact["f1"]),
        "exact_match": _rounded(fact["em"]),
        "figures_from": fact["f1_em_source"],
        "baseline_f1": fact["dense_baseline_f1"],
        "baseline_from": fact["dense_baseline_source"],
        "size_mb": fact["compressed_size_mb"],
        "recipe_types": fact["recipe_types"],
        "teacher": fact["teacher_role"],
        "speeds": [_with_values(speed) for speed in fact["performance"]],
        "related": [_with_values(result) for result in fact["related_results"]],
        "notes": fact["notes"],
        "conflicts": fact["conflicts"],
        "sources": fact["sources"],
    }
    return _with_values(kept)


def _with_values(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value not in (None, [], "")}


def _rounded(percent: float | None) -> float | None:
    return None if percent is None else round(percent, 3)


def main() -> None:
    """Read the facts, leave out what has no public name, and write the catalogue."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("facts", type=Path)
    facts = json.loads(parser.parse_args().facts.read_text())
    public = [fact for fact in facts if fact["stub"] or fact["stub_v2_attested"] or fact["hf_repo"]]
    hidden = [fact["id"] for fact in facts if fact not in public]
    lines = [json.dumps(record(fact), ensure_ascii=False) for fact in public]
    FILE.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{FILE}: {len(lines)} records; left out, for they have no public name: {', '.join(hidden) or 'none'}")


if __name__ == "__main__":
    main()
