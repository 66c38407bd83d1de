"""The arms: the ways of asking for the same prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfx_parity.canary.client import CanaryClient
from tfx_parity.canary_validator.answers import (
    Answers,
    Asker,
    Missing,
    collect,
    collect_at_once,
    split_rows,
    stack_rows,
)
from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.contract import ServingContract, TransformedFeature
from tfx_parity.contract.examples import (
    component_arrays,
    decode_rows,
    raw_arrays,
    rows_of_components,
)
from tfx_parity.findings import FEATURES, PREDICTIONS, Arm
from tfx_parity.protos import DataType, SignatureDef

TRAINER, MATERIALISED = "T", "M"
MEANINGS: Mapping[str, str] = {
    "T": "what the trainer recorded",
    "M": "the transformed records that Beam made",
    "A": "predict_transformed in process, on those records",
    "B": "the recorded signature in process, on raw requests",
    "Bt": "transform_features in process, on raw requests",
    "C": "the canary over gRPC, in batches",
    "C again": "the same requests a second time",
    "Ct": "the canary's transform_features over gRPC, in batches",
    "C'": "a second, fresh start of the canary",
    "C1": "the canary over gRPC, one example a request",
    "Cs": "the same requests in another order and grouping",
    "Cp": "the same requests from many threads at once",
    "R": "the canary over REST, rows",
    "Rc": "the canary over REST, columns",
    "Rr": "the canary's serve_raw over REST, rows of raw values",
}
FEATURE_ARMS = frozenset({"M", "Bt", "Ct"})
_STAGES = {"T": "training", "M": "training", **dict.fromkeys(("A", "B", "Bt"), "in process")}
# What TF Serving's JSON cannot carry (util/json_tensor.cc).
_NO_JSON = frozenset(
    {DataType.DT_HALF, DataType.DT_BFLOAT16, DataType.DT_COMPLEX64, DataType.DT_COMPLEX128}
)
_NO_JSON_INPUT = _NO_JSON | {DataType.DT_UINT16}
Signatures = Mapping[str, SignatureDef]
_ORDER_SEED = 0
_AT_ONCE_THREADS = 8
_AT_ONCE_BATCH = 4


@dataclass(frozen=True)
class Panel:
    """Everything that arms are asked with.

    Attributes:
        recorded: The requests, and what was recorded beside them.
        signatures: The served model's signatures.
        canary: Asks the canary.
        reference: Asks the same model in process: the C++ session with the graph rewriter off,
            which gives the bits of TensorFlow's eager path.
        batch_size: How many examples to send at once.
        batched: Whether the canary runs requests in batches. Its `transform_features` is not asked
            then: no client asks it, and outputs of sparse features have no batch dimension.
    """

    recorded: Recorded
    signatures: Signatures
    canary: CanaryClient
    reference: CanaryClient
    batch_size: int
    batched: bool = False

    def ask_all(self, started: Callable[[str], None]) -> dict[str, Answers | Missing]:
        """Ask every arm.

        Args:
            started: Told each arm's name before it is asked.

        Raises:
            CanaryDied: If the server is dead.
        """
        answers: dict[str, Answers | Missing] = {}
        for name, ask in self._arms():
            started(name)
            answers[name] = ask()
        return answers

    def _arms(self) -> Iterator[tuple[str, Callable[[], Answers | Missing]]]:
        yield TRAINER, self._trainer
        yield MATERIALISED, self._materialised
        yield "C", lambda: self._predict(self.canary, self.batch_size)
        yield "C again", lambda: self._predict(self.canary, self.batch_size)
        yield "C1", lambda: self._predict(self.canary, 1)
        yield "Cs", self._other_order
        yield "Cp", self._at_once
        yield "Ct", self._transform_in_canary
        yield "Bt", lambda: self._transform(self.reference)
        yield "A", self._predict_transformed
        yield "B", lambda: self._predict(self.reference, self.batch_size)
        yield "R", self._rest_rows
        yield "Rc", self._rest_columns
        yield "Rr", self._rest_raw_rows

    def ask_fresh(self, fresh: CanaryClient) -> Answers:
        """Ask a second, fresh start of the canary: the arm C'.

        Raises:
            CanaryDied: If that server is dead.
        """
        return self._predict(fresh, self.batch_size)

    def ask_again(self, arm: str, client: CanaryClient) -> Answers | Missing:
        """Ask another server what the canary was asked in an arm, C or Ct.

        Raises:
            CanaryDied: If that server is dead.
        """
        if arm == "Ct":
            return self._transform(client)
        return self._predict(client, self.batch_size)

    def _trainer(self) -> Answers | Missing:
        if self.recorded.outputs is None:
            return Missing("no trainer predictions were given")
        return Answers(tuple(range(self.recorded.count)), self.recorded.outputs, {})

    def _materialised(self) -> Answers | Missing:
        contract, records = self.recorded.contract, self.recorded.transformed
        if contract is None or records is None:
            return Missing("no transformed records were recorded")
        rows = {f.name: decode_rows(records, f) for f in contract.serving_features}
        return Answers(tuple(range(self.recorded.count)), rows, {})

    def _predict(self, client: CanaryClient, batch_size: int) -> Answers:
        return collect(self._asker(client), range(self.recorded.count), batch_size)

    def _asker(self, client: CanaryClient) -> Asker:
        name = self.recorded.signature_name

        def ask(indices: Sequence[int]) -> Mapping[str, list[NDArray[np.generic]]]:
            inputs = stack_rows(self.recorded.inputs, indices)
            return split_rows(client.predict(name, inputs), len(indices))

        return ask

    def _other_order(self) -> Answers:
        """Ask in a shuffled order and in batches of another size."""
        order = np.random.default_rng(_ORDER_SEED).permutation(self.recorded.count).tolist()
        return collect(self._asker(self.canary), order, self.batch_size // 2 + 1)

    def _at_once(self) -> Answers:
        """Ask in small batches from many threads at once."""
        return collect_at_once(
            self._asker(self.canary),
            self.recorded.count,
            min(_AT_ONCE_BATCH, self.batch_size),
            _AT_ONCE_THREADS,
        )

    def _transform_in_canary(self) -> Answers | Missing:
        if self.batched:
            return Missing("the canary batches requests, and no client asks transform_features")
        return self._transform(self.canary)

    def _transform(self, client: CanaryClient) -> Answers | Missing:
        contract, examples = self.recorded.contract, self.recorded.examples
        if reason := self._lacks("transform_features"):
            return Missing(reason)
        if contract is None or examples is None:
            return Missing("no serving contract was recorded")
        ask = transform_asker(client, contract, examples, self.signatures)
        return collect(ask, range(self.recorded.count), self.batch_size)

    def _predict_transformed(self) -> Answers | Missing:
        contract, records = self.recorded.contract, self.recorded.transformed
        if reason := self._lacks("predict_transformed"):
            return Missing(reason)
        if contract is None or records is None:
            return Missing("no transformed records were recorded")
        features = taken_features(contract, self.signatures["predict_transformed"])

        def ask(indices: Sequence[int]) -> Mapping[str, list[NDArray[np.generic]]]:
            inputs = component_arrays([records[i] for i in indices], features)
            outputs = self.reference.predict("predict_transformed", inputs)
            return split_rows(outputs, len(indices))

        return collect(ask, range(self.recorded.count), self.batch_size)

    def _rest_rows(self) -> Answers | Missing:
        if reason := self._no_rest(self.recorded.signature_name):
            return Missing(reason)
        return collect(
            self._rows_asker(self.recorded.signature_name, self.recorded.inputs),
            range(self.recorded.count),
            self.batch_size,
        )

    def _rest_columns(self) -> Answers | Missing:
        name = self.recorded.signature_name
        if reason := self._no_rest(name):
            return Missing(reason)

        def ask(indices: Sequence[int]) -> Mapping[str, list[NDArray[np.generic]]]:
            inputs = stack_rows(self.recorded.inputs, indices)
            return split_rows(self.canary.predict_columns(name, inputs), len(indices))

        return collect(ask, range(self.recorded.count), self.batch_size)

    def _rest_raw_rows(self) -> Answers | Missing:
        contract, examples = self.recorded.contract, self.recorded.examples
        if reason := self._lacks("serve_raw") or self._no_rest("serve_raw"):
            return Missing(reason)
        if contract is None or examples is None:
            return Missing("no serving contract was recorded")
        arrays = raw_arrays(examples, contract.raw_features)
        rows = {name: list(array) for name, array in arrays.items()}
        ask = self._rows_asker("serve_raw", rows)
        return collect(ask, range(self.recorded.count), self.batch_size)

    def _rows_asker(
        self, signature: str, inputs: Mapping[str, Sequence[NDArray[np.generic]]]
    ) -> Asker:
        def ask(indices: Sequence[int]) -> Mapping[str, list[NDArray[np.generic]]]:
            instances = [{name: rows[i] for name, rows in inputs.items()} for i in indices]
            return split_rows(self.canary.predict_rows(signature, instances), len(indices))

        return ask

    def _lacks(self, signature: str) -> str | None:
        return None if signature in self.signatures else f"the model has no signature {signature}"

    def _no_rest(self, signature: str) -> str | None:
        if not self.canary.has_rest:
            return "the server's REST port was not given"
        definition = self.signatures[signature]
        for name, info in sorted(definition.inputs.items()):
            if info.dtype in _NO_JSON_INPUT:
                return f"TF Serving's JSON cannot carry {DataType.Name(info.dtype)} (input {name})"
        for name, info in sorted(definition.outputs.items()):
            if info.dtype in _NO_JSON:
                return f"TF Serving's JSON cannot carry {DataType.Name(info.dtype)} (output {name})"
        return None


def arm_summary(name: str, found: Answers | Missing) -> Arm:
    """Return an arm as the report shows it."""
    return Arm(
        name=name,
        meaning=MEANINGS[name],
        stage=_STAGES.get(name, "REST" if name.startswith("R") else "canary"),
        gives=FEATURES if name in FEATURE_ARMS else PREDICTIONS,
        answered=len(found.indices) if isinstance(found, Answers) else 0,
        failed=len(found.failures) if isinstance(found, Answers) else 0,
        missing=found.reason if isinstance(found, Missing) else None,
    )


def taken_features(contract: ServingContract, signature: SignatureDef) -> list[TransformedFeature]:
    """Return the transformed features that `predict_transformed` takes."""
    inputs = set(signature.inputs)
    return [
        f for f in contract.transformed_features if f.name in inputs or f"{f.name}_values" in inputs
    ]


def transform_asker(
    client: CanaryClient,
    contract: ServingContract,
    examples: Sequence[bytes],
    signatures: Signatures,
) -> Asker:
    """Return what asks a model for the transformed features of raw examples."""
    (input_name,) = signatures["transform_features"].inputs

    def ask(indices: Sequence[int]) -> Mapping[str, list[NDArray[np.generic]]]:
        batch = np.array([examples[i] for i in indices], dtype=object)
        outputs = client.predict("transform_features", {input_name: batch})
        rows = {
            f.name: rows_of_components(outputs, f, len(indices)) for f in contract.serving_features
        }
        return {name: found for name, found in rows.items() if found is not None}

    return ask
