from research.cli.commands.list import COMMAND as L

COMMAND = L._replace(name="prepare")
