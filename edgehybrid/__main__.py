"""``python -m edgehybrid`` is the command ``edgehybrid``."""

from edgehybrid.cli import main

main(prog_name="edgehybrid")
