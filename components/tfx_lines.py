"""What differs between the supported TFX lines, each with its reason: all else is one code.

TFX 1.16 is TensorFlow 2.16 with protobuf 3.20 (Python 3.10) or 4 (3.11) and NumPy 1; TFX 1.21 is
TensorFlow 2.21 with protobuf 6 and NumPy 2. Which of them a machine takes is told by
`constraints/choose`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import message_factory

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import Message
    from numpy import generic

FINGERPRINT = "fingerprint.pb"
"""The file of a SavedModel that TensorFlow 2.21 writes otherwise at each export: it draws a uuid,
where 2.16 writes hashes of the other files alone. Two exports are compared without it."""


def message_class(pool: DescriptorPool, descriptor: Descriptor) -> type[Message]:
    """Return the class of a message.

    protobuf 3.20 has the factory's method alone, which protobuf 5 took away.

    Args:
        pool: The pool that holds the message.
        descriptor: What describes it.
    """
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    factory: Any = message_factory.MessageFactory(pool)
    return factory.GetPrototype(descriptor)


def number_text(value: generic) -> str:
    """Return a number's text, floats with the fewest digits that read back as the same value.

    NumPy 2 writes a float32 of a million as 1e+06, and NumPy 1 as 1000000.0.

    Args:
        value: A scalar of a real dtype; bfloat16 and the like are of numpy's kind V.
    """
    text = str(value)
    return str(float(text)) if value.dtype.kind in "fV" else text
