"""A float32 flatbuffer → the same network with everything binary as bits: the edits, in their order."""

from collections.abc import Mapping
from typing import NamedTuple

from converters.edits.dense_products import make_dense
from converters.edits.fold_constants import fold_constants
from converters.edits.fold_split_layers import fold_split_layers
from converters.edits.fold_vectors import fold_vectors
from converters.edits.pack_layers import NotPacked, Packable, examine, pack_layers
from converters.edits.pack_pools import pack_pools
from converters.edits.short_names import shorten_names
from converters.edits.thresholds import fuse_thresholds
from converters.edits.unpack_signs import unpack_signs
from converters.graph_file import flatbuffer_of, graph_of
from converters.taps import Tap, taps_of


class Packed(NamedTuple):
    """A packed flatbuffer.

    Attributes:
        content: its bytes.
        left: layers that have something binary about them and stay in float32.
        taps: which of its values stand for something that the Keras model computes, too.
    """

    content: bytes
    left: list[NotPacked]
    taps: list[Tap]


def pack(content: bytes, metadata: Mapping[str, bytes] | None = None) -> Packed:
    """Packs what can be packed.

    Raises:
        ConversionError: the model has several subgraphs.
    """
    graph = graph_of(content)
    shorten_names(graph)
    fold_constants(graph)
    make_dense(graph)
    left = pack_layers(graph)
    pack_pools(graph)
    unpack_signs(graph)
    fold_split_layers(graph)
    fold_vectors(graph)
    fuse_thresholds(graph)
    return Packed(flatbuffer_of(graph, metadata), left, taps_of(graph))


def has_binary_layers(content: bytes) -> bool:
    """Whether there is something to pack in a float32 flatbuffer, or a layer that cannot be for a reason.

    Raises:
        ConversionError: see ``pack``.
    """
    graph = graph_of(content)
    fold_constants(graph)
    make_dense(graph)
    found = [examine(graph, node) for node in graph.nodes]
    return any(isinstance(each, Packable) or (isinstance(each, NotPacked) and not each.is_half) for each in found)
