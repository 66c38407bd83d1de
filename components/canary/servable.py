"""One version of a model, and what it answers: the rules of serving_api over a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfx_parity.protos import (
    classification_pb2,
    inference_pb2,
    input_pb2,
    predict_pb2,
    regression_pb2,
)
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.inference import (
    InferenceTask,
    plan_classify,
    plan_multi_inference,
    plan_regress,
    serialized_examples,
)
from tfx_parity.serving_api.inference_results import (
    answering_model_spec,
    classification_result,
    multi_inference_response,
    regression_result,
)
from tfx_parity.serving_api.predict import plan_predict
from tfx_parity.serving_api.rest_request import parse_predict
from tfx_parity.serving_api.rest_response import format_predict
from tfx_parity.serving_api.tensors import to_proto

if TYPE_CHECKING:
    from tfx_parity.canary.batching_queue import BatchingSession
    from tfx_parity.canary.session import SavedModelSession


@dataclass(frozen=True)
class Servable:
    """One version of one model, loaded.

    Attributes:
        name: The model's name in requests.
        version: The version's number.
        session: The loaded SavedModel, in batches where the server makes some.
        generation: Which of TF Serving's JSON fronts this one follows.
    """

    name: str
    version: int
    session: SavedModelSession | BatchingSession
    generation: Generation

    def predict(
        self, request: predict_pb2.PredictRequest, timeout_ms: int
    ) -> predict_pb2.PredictResponse:
        """Answer a PredictRequest, whatever model it names.

        Args:
            request: The request.
            timeout_ms: Of the session's run; 0 waits for ever.

        Raises:
            ServingError: With TF Serving's code and text.
        """
        plan = plan_predict(request, self.session.meta_graph.signature_def)
        arrays = self.session.run(plan.feeds, list(plan.fetches.values()), timeout_ms)
        spec = answering_model_spec(request.model_spec.name, plan.signature_name, self.version)
        response = predict_pb2.PredictResponse(model_spec=spec)
        for alias, array in zip(plan.fetches, arrays, strict=True):
            response.outputs[alias].CopyFrom(to_proto(array))
        return response

    def predict_json(self, body: bytes, timeout_ms: int) -> bytes:
        """Answer the body of a REST `:predict` request.

        Raises:
            ServingError: With TF Serving's code and text.
        """
        signature_defs = self.session.meta_graph.signature_def
        call = parse_predict(body, signature_defs, self.generation)
        signature = signature_defs[call.signature_name]
        feeds = {signature.inputs[alias].name: array for alias, array in call.inputs.items()}
        fetches = {alias: signature.outputs[alias].name for alias in sorted(signature.outputs)}
        arrays = self.session.run(feeds, list(fetches.values()), timeout_ms)
        outputs: dict[str, Array] = dict(zip(fetches, arrays, strict=True))
        return format_predict(outputs, call.row_format)

    def classify(
        self, request: classification_pb2.ClassificationRequest, timeout_ms: int
    ) -> classification_pb2.ClassificationResponse:
        """Answer a ClassificationRequest, whatever model it names.

        Raises:
            ServingError: With TF Serving's code and text.
        """
        task = plan_classify(request, self.session.meta_graph.signature_def)
        outputs, count = self._run_tasks([task], request.input, timeout_ms)
        return classification_pb2.ClassificationResponse(
            model_spec=answering_model_spec(
                request.model_spec.name, task.signature_name, self.version
            ),
            result=classification_result(task, outputs, count),
        )

    def regress(
        self, request: regression_pb2.RegressionRequest, timeout_ms: int
    ) -> regression_pb2.RegressionResponse:
        """Answer a RegressionRequest, whatever model it names.

        Raises:
            ServingError: With TF Serving's code and text.
        """
        task = plan_regress(request, self.session.meta_graph.signature_def)
        outputs, count = self._run_tasks([task], request.input, timeout_ms)
        return regression_pb2.RegressionResponse(
            model_spec=answering_model_spec(
                request.model_spec.name, task.signature_name, self.version
            ),
            result=regression_result(task, outputs, count),
        )

    def multi_inference(
        self, request: inference_pb2.MultiInferenceRequest, timeout_ms: int
    ) -> inference_pb2.MultiInferenceResponse:
        """Answer a MultiInferenceRequest, whatever model it names.

        Raises:
            ServingError: With TF Serving's code and text.
        """
        tasks = plan_multi_inference(request, self.session.meta_graph.signature_def)
        outputs, _ = self._run_tasks(tasks, request.input, timeout_ms)
        return multi_inference_response(request, tasks, outputs, self.version)

    def _run_tasks(
        self, tasks: Sequence[InferenceTask], examples: input_pb2.Input, timeout_ms: int
    ) -> tuple[dict[str, Array], int]:
        """Run all tasks at once; returns tensor name to value, and how many examples there were."""
        vector = serialized_examples(examples)
        feeds = {task.input_tensor: vector for task in tasks}
        fetches = sorted({tensor for task in tasks for tensor in task.outputs.values()})
        arrays = self.session.run(feeds, fetches, timeout_ms)
        return dict(zip(fetches, arrays, strict=True)), len(vector)
