"""Files of payloads validated into one result."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from google.protobuf.message import DecodeError

from tfx_parity.contract.examples import without_features
from tfx_parity.errors import BadInputError
from tfx_parity.findings import (
    FaultCode,
    FaultKind,
    FaultTally,
    PayloadFault,
    PayloadFile,
    PayloadResult,
    StaticFinding,
    Verdict,
)
from tfx_parity.payloads.fault_log import FaultLog
from tfx_parity.payloads.guard import PayloadGuard
from tfx_parity.payloads.numeric_summary import Summaries, add_example, preprocessed_already
from tfx_parity.payloads.payload_checks import look_at
from tfx_parity.payloads.payload_examples import payload_examples
from tfx_parity.payloads.payload_files import READ_ERRORS, Form, find_files, form_of
from tfx_parity.payloads.payload_reading import read_payloads
from tfx_parity.payloads.verdict import decide
from tfx_parity.serving_api.generation import Generation
from tfx_parity.version import VERSION

_DAMAGES_TOLD = 5
_FRONTS = {Generation.V2_16: "before 2.18", Generation.V2_18: "2.18 and later"}


@dataclass(frozen=True)
class ValidationOptions:
    """How payloads are validated.

    Attributes:
        form: The form of every file; told by each file's own bytes where None.
        fail_on: The mildest kind of fault that fails; worse ones fail as well.
        trained: Summaries of the training data, to tell values that were scaled before they were
            sent; none where None.
        without_labels: Whether labels are taken out of `tf.Example`s first: training data, as if
            clients had sent them.
        options: What was asked for, as words of the command, for the report's last line.
    """

    form: Form | None = None
    fail_on: FaultKind = FaultKind.SUSPECT
    trained: Summaries | None = None
    without_labels: bool = False
    options: tuple[str, ...] = ()


class Validation:
    """A validation under way: files are added, then the result is asked for."""

    def __init__(self, guard: PayloadGuard, options: ValidationOptions) -> None:
        self._guard = guard
        self._options = options
        self._log = FaultLog()
        self._files: list[PayloadFile] = []
        self._served: Summaries = {}
        self._stripped = sorted(guard.rules.labels) if options.without_labels else []

    def add_file(self, path: Path) -> None:
        """Validate every payload of a file."""
        for form, payload in self.validating(path, str(path)):
            if self._options.trained is not None:
                for record in payload_examples(self._guard.model, form, payload):
                    add_example(self._served, record)

    def validating(self, path: Path, name: str) -> Iterator[tuple[Form, bytes]]:
        """Validate every payload of a file, and yield it.

        Args:
            path: The file.
            name: What the report calls it.

        Yields:
            The form and the payload, as it was looked at.
        """
        try:
            form = self._options.form or form_of(path)
        except (BadInputError, *READ_ERRORS) as error:
            self.add_damage(path, str(error))
            return
        if form is Form.EXAMPLE and self._guard.example_signature is None:
            self.add_damage(path, "holds tf.Examples, which no signature of the model takes")
            return
        damages: list[str] = []
        payloads = rows = faulty = 0
        for record, read in read_payloads(path, form, damages.append):
            payload = self._without_labels(read) if form is Form.EXAMPLE else read
            checked = look_at(self._guard, form, payload)
            payloads += 1
            rows += checked.rows
            faulty += bool(checked.faults)
            for fault in checked.faults:
                self._log.add(fault, name, record)
            yield form, payload
        if payloads == 0 and not damages:
            damages.append("an empty file")
        self._files.append(PayloadFile(name, form.value, payloads, rows, faulty, _joined(damages)))

    def _without_labels(self, record: bytes) -> bytes:
        try:
            return without_features(record, self._stripped) if self._stripped else record
        except DecodeError:  # told as a fault
            return record

    def add_damage(self, path: Path, damage: str) -> None:
        """Note a file that cannot be read at all."""
        self._files.append(PayloadFile(str(path), "unknown", 0, 0, 0, damage))

    def add_preprocessed(self, trained: Summaries, served: Summaries) -> None:
        """Note the features that clients seem to scale before they send them."""
        for fault in preprocessed_already(trained, served):
            self._log.add(fault, "", 0)

    def partial(self) -> bytes:
        """Return what was found so far as one line, for `merge`; its size is bounded."""
        found = {"files": self._files, "tallies": self._log.tallies, "faults": self._log.faults}
        return orjson.dumps(found)

    def merge(self, partial: bytes) -> None:
        """Add what another validation by the same guard has found."""
        found = orjson.loads(partial)
        self._files += [PayloadFile(**file) for file in found["files"]]
        self._log.merge(
            [FaultTally(**_with_enums(tally)) for tally in found["tallies"]],
            [PayloadFault(**_with_enums(fault)) for fault in found["faults"]],
        )

    def result(self, statics: tuple[StaticFinding, ...], reproduce: str) -> PayloadResult:
        """Return all that was found.

        Args:
            statics: What the model itself says.
            reproduce: The command that does this again.
        """
        if self._options.trained is not None:
            self.add_preprocessed(self._options.trained, self._served)
        tallies = self._log.tallies
        verdict, sentence = decide(self._files, tallies, statics, self._options.fail_on)
        return PayloadResult(
            verdict=verdict,
            sentence=sentence,
            model=str(self._guard.model.path),
            statics=statics,
            files=tuple(self._files),
            tallies=tallies,
            faults=self._log.faults,
            environment={
                "tfx_parity": VERSION,
                "TensorFlow of the model": self._guard.model.tensorflow_version,
                "JSON front of TensorFlow Serving": _FRONTS[self._guard.generation],
                "fails on": self._options.fail_on.value,
            },
            reproduce=reproduce,
        )


def _with_enums(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "kind": FaultKind(fields["kind"]), "code": FaultCode(fields["code"])}


def validate_files(
    guard: PayloadGuard,
    paths: Sequence[Path],
    options: ValidationOptions,
    statics: tuple[StaticFinding, ...],
    progress: Callable[[str], None],
) -> PayloadResult:
    """Validate the payloads of files and folders.

    Args:
        guard: The checks of one model's requests.
        paths: Files, or folders of files.
        options: How to validate.
        statics: What the model itself says.
        progress: Told the file that is read.
    """
    validation = Validation(guard, options)
    for path, damage in find_files(paths):
        progress(f"validating {path}")
        if damage:
            validation.add_damage(path, damage)
        else:
            validation.add_file(path)
    words = ["tfx-parity", "payload", str(guard.model.path), *map(str, paths), *options.options]
    return validation.result(statics, shlex.join(words))


def unreadable_model(model: str, reason: str) -> PayloadResult:
    """Return the result for a model whose signatures cannot be read: FAIL, as a server would.

    Args:
        model: The SavedModel's folder.
        reason: What was expected and what was found.
    """
    finding = StaticFinding(
        code="MODEL_UNREADABLE",
        blocking=True,
        signature="",
        name="",
        expected="a SavedModel whose signatures can be read",
        found=reason,
        cure="Export the model again; CanaryValidator's report says what the server makes of it.",
    )
    return PayloadResult(
        verdict=Verdict.FAIL,
        sentence="the model cannot be read; no payload validated",
        model=model,
        statics=(finding,),
        files=(),
        tallies=(),
        faults=(),
        environment={"tfx_parity": VERSION},
        reproduce=shlex.join(["tfx-parity", "schema", model]),
    )


def _joined(damages: list[str]) -> str:
    more = len(damages) - _DAMAGES_TOLD
    return "; ".join(damages[:_DAMAGES_TOLD]) + (f"; and {more} more" if more > 0 else "")
