"""``edgehybrid devices``."""

import click

from edgehybrid.console.commands import Commands, emit
from edgehybrid.console.options import json_option, overwrite_option
from edgehybrid.console.tables import text_table


@click.group(cls=Commands, short_help="Name boards, check them, and set them up for measuring.")
def devices() -> None:
    """Name boards, check them, and set them up for measuring.

    \b
    add NAME ssh://… → check → setup → edgehybrid benchmark --device NAME
    """


@devices.command(name="add", short_help="Give a board a name.")
@click.argument("name")
@click.argument("address")
@click.option("--emulated", is_flag=True, help="An emulator: its time never counts as latency.")
@overwrite_option
@json_option
def add(name: str, address: str, emulated: bool, overwrite: bool, as_json: bool) -> None:
    """Give the board at ADDRESS, ssh://[user@]host[:port], a NAME."""
    from edgehybrid.device.devices import add_device, devices_file

    device = add_device(name, address, emulated, overwrite)
    emit(
        {"name": name, **device.model_dump()},
        as_json,
        f"{name}: {address}, in {devices_file()}\nNext: edgehybrid devices setup {name}",
    )


@devices.command(name="list", short_help="List the named boards.")
@json_option
def list_devices(as_json: bool) -> None:
    """List the named boards."""
    from edgehybrid.device.devices import read_devices

    known = read_devices()
    rows = [(name, device.address, "emulated" if device.emulated else "") for name, device in known.items()]
    text = text_table(("name", "address", ""), rows) if rows else "No boards yet: edgehybrid devices add NAME ssh://…"
    emit({"results": [{"name": name, **device.model_dump()} for name, device in known.items()]}, as_json, text)


@devices.command(name="check", short_help="Show what a board is, and what it lacks.")
@click.argument("device")
@json_option
@click.pass_context
def check(ctx: click.Context, device: str, as_json: bool) -> None:
    """Show what a board is, and what it lacks. Exit status 1 if it lacks something."""
    from edgehybrid.device.board import examine
    from edgehybrid.device.devices import find_device, open_transport
    from edgehybrid.device.installation import installed_manifest
    from edgehybrid.device.transport import LOCAL

    transport = open_transport(find_device(device))
    try:
        board = examine(transport)
        is_local = transport.address == LOCAL
        installed = {"edgehybrid": "this one"} if is_local else installed_manifest(transport, board)
    finally:
        transport.close()
    missing = board.missing()
    runner = None if installed is None else installed.get("edgehybrid")
    told = {**board.facts.model_dump(mode="json"), **board.state.model_dump(mode="json")}
    lines = [f"{key:24} {_text(value)}" for key, value in told.items()]
    lines.append(f"{'runner':24} {runner or 'not installed: edgehybrid devices setup ' + device}")
    lines += [f"Missing: {what}\n  {next_step}" for what, next_step in missing]
    emit(
        {
            "device": device,
            "address": board.address,
            **told,
            "runner": runner,
            "missing": [{"what": what, "next": next_step} for what, next_step in missing],
        },
        as_json,
        "\n".join(lines),
    )
    ctx.exit(1 if missing else 0)


@devices.command(name="setup", short_help="Install the runner on a board.")
@click.argument("device")
@json_option
def setup(device: str, as_json: bool) -> None:
    """Install the runner on a board: one folder under its user's cache. The board needs no internet."""
    from edgehybrid.device.board import examine
    from edgehybrid.device.devices import find_device, open_transport
    from edgehybrid.device.installation import set_up
    from edgehybrid.device.transport import LOCAL
    from edgehybrid.errors import UsageError

    transport = open_transport(find_device(device))
    if transport.address == LOCAL:
        raise UsageError("This machine needs no setup: edgehybrid itself is the runner.", received=device)
    try:
        board = examine(transport)
        changed = set_up(transport, board)
    finally:
        transport.close()
    emit(
        {"device": device, "address": board.address, "folder": str(board.folder), "changed": changed},
        as_json,
        f"{device}: {'installed' if changed else 'already installed'}, {board.folder} on {board.facts.cpu}",
    )


@devices.command(name="remove", short_help="Remove everything from a board, and forget its name.")
@click.argument("device")
@click.option("--keep-files", is_flag=True, help="Only forget the name, such as that of a board that is gone.")
@json_option
def remove(device: str, keep_files: bool, as_json: bool) -> None:
    """Remove everything that was put on a board, and forget its name."""
    from edgehybrid.device import devices as names
    from edgehybrid.device import installation
    from edgehybrid.device.board import examine
    from edgehybrid.device.transport import LOCAL
    from edgehybrid.errors import UsageError

    found = names.find_device(device)
    if found.address == LOCAL:
        raise UsageError("This machine is no device that can be removed.", received=device)
    if not keep_files:
        transport = names.open_transport(found)
        try:
            installation.remove(transport, examine(transport))
        finally:
            transport.close()
    names.forget_device(device)
    emit({"device": device, "address": found.address, "removed": not keep_files}, as_json, f"{device}: removed")


def _text(value: object) -> str:
    if value is None:
        return "unknown"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
