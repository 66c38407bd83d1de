"""Messages as JSON the way TF Serving prints them for `/metadata` and for a model's status.

That is protobuf's MessageToJsonString with white space and with every field that has no presence of
its own (model_servers/http_rest_api_util.cc, ToJsonString), in protobuf 3.21's order, which TF
Serving 2.16 links: fields as declared, members of a oneof last. Map keys stand in alphabetical
order (TF Serving's order differs from process to process).
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import Int64Value

_INDENT = " "
_QUOTED_INTEGERS = frozenset({FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64})
# protobuf's json_escaping.cc: also what could end a script element or a line of JavaScript.
_MUST_ESCAPE = re.compile('[\x00-\x1f\x7f"\\\\<>\u2028\u2029]')
_SHORT_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"} | {
    '"': '\\"',
    "\\": "\\\\",
}
_FLOAT_DIGITS = {FieldDescriptor.CPPTYPE_FLOAT: (6, 9), FieldDescriptor.CPPTYPE_DOUBLE: (15, 17)}

# Each implementation of protobuf has its own class of field descriptors.
_Field: TypeAlias = Any
# A JSON value whose scalars are texts already.
_Node: TypeAlias = "str | list[_Node] | dict[str, _Node]"


def message_json(message: Message) -> str:
    """Return a message as JSON text that ends with a line feed."""
    return _text(_message_node(message), 0) + "\n"


def _text(node: _Node, level: int) -> str:
    if isinstance(node, str):
        return node
    inner, outer = "\n" + _INDENT * (level + 1), "\n" + _INDENT * level
    if isinstance(node, dict):
        brackets = "{}"
        items = [f"{_quoted(key)}: {_text(value, level + 1)}" for key, value in node.items()]
    else:
        brackets = "[]"
        items = [_text(value, level + 1) for value in node]
    if not items:
        return brackets
    return brackets[0] + inner + ("," + inner).join(items) + outer + brackets[1]


def _message_node(message: Message) -> _Node:
    if isinstance(message, Int64Value):
        return f'"{message.value}"'
    fields: list[_Field] = list(message.DESCRIPTOR.fields)
    printed = [field for field in fields if _is_printed(message, field)]
    printed.sort(key=lambda field: field.containing_oneof is not None)  # stable: oneofs go last
    return {field.name: _field_node(field, getattr(message, field.name)) for field in printed}


def _is_printed(message: Message, field: _Field) -> bool:
    if field.containing_oneof is None and (
        field.cpp_type != FieldDescriptor.CPPTYPE_MESSAGE
        or not isinstance(getattr(message, field.name), Message)
    ):
        return True
    return message.HasField(field.name)


def _field_node(field: _Field, value: object) -> _Node:
    if isinstance(value, Mapping):
        value_field = field.message_type.fields_by_name["value"]
        return {str(key): _value_node(value_field, value[key]) for key in sorted(value)}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_value_node(field, item) for item in value]
    return _value_node(field, value)


def _value_node(field: _Field, value: object) -> _Node:
    if isinstance(value, Message):
        return _message_node(value)
    if isinstance(value, bytes):
        value = base64.b64encode(value).decode("ascii")
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_text(field, value)
    return _integer_text(field, value)


def _integer_text(field: _Field, value: object) -> str:
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        known = field.enum_type.values_by_number.get(value)
        return str(value) if known is None else _quoted(known.name)
    return f'"{value}"' if field.cpp_type in _QUOTED_INTEGERS else str(value)


def _float_text(field: _Field, value: float) -> str:
    if not math.isfinite(value):
        return {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}[str(value)]
    short, full = _FLOAT_DIGITS[field.cpp_type]
    text = f"{value:.{short}g}"
    return text if float(text) == value else f"{value:.{full}g}"


def _quoted(text: str) -> str:
    def escaped(match: re.Match[str]) -> str:
        character = match.group()
        return _SHORT_ESCAPES.get(character, f"\\u{ord(character):04x}")

    return f'"{_MUST_ESCAPE.sub(escaped, text)}"'
