"""Messages of TF Serving's configuration that the wheel tensorflow-serving-api does not carry."""

from __future__ import annotations

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    text_format,
    wrappers_pb2,
)
from google.protobuf.message import Message

from tfx_parity.errors import BadInputError
from tfx_parity.tfx_lines import message_class


def parse_text(text: str, file: descriptor_pb2.FileDescriptorProto, name: str) -> Message:
    """Read a message in text form.

    Args:
        text: What to read.
        file: Declares the message's type, perhaps with the wrappers of google.protobuf.
        name: The type's full name.

    Raises:
        BadInputError: If it cannot be read, with the words that tensorflow_model_server logs.
    """
    message = _message_class(file, name)()
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        raise BadInputError(f"Error parsing text-format {name}: {error}") from error
    return message


def _message_class(file: descriptor_pb2.FileDescriptorProto, name: str) -> type[Message]:
    """Return the class of a message, in a pool of its own: another package may bring its own."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_class(pool, pool.FindMessageTypeByName(name))
