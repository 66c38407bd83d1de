"""Missing values: the raw feature that all examples which differ have no value of."""

from __future__ import annotations

from collections.abc import Sequence

from tfx_parity.protos import Example


def shared_absence(examples: Sequence[bytes], differing: set[int]) -> str | None:
    """Return the feature that every example which differs lacks, and few of the others.

    Args:
        examples: Serialized `tf.Example`s.
        differing: Those that differ, by number.
    """
    for name, lacking in _lacking(examples).items():
        if differing <= lacking and len(differing) > len(lacking) / 2:
            return name
    return None


def _lacking(examples: Sequence[bytes]) -> dict[str, set[int]]:
    """Return the examples that lack a feature's value, of each feature that some hold."""
    held: dict[str, set[int]] = {}
    for number, record in enumerate(examples):
        for name, feature in Example.FromString(record).features.feature.items():
            kind = feature.WhichOneof("kind")
            if kind is not None and getattr(feature, kind).value:
                held.setdefault(name, set()).add(number)
    every = set(range(len(examples)))
    return {name: every - numbers for name, numbers in sorted(held.items())}
