"""Encore's launcher: `python launch.py --help`."""

import sys

from research.engine.environment import fix_pool

if __name__ == "__main__":
    note = fix_pool()
    from research.cli.main import main

    sys.exit(main(sys.argv[1:], note))
