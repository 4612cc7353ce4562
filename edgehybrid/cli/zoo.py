"""``edgehybrid zoo``."""

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import json_option


@click.command(short_help="List the trained networks that come along.")
@json_option
def zoo(as_json: bool) -> None:
    """List the trained networks that come with the package, with accuracy, size and modelled energy.

    zoo:NAME stands for a network wherever a model is asked for: edgehybrid benchmark zoo:digits.
    """
    from edgehybrid.console.zoo_text import zoo_text
    from edgehybrid.cost.zoo import zoo_rows

    rows = zoo_rows()
    emit({"results": [row.as_dict() for row in rows]}, as_json, zoo_text(rows))
