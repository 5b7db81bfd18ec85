"""Encore's launcher: `python launch.py --help`."""

import os
import sys

try:
    # First of all, before anything that takes time is imported.
    from research.engine.interrupts import end_on_signals
except KeyboardInterrupt:
    os._exit(75)

if __name__ == "__main__":
    end_on_signals()
    if sys.getfilesystemencoding() != "utf-8":
        # Names and texts of files are UTF-8, whatever the locale is.
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    from research.cli.streams import settle_streams
    from research.engine.environment import settle_environment

    settle_streams()
    note = settle_environment()
    from research.cli.main import main

    sys.exit(main(sys.argv[1:], note))
