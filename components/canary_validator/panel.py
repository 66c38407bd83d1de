"""The panel: everything that arms are asked with, and how each is asked."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfx_parity.canary.client import CanaryClient
from tfx_parity.canary_validator.answers import (
    Answers,
    Asker,
    Missing,
    collect,
    collect_at_once,
)
from tfx_parity.canary_validator.arms import CANARY, MATERIALISED, TRAINER
from tfx_parity.canary_validator.askers import (
    Signatures,
    columns_asker,
    predict_asker,
    rows_asker,
    transform_asker,
    transformed_asker,
)
from tfx_parity.canary_validator.recorded import Recorded, Rows
from tfx_parity.contract.examples import decode_features, raw_arrays
from tfx_parity.protos import DataType

Batches = Sequence[Sequence[int]]
# What TF Serving's JSON cannot carry (util/json_tensor.cc).
_NO_JSON = frozenset(
    {DataType.DT_HALF, DataType.DT_BFLOAT16, DataType.DT_COMPLEX64, DataType.DT_COMPLEX128}
)
_NO_JSON_INPUT = _NO_JSON | {DataType.DT_UINT16}
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

    def ask(self, arm: str, batches: Batches) -> Answers | Missing:
        """Ask an arm for the examples of some batches.

        Every arm gets the same batches, so that a kernel which rounds by the size of its batch is
        no difference; C1, Cs and Cp regroup them, as they are there to do.

        Args:
            arm: Its name; any but C', which asks another server (`ask_again`).
            batches: Examples by number.

        Raises:
            CanaryDied: If the server is dead.
        """
        return self._ways()[arm](batches)

    def ask_again(self, arm: str, client: CanaryClient, batches: Batches) -> Answers | Missing:
        """Ask another server what the canary was asked in an arm, C or Ct.

        Raises:
            CanaryDied: If that server is dead.
        """
        if arm == "Ct":
            return self._transform(client, batches)
        return self._predict(client, batches)

    @property
    def natural_batches(self) -> Batches:
        """Every example in the recorded order."""
        return in_batches(range(self.recorded.count), self.batch_size)

    def _ways(self) -> Mapping[str, Callable[[Batches], Answers | Missing]]:
        return {
            TRAINER: self._trainer,
            MATERIALISED: self._materialised,
            CANARY: lambda batches: self._predict(self.canary, batches),
            "C again": lambda batches: self._predict(self.canary, batches),
            "C1": self._one_by_one,
            "Cs": self._other_order,
            "Cp": self._at_once,
            "Ct": self._transform_in_canary,
            "Bt": lambda batches: self._transform(self.reference, batches),
            "A": self._predict_transformed,
            "B": lambda batches: self._predict(self.reference, batches),
            "R": self._rest_rows,
            "Rc": self._rest_columns,
            "Rr": self._rest_raw_rows,
        }

    def _trainer(self, batches: Batches) -> Answers | Missing:
        if self.recorded.outputs is None:
            return Missing("no trainer predictions were given")
        indices = sorted(_flat(batches))
        rows = {name: [rows[i] for i in indices] for name, rows in self.recorded.outputs.items()}
        return Answers(tuple(indices), rows, {})

    def _materialised(self, batches: Batches) -> Answers | Missing:
        contract, records = self.recorded.contract, self.recorded.transformed
        if contract is None or records is None:
            return Missing("no transformed records were recorded")
        indices = sorted(_flat(batches))
        chosen = [records[i] for i in indices]
        return Answers(tuple(indices), decode_features(chosen, contract.serving_features), {})

    def _predict(self, client: CanaryClient, batches: Batches) -> Answers:
        return collect(self._asker(client), batches)

    def _asker(self, client: CanaryClient) -> Asker:
        return predict_asker(client, self.recorded.signature_name, self.recorded.inputs)

    def _one_by_one(self, batches: Batches) -> Answers:
        return collect(self._asker(self.canary), in_batches(_flat(batches), 1))

    def _other_order(self, batches: Batches) -> Answers:
        """Ask in a shuffled order and in batches of another size."""
        order = np.random.default_rng(_ORDER_SEED).permutation(_flat(batches)).tolist()
        return collect(self._asker(self.canary), in_batches(order, self.batch_size // 2 + 1))

    def _at_once(self, batches: Batches) -> Answers:
        """Ask in small batches from many threads at once."""
        small = in_batches(_flat(batches), min(_AT_ONCE_BATCH, self.batch_size))
        return collect_at_once(self._asker(self.canary), small, _AT_ONCE_THREADS)

    def _transform_in_canary(self, batches: Batches) -> Answers | Missing:
        if self.batched:
            return Missing("the canary batches requests, and no client asks transform_features")
        return self._transform(self.canary, batches)

    def _transform(self, client: CanaryClient, batches: Batches) -> Answers | Missing:
        contract, examples = self.recorded.contract, self.recorded.examples
        if reason := self._lacks("transform_features"):
            return Missing(reason)
        if contract is None or examples is None:
            return Missing("no serving contract was recorded")
        return collect(transform_asker(client, contract, examples, self.signatures), batches)

    def _predict_transformed(self, batches: Batches) -> Answers | Missing:
        contract, records = self.recorded.contract, self.recorded.transformed
        if reason := self._lacks("predict_transformed"):
            return Missing(reason)
        if contract is None or records is None:
            return Missing("no transformed records were recorded")
        ask = transformed_asker(self.reference, contract, records, self.signatures)
        return collect(ask, batches)

    def _rest_rows(self, batches: Batches) -> Answers | Missing:
        name = self.recorded.signature_name
        if reason := self._no_rest(name):
            return Missing(reason)
        return collect(rows_asker(self.canary, name, self.recorded.inputs), batches)

    def _rest_columns(self, batches: Batches) -> Answers | Missing:
        name = self.recorded.signature_name
        if reason := self._no_rest(name):
            return Missing(reason)
        return collect(columns_asker(self.canary, name, self.recorded.inputs), batches)

    def _rest_raw_rows(self, batches: Batches) -> Answers | Missing:
        contract, examples = self.recorded.contract, self.recorded.examples
        if reason := self._lacks("serve_raw") or self._no_rest("serve_raw"):
            return Missing(reason)
        if contract is None or examples is None:
            return Missing("no serving contract was recorded")
        rows: Rows = {
            name: list(array) for name, array in raw_arrays(examples, contract.raw_features).items()
        }
        return collect(rows_asker(self.canary, "serve_raw", rows), batches)

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


def in_batches(order: Sequence[int], size: int) -> list[Sequence[int]]:
    """Return examples in batches of a size, the last one smaller where it must be."""
    return [order[start : start + size] for start in range(0, len(order), size)]


def _flat(batches: Batches) -> list[int]:
    return list(itertools.chain.from_iterable(batches))
