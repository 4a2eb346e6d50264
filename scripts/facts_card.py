"""The card of the facts teacher: what it is, what it is not, how it was made and what was measured."""

from __future__ import annotations

import argparse
from typing import Any


def write_card(options: argparse.Namespace, model: Any, scores: dict[str, float], seconds: float) -> None:
    pass
