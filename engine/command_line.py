"""The command lines of the engine's programs: a mistake is one line, as everywhere."""

from __future__ import annotations

import argparse
from typing import NoReturn

from engine.errors import UserError, plain


class Parser(argparse.ArgumentParser):
    """Reports a mistake as an error of the user instead of printing its usage; call it inside `run_program`."""

    def error(self, message: str) -> NoReturn:
        raise UserError(plain(message, 300), f"{self.prog} --help lists what there is")
