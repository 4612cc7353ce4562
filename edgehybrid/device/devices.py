"""Names of boards: a JSON file in the user's configuration, name → address."""

import json
import os
import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from edgehybrid.device.ssh import SshTransport, parse_address
from edgehybrid.device.transport import LOCAL, LocalTransport, Transport
from edgehybrid.errors import EdgehybridError, UsageError, did_you_mean
from edgehybrid.files import make_folder, write_atomically

DEVICES_VARIABLE = "EDGEHYBRID_DEVICES"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")


class Device(BaseModel):
    """A board.

    Attributes:
        address: ``ssh://[user@]host[:port]``.
        emulated: its time is no latency, whatever it says of itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    address: str
    emulated: bool = False


_DEVICES = TypeAdapter(dict[str, Device])


def devices_file() -> Path:
    """Where the names are kept: ``EDGEHYBRID_DEVICES``, or the user's folder of settings."""
    if named := os.environ.get(DEVICES_VARIABLE):
        return Path(named)
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "edgehybrid" / "devices.json"


def read_devices() -> dict[str, Device]:
    """Name → device; empty where none was added.

    Raises:
        EdgehybridError: the file is damaged.
    """
    path = devices_file()
    try:
        return _DEVICES.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        raise EdgehybridError(
            f"The file of devices cannot be read: {str(error).splitlines()[0]}.",
            received=path,
            next_step="Mend or remove it, and add the boards again.",
        ) from error


def add_device(name: str, address: str, emulated: bool, overwrite: bool) -> Device:
    """Keeps a name.

    Raises:
        UsageError: no name, no address.
        EdgehybridError: the name is taken, or the file cannot be written.
    """
    if _NAME.fullmatch(name) is None or name == LOCAL:
        raise UsageError(
            "This is no name for a device.",
            received=name,
            allowed="letters, digits, '.', '_' and '-', and not 'local', which is this machine",
        )
    parse_address(address)
    known = read_devices()
    if name in known and not overwrite:
        raise EdgehybridError(
            "The name is taken.",
            received=f"{name}: {known[name].address}",
            next_step="Choose another name, or add --overwrite.",
        )
    device = Device(address=address, emulated=emulated)
    _write({**known, name: device})
    return device


def forget_device(name: str) -> None:
    """Drops a name, if it is one: an address may have none."""
    known = read_devices()
    if known.pop(name, None) is not None:
        _write(known)


def find_device(name_or_address: str) -> Device:
    """The device of a name or an address.

    Raises:
        UsageError: neither.
    """
    if name_or_address == LOCAL:
        return Device(address=LOCAL)
    if "://" in name_or_address:
        parse_address(name_or_address)
        return Device(address=name_or_address)
    known = read_devices()
    if name_or_address in known:
        return known[name_or_address]
    raise UsageError(
        "There is no such device.",
        received=name_or_address,
        allowed=", ".join([LOCAL, *sorted(known), "ssh://[user@]host[:port]"]),
        next_step=did_you_mean(name_or_address, known) or "Add it: edgehybrid devices add NAME ssh://[user@]host",
    )


def open_transport(device: Device) -> Transport:
    """A way to a device; nothing is connected yet."""
    return LocalTransport() if device.address == LOCAL else SshTransport(device.address)


def _write(devices: dict[str, Device]) -> None:
    path = devices_file()
    content = {name: device.model_dump() for name, device in sorted(devices.items())}
    try:
        make_folder(path.parent, exist_ok=True)
        write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
    except OSError as error:
        raise EdgehybridError(f"The file of devices cannot be written: {error}.", received=path) from error
