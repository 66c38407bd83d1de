"""One request at a time: what a gateway, a client's test or a log's reader asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from tfx_parity.errors import BadInputError
from tfx_parity.findings import PayloadFault
from tfx_parity.payloads.checked import Checked, checked
from tfx_parity.payloads.feature_rules import NO_RULES, FeatureRules, rules_of_contract
from tfx_parity.payloads.rest_bodies import RestBodies, RestMethod
from tfx_parity.payloads.review_faults import review_faults
from tfx_parity.payloads.served_model import ServedModel, read_served_model
from tfx_parity.payloads.tensor_checks import SignatureChecks
from tfx_parity.protos import classification_pb2, predict_pb2, prediction_log_pb2, regression_pb2
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.inference import (
    InferenceTask,
    plan_classify,
    plan_regress,
    serialized_examples,
)
from tfx_parity.serving_api.predict import DEFAULT_SIGNATURE
from tfx_parity.serving_api.predict_review import review_request
from tfx_parity.serving_api.reasons import Reason
from tfx_parity.serving_api.review import Refusal, Review
from tfx_parity.serving_api.status import ServingError, invalid_argument

_Inference: TypeAlias = (
    "classification_pb2.ClassificationRequest | regression_pb2.RegressionRequest"
)

SERVING = "SERVING"


class PayloadGuard:
    """Checks requests to one model by its signatures, its contract and its schema.

    Usage:
        guard = PayloadGuard.from_model("serving_model", schema="schema.pbtxt")
        for fault in guard.check_rest(body):
            print(fault.render())
    """

    def __init__(
        self,
        model: ServedModel,
        rules: FeatureRules | None = None,
        generation: Generation | None = None,
    ) -> None:
        """Prepare the checks of every signature.

        Args:
            model: The model.
            rules: What is allowed for each feature; those of the model's serving contract where
                None.
            generation: The server's JSON front; that of the model's own TensorFlow where None.
        """
        self.model = model
        self.rules = _rules_of(model) if rules is None else rules
        self.generation = model.generation if generation is None else generation
        self._checks = {
            name: SignatureChecks(
                name,
                signature,
                model.parsed.get(name, ()),
                model.example_input(name),
                self.rules,
                has_contract=model.contract is not None,
            )
            for name, signature in model.signature_defs.items()
        }
        self._rest = RestBodies(model.signature_defs, self._checks, self.generation)

    @classmethod
    def from_model(
        cls, model: str | Path, schema: str | Path | None = None, environment: str = SERVING
    ) -> PayloadGuard:
        """Read a model, and prepare its checks.

        Args:
            model: A SavedModel, or a base path with numbered versions.
            schema: A data schema (text TensorFlow Metadata); without one the model's own serving
                contract says what is allowed.
            environment: The schema's environment of clients' payloads.

        Raises:
            BadInputError: If one of the two cannot be read.
        """
        rules = None
        if schema is not None:
            # Loaded where it is asked for: requests are checked without it as well.
            from tfx_parity.contract.data_schema import read_schema  # noqa: PLC0415
            from tfx_parity.payloads.schema_rules import rules_of_schema  # noqa: PLC0415

            rules = rules_of_schema(read_schema(Path(schema)), environment)
        return cls(read_served_model(Path(model)), rules)

    def check_rest(self, body: bytes, method: RestMethod | None = None) -> tuple[PayloadFault, ...]:
        """Return the faults of the body of a REST request; none for a good one.

        Args:
            body: The body.
            method: What its URL ends in; told by the body's keys where None.
        """
        return self._rest.look_at(body, method).faults

    def check_request(self, request: predict_pb2.PredictRequest) -> tuple[PayloadFault, ...]:
        """Return the faults of a gRPC PredictRequest; none for a good one."""
        return self.look_at_request(request).faults

    @cached_property
    def example_signature(self) -> str | None:
        """The signature that serialized `tf.Example`s are sent to, None where none takes them."""
        takes = [name for name in self._checks if self.model.example_input(name) is not None]
        return min(takes, key=lambda name: (name != DEFAULT_SIGNATURE, name), default=None)

    def check_example(
        self, record: bytes, signature_name: str | None = None
    ) -> tuple[PayloadFault, ...]:
        """Return the faults of a serialized `tf.Example`; none for a good one.

        Args:
            record: The example.
            signature_name: The signature that it would be sent to; `example_signature` where None.

        Raises:
            BadInputError: If the model has no signature that takes examples.
        """
        name = signature_name or self.example_signature
        if name not in self._checks:
            raise BadInputError(
                f"Expected a signature that parses tf.Examples in {self.model.path}, found "
                f"{name!r} among {', '.join(self._checks)}. Send what the signatures take."
            )
        return tuple(self._checks[name].record_faults(record))

    def look_at_rest(self, body: bytes, method: RestMethod | None = None) -> Checked:
        """Do the work of `check_rest`, and count the rows."""
        return self._rest.look_at(body, method)

    def look_at_request(self, request: predict_pb2.PredictRequest) -> Checked:
        """Do the work of `check_request`, and count the rows."""
        review = review_request(request, self.model.signature_defs)
        return checked(review, self.model.signature_defs, self._checks)

    def look_at_log(self, log: prediction_log_pb2.PredictionLog) -> Checked:
        """Return the faults of the request of a PredictionLog, and its number of rows."""
        kind = log.WhichOneof("log_type")
        if kind == "predict_log":
            return self.look_at_request(log.predict_log.request)
        if kind == "classify_log":
            request = log.classify_log.request
            return self._look_at_examples(plan_classify, request)
        if kind == "regress_log":
            return self._look_at_examples(plan_regress, log.regress_log.request)
        error = invalid_argument(f"Unsupported log_type: {kind}")
        return Checked(tuple(review_faults(_refused(error), self.model.signature_defs)), 0)

    def _look_at_examples(self, plan: Callable[..., InferenceTask], request: _Inference) -> Checked:
        """Return the faults of a request that holds examples as messages."""
        signature_defs = self.model.signature_defs
        try:
            name = plan(request, signature_defs).signature_name
            records = serialized_examples(request.input)
        except ServingError as error:
            return Checked(tuple(review_faults(_refused(error), signature_defs)), 0)
        faults = [
            replace(fault, row=row)
            for row, record in enumerate(records)
            for fault in self._checks[name].record_faults(record)
        ]
        return Checked(tuple(faults), len(records))


def _refused(error: ServingError) -> Review:
    return Review(refusals=[Refusal(Reason.MALFORMED_REQUEST, (), None, "", error)])


def _rules_of(model: ServedModel) -> FeatureRules:
    return NO_RULES if model.contract is None else rules_of_contract(model.contract)
