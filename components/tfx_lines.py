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
