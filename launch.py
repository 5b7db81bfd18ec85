"""Encore's launcher: `python launch.py --help`."""

import sys

from research.engine.environment import settle_environment

if __name__ == "__main__":
    note = settle_environment()
    from research.cli.main import main

    sys.exit(main(sys.argv[1:], note))
