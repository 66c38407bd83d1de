"""An example as other writers serialize it: its features are a map, which has no order."""

from __future__ import annotations

from collections.abc import Iterable

from tfx_parity.protos import Example


def written_in_order(record: bytes, names: Iterable[str]) -> bytes:
    """Return an example's bytes with its features in an order: all of them must be named.

    Serialized messages one behind the other are those messages merged
    (protobuf.dev/programming-guides/encoding, "Last One Wins").
    """
    features = Example.FromString(record).features.feature
    parts = []
    for name in names:
        part = Example()
        part.features.feature[name].CopyFrom(features[name])
        parts.append(part.SerializeToString())
    return b"".join(parts)
