"""`python -m benchmarks [NAME …]`: run all quick benchmarks, or those named; each prints its own figures."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

NEED_ARGUMENTS = {"accuracy", "real_squad", "resume", "tokenise", "training", "training_job", "whole_job"}
"""Left out unless called by themselves: they need data that is not in the repository, or many minutes."""


def main() -> int:
    here = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    quick = [name for name in here if name != "__main__" and name not in NEED_ARGUMENTS]
    wanted = sys.argv[1:] or quick
    unknown = sorted(set(wanted) - set(quick))
    if unknown:
        print(f"error: no benchmark {', '.join(unknown)}; there are {', '.join(quick)}", file=sys.stderr)
        return 2
    codes: list[int] = []
    for name in wanted:
        print(f"== {name}", flush=True)
        sys.argv = [name]
        codes.append(importlib.import_module(f"benchmarks.{name}").main() or 0)
    return max(codes, default=0)


if __name__ == "__main__":
    sys.exit(main())
