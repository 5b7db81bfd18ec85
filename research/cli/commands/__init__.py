"""The commands of `launch.py`, one a file, each with a `COMMAND`."""
