"""A fault of what a client sends: which of three kinds, where, what was expected and found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class FaultKind(str, Enum):
    """What becomes of a faulty payload, the worst first."""

    REFUSED = "refused"
    CHANGED = "changed"
    SUSPECT = "suspect"


class FaultCode(str, Enum):
    """What is wrong with a payload, by stable codes."""

    NOT_JSON = "NOT_JSON"
    MALFORMED_REQUEST = "MALFORMED_REQUEST"
    UNKNOWN_SIGNATURE = "UNKNOWN_SIGNATURE"
    MISSING_INPUT = "MISSING_INPUT"
    UNKNOWN_NAME = "UNKNOWN_NAME"
    WRONG_TYPE = "WRONG_TYPE"
    NOT_OVER_REST = "NOT_OVER_REST"
    RAGGED = "RAGGED"
    BAD_BASE64 = "BAD_BASE64"
    BAD_TENSOR = "BAD_TENSOR"
    NOT_AN_EXAMPLE = "NOT_AN_EXAMPLE"
    WRAPPED = "WRAPPED"
    OVERFLOWED = "OVERFLOWED"
    UNDERFLOWED = "UNDERFLOWED"
    ROUNDED = "ROUNDED"
    REPEATED = "REPEATED"
    ZERO_FILLED = "ZERO_FILLED"
    CUT = "CUT"
    DUPLICATE_KEY = "DUPLICATE_KEY"
    TRAILING_BYTES = "TRAILING_BYTES"
    DEFAULT_USED = "DEFAULT_USED"
    WRONG_SHAPE = "WRONG_SHAPE"
    BATCH_SIZES_DIFFER = "BATCH_SIZES_DIFFER"
    NOT_FINITE = "NOT_FINITE"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    NOT_IN_DOMAIN = "NOT_IN_DOMAIN"
    MISSING_VALUE = "MISSING_VALUE"
    VALUE_COUNT = "VALUE_COUNT"
    NOT_UTF8 = "NOT_UTF8"
    LABEL_SENT = "LABEL_SENT"
    UNKNOWN_FEATURE = "UNKNOWN_FEATURE"
    ALREADY_PREPROCESSED = "ALREADY_PREPROCESSED"


@dataclass(frozen=True)
class FaultMeaning:
    """What a code says to people.

    Attributes:
        summary: What is wrong, in a few words.
        cure: What a client does about it, in one sentence.
    """

    summary: str
    cure: str


FAULT_MEANINGS: Mapping[FaultCode, FaultMeaning] = {
    FaultCode.NOT_JSON: FaultMeaning(
        "the body is no JSON that the server reads",
        "Write the body with a JSON library; no comments, no trailing commas, nothing behind it.",
    ),
    FaultCode.MALFORMED_REQUEST: FaultMeaning(
        "the request lacks what every request has",
        "Send an object with either 'instances' (a list of rows) or 'inputs' (columns); of "
        ":classify and :regress one with 'examples'.",
    ),
    FaultCode.UNKNOWN_SIGNATURE: FaultMeaning(
        "the model has no such signature",
        "Name one of the model's signatures, or leave the name out for serving_default.",
    ),
    FaultCode.MISSING_INPUT: FaultMeaning(
        "an input or a required feature is not sent", "Send every input of the signature."
    ),
    FaultCode.UNKNOWN_NAME: FaultMeaning(
        "a name that the server does not know", "Take it out, or correct its spelling."
    ),
    FaultCode.WRONG_TYPE: FaultMeaning(
        "a value of another type than the model reads",
        "Send the type that is expected: numbers unquoted, integers without a decimal point, "
        "never null.",
    ),
    FaultCode.NOT_OVER_REST: FaultMeaning(
        "a type that JSON requests cannot carry",
        "Ask over gRPC, or export a signature that takes float, int64 or string and casts.",
    ),
    FaultCode.RAGGED: FaultMeaning(
        "lists of different lengths or depths where one tensor is expected",
        "Pad to one shape, and nest every row alike.",
    ),
    FaultCode.BAD_BASE64: FaultMeaning(
        "base64 that the server cannot read",
        'Send {"b64": "..."} alone, in the standard alphabet (+ and /, not - and _).',
    ),
    FaultCode.BAD_TENSOR: FaultMeaning(
        "a TensorProto that is no tensor",
        "Make it with tf.make_tensor_proto, so that shape, dtype and content agree.",
    ),
    FaultCode.NOT_AN_EXAMPLE: FaultMeaning(
        "bytes that are no serialized tf.Example",
        "Send tf.train.Example.SerializeToString(), over REST in base64.",
    ),
    FaultCode.WRAPPED: FaultMeaning(
        "an integer that does not fit and wraps around", "Send a number within the type's range."
    ),
    FaultCode.OVERFLOWED: FaultMeaning(
        "a number that becomes infinity", "Send a number within the type's range."
    ),
    FaultCode.UNDERFLOWED: FaultMeaning(
        "a number too near to zero for the type", "Scale the value, or send 0."
    ),
    FaultCode.ROUNDED: FaultMeaning(
        "a number that reaches the model as another one",
        "Send integers that the type holds exactly (float: up to 16,777,216), and at most 15 "
        "digits of a double.",
    ),
    FaultCode.REPEATED: FaultMeaning(
        "fewer values than the shape: the last one is repeated", "Send as many as the shape says."
    ),
    FaultCode.ZERO_FILLED: FaultMeaning(
        "no value in the field of the tensor's type: zeros or empty strings reach the model",
        "Fill the *_val field that belongs to the dtype, or tensor_content.",
    ),
    FaultCode.CUT: FaultMeaning(
        "more values than the shape: the rest is dropped", "Send as many as the shape says."
    ),
    FaultCode.DUPLICATE_KEY: FaultMeaning(
        "a name is there twice: the server takes one of them, or shifts the values of the rows",
        "Send each name once.",
    ),
    FaultCode.TRAILING_BYTES: FaultMeaning(
        "bytes behind the JSON document, which the server ignores", "Send one document a request."
    ),
    FaultCode.DEFAULT_USED: FaultMeaning(
        "an input that is not sent gets the signature's default",
        "Send the input, unless the default is meant.",
    ),
    FaultCode.WRONG_SHAPE: FaultMeaning(
        "another shape than the signature's, which the server does not check",
        "Send the signature's shape.",
    ),
    FaultCode.BATCH_SIZES_DIFFER: FaultMeaning(
        "inputs of one request with different numbers of rows", "Send as many rows of each input."
    ),
    FaultCode.NOT_FINITE: FaultMeaning(
        "NaN or infinity", "Leave the value out in the way the serving contract says."
    ),
    FaultCode.OUT_OF_RANGE: FaultMeaning(
        "a number outside the range of the schema",
        "Look at the unit and the source; widen the schema if the value is right.",
    ),
    FaultCode.NOT_IN_DOMAIN: FaultMeaning(
        "a string that is not in the schema's domain",
        "Look at spelling and case; add it to the schema if it is right.",
    ),
    FaultCode.MISSING_VALUE: FaultMeaning(
        "a feature without a value that the schema asks for in every example",
        "Send the feature, or let the schema allow its absence.",
    ),
    FaultCode.VALUE_COUNT: FaultMeaning(
        "fewer or more values of a feature than the schema allows",
        "Send as many values as the schema says.",
    ),
    FaultCode.NOT_UTF8: FaultMeaning(
        "a string that is not UTF-8", "Encode text as UTF-8 before it is sent."
    ),
    FaultCode.LABEL_SENT: FaultMeaning(
        "the label, which no client knows when it asks",
        "Take the label out: where clients have it, it leaks into what is measured.",
    ),
    FaultCode.UNKNOWN_FEATURE: FaultMeaning(
        "a feature that the schema does not know and the model does not read",
        "Take it out, or correct its spelling.",
    ),
    FaultCode.ALREADY_PREPROCESSED: FaultMeaning(
        "values that look as if they had been preprocessed before they were sent",
        "Send raw values: the model's own graph preprocesses them.",
    ),
}


@dataclass(frozen=True)
class PayloadFault:
    """One fault of one payload.

    Attributes:
        code: The stable code.
        kind: Whether the payload is refused, reaches the model changed, or is suspect.
        file: The file it was read from; empty where it came from no file.
        record: The payload's number in the file, from 0 (a line, a record); 0 for a whole body.
        row: The example's number in the payload, from 0; None where the whole payload is at fault.
        pointer: JSON pointer (RFC 6901) into the payload; of a message the path of its fields.
        input: The signature's input or the feature; empty where it is none in particular.
        expected: What was expected.
        found: What was found.
        server: TF Serving's own text where it refuses, else empty.
    """

    code: FaultCode
    kind: FaultKind
    file: str
    record: int
    row: int | None
    pointer: str
    input: str
    expected: str
    found: str
    server: str = ""

    @property
    def cure(self) -> str:
        """What a client does about it."""
        return FAULT_MEANINGS[self.code].cure

    @property
    def place(self) -> str:
        """Where it is, in words."""
        parts = [f"{self.file} payload {self.record}".lstrip()]
        parts += [] if self.row is None else [f"row {self.row}"]
        parts += [self.pointer] if self.pointer else []
        return ", ".join(parts)

    def render(self) -> str:
        """Return the fault as some lines of text."""
        where = f"{self.place}, input {self.input!r}" if self.input else self.place
        lines = [
            f"{self.kind.value} {self.code.value}: {FAULT_MEANINGS[self.code].summary}",
            f"  where     {where}",
            f"  expected  {self.expected}",
            f"  found     {self.found}",
        ]
        if self.server:
            lines.append(f"  server    {self.server}")
        return "\n".join([*lines, f"  to do     {self.cure}"])
