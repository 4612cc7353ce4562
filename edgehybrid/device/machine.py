"""A device that can be measured on, for as long as it is needed.

That the runner is missing is said before anything is converted for the device.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from edgehybrid.device.board import Board, examine
from edgehybrid.device.devices import find_device, open_transport
from edgehybrid.device.installation import refuse_if_absent
from edgehybrid.device.transport import LOCAL, Transport


class Machine(NamedTuple):
    """A device that was reached.

    Attributes:
        device: as the user named it.
        emulated: its time is no latency.
    """

    device: str
    transport: Transport
    board: Board
    emulated: bool


@contextmanager
def reached(device: str) -> Iterator[Machine]:
    """A device for the time of the block.

    Raises:
        UsageError: no such device.
        TransportError: it cannot be reached.
        EdgehybridError: the runner is not installed there.
    """
    found = find_device(device)
    transport = open_transport(found)
    try:
        board = examine(transport)
        if transport.address != LOCAL:
            refuse_if_absent(transport, board)
        yield Machine(device, transport, board, found.emulated or board.facts.emulator is not None)
    finally:
        transport.close()
