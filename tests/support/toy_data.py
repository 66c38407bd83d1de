"""Seeded raw examples with every kind of raw feature that clients can send, and their schema."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfx_parity.protos import Example
from tfx_parity.tfrecord import write_records

COUNT = 420
COLOURS = (b"red", b"green", b"blue", "grün".encode())
TAGS = (b"a", b"b", b"c", b"d", b"e")
SCHEMA = """
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "size" type: FLOAT presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature { name: "count" type: INT value_count { min: 0 max: 1 } int_domain { min: 0 max: 90 } }
feature { name: "vector" type: FLOAT presence { min_fraction: 1 } shape { dim { size: 3 } } }
feature { name: "colour" type: BYTES presence { min_fraction: 1 } shape { } }
feature { name: "tags" type: BYTES value_count { min: 0 } }
feature { name: "unused" type: FLOAT presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature {
  name: "label" type: BYTES presence { min_fraction: 1 } shape { dim { size: 1 } }
  not_in_environment: "SERVING"
}
"""


def write_examples(folder: Path) -> None:
    """Write the examples as one TFRecord file."""
    random = np.random.default_rng(7)
    write_records(folder / "toy.tfrecord", (_example(random) for _ in range(COUNT)))


def _example(random: np.random.Generator) -> bytes:
    example = Example()
    features = example.features.feature
    features["size"].float_list.value.append(float(np.float32(random.normal(3, 20))))
    features["vector"].float_list.value.extend(random.normal(0, 2, 3).astype(np.float32).tolist())
    features["unused"].float_list.value.append(0.5)
    features["colour"].bytes_list.value.append(COLOURS[int(random.integers(len(COLOURS)))])
    if random.random() < 0.9:
        features["count"].int64_list.value.append(int(random.integers(0, 90)))
    tags = random.choice(len(TAGS), size=int(random.integers(0, 4)), replace=False)
    features["tags"].bytes_list.value.extend(TAGS[int(tag)] for tag in tags)
    features["label"].bytes_list.value.append(b"yes" if random.random() < 0.5 else b"no")
    return example.SerializeToString(deterministic=True)
