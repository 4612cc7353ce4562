"""One file a command: parse, call one stage, print. A stage is imported inside its command."""

import click

from edgehybrid.cli.benchmark import benchmark
from edgehybrid.cli.calibrate import calibrate
from edgehybrid.cli.convert import convert
from edgehybrid.cli.cost import cost
from edgehybrid.cli.demo import demo
from edgehybrid.cli.devices import devices
from edgehybrid.cli.evaluate import evaluate
from edgehybrid.cli.explain import explain
from edgehybrid.cli.predict import predict
from edgehybrid.cli.proxy import proxy
from edgehybrid.cli.prune import prune
from edgehybrid.cli.report import report
from edgehybrid.cli.reproduce import reproduce
from edgehybrid.cli.results import results_command
from edgehybrid.cli.search import search
from edgehybrid.cli.significance import significance
from edgehybrid.cli.train import train
from edgehybrid.cli.zoo import zoo
from edgehybrid.console.commands import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="edgehybrid")
def main() -> None:
    """Hybrid binary networks: from a YAML recipe to a measured row on an ARM board.

    \b
    train RECIPE → convert → evaluate → benchmark → report
    """


for _command in (
    *(train, convert, evaluate, benchmark, zoo, devices, cost, explain),
    *(reproduce, search, significance, prune, calibrate, predict, proxy, results_command, report, demo),
):
    main.add_command(_command)
