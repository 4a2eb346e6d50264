"""``python -m sqa_tui``."""

import sys

from sqa_tui.cli import main

if __name__ == "__main__":
    sys.exit(main())
