"""The gRPC front: PredictionService and ModelService over the served models."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import grpc

from tfx_parity.canary.monitoring import RequestMetrics
from tfx_parity.canary.servable import Servable
from tfx_parity.canary.served_models import ServedModels
from tfx_parity.errors import BadInputError, ServerUnavailableError
from tfx_parity.protos import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)
from tfx_parity.serving_api.model_config import check_reload
from tfx_parity.serving_api.status import ServingError, invalid_argument

LOCALHOST = "127.0.0.1"
# grpc_status_util.cc, kErrorMessageLimit; without it a long text exceeds the limit on headers.
_MESSAGE_LIMIT = 1024
_TRUNCATED = b"...TRUNCATED"
_ENTRYPOINT = "GRPC"
_GRACE_S = 1.0
_LONGEST_DEADLINE_S = 1e9
_OPTIONS: Mapping[str, int | str] = {
    "grpc.max_send_message_length": -1,
    "grpc.max_receive_message_length": -1,
    # Without this, gRPC shares a port with another server that is already there.
    "grpc.so_reuseport": 0,
}
_INT32 = range(-(1 << 31), 1 << 31)
_CODES = {code.value[0]: code for code in grpc.StatusCode}

_Answer = TypeVar("_Answer")
_Request = TypeVar(
    "_Request",
    predict_pb2.PredictRequest,
    classification_pb2.ClassificationRequest,
    regression_pb2.RegressionRequest,
)


def parse_channel_arguments(text: str) -> dict[str, int | str]:
    """Return gRPC's arguments of `name=value,name=value` (model_servers/server.cc).

    What reads as a 32-bit integer is one, all else is text.

    Raises:
        BadInputError: If one has no equals sign.
    """
    arguments: dict[str, int | str] = {}
    for argument in filter(None, text.split(",")):
        name, equals, value = argument.partition("=")
        if not (name and equals):
            raise BadInputError(
                "Expected --grpc_channel_arguments=NAME=VALUE,..., such as "
                f"grpc.max_connection_age_ms=2000, found {argument!r}."
            )
        arguments[name] = _number_or_text(value)
    return arguments


def _number_or_text(value: str) -> int | str:
    if re.fullmatch(r"[+-]?\d+", value, re.ASCII) and int(value) in _INT32:
        return int(value)
    return value


class GrpcFront:
    """A gRPC server on the loopback: its port is bound at once, it answers after `serve`."""

    def __init__(
        self, port: int, max_threads: int, socket_path: str = "", channel_arguments: str = ""
    ) -> None:
        """Bind the port.

        Args:
            port: The port; 0 lets the system choose.
            max_threads: How many requests are worked on at once.
            socket_path: A UNIX socket to listen on as well, once it serves; empty for none.
            channel_arguments: Arguments of gRPC's own, `name=value` separated by commas.

        Raises:
            BadInputError: If the port cannot be had, or an argument has no value.
            ServerUnavailableError: If the system has no port to choose.
        """
        options = {**_OPTIONS, **parse_channel_arguments(channel_arguments)}
        pool = ThreadPoolExecutor(max_threads, thread_name_prefix="grpc")
        self._server = grpc.server(pool, options=tuple(options.items()))
        self._socket_path = socket_path
        try:
            self.port: int = self._server.add_insecure_port(f"{LOCALHOST}:{port}")
        except RuntimeError as error:
            if not port:
                raise ServerUnavailableError(
                    f"Expected a free port of {LOCALHOST} for the gRPC API, found none: {error}."
                ) from error
            raise BadInputError(
                f"Expected port {port} of {LOCALHOST} to be free for the gRPC API, found it in use "
                "or forbidden. Give another --port."
            ) from error

    def _listen_at(self, socket_path: str) -> None:
        try:
            self._server.add_insecure_port(f"unix:{socket_path}")
        except RuntimeError as error:
            raise BadInputError(
                f"Expected to listen on a UNIX socket at {socket_path}, found it in use or "
                "forbidden. Give another --grpc_socket_path."
            ) from error

    def serve(self, served: ServedModels, metrics: RequestMetrics) -> None:
        """Answer requests from now on, in threads.

        The UNIX socket is taken now and not before: gRPC takes it from whoever listens at the
        path, and one whose model cannot be loaded shall leave it to the other.

        Raises:
            BadInputError: If the UNIX socket cannot be had.
        """
        if self._socket_path:
            self._listen_at(self._socket_path)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _PredictionService(served, metrics), self._server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            _ModelService(served), self._server
        )
        self._server.start()

    def stop(self) -> None:
        """Stop, after the requests under way or a second."""
        self._server.stop(_GRACE_S).wait()


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, served: ServedModels, metrics: RequestMetrics) -> None:
        self._served = served
        self._metrics = metrics

    def Predict(  # noqa: N802 - the names of methods are the protocol's
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        return self._ask("Predict", Servable.predict, request, context)

    def Classify(  # noqa: N802
        self, request: classification_pb2.ClassificationRequest, context: grpc.ServicerContext
    ) -> classification_pb2.ClassificationResponse:
        return self._ask("Classify", Servable.classify, request, context)

    def Regress(  # noqa: N802
        self, request: regression_pb2.RegressionRequest, context: grpc.ServicerContext
    ) -> regression_pb2.RegressionResponse:
        return self._ask("Regress", Servable.regress, request, context)

    def MultiInference(  # noqa: N802
        self, request: inference_pb2.MultiInferenceRequest, context: grpc.ServicerContext
    ) -> inference_pb2.MultiInferenceResponse:
        def answer() -> inference_pb2.MultiInferenceResponse:
            # multi_inference_helper.cc: the first task names the model.
            first = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
            with self._metrics.measured(first.name, "MultiInference", _ENTRYPOINT):
                return self._served.servable(first).multi_inference(request, _timeout_ms(context))

        return _answered(context, answer)

    def GetModelMetadata(  # noqa: N802
        self,
        request: get_model_metadata_pb2.GetModelMetadataRequest,
        context: grpc.ServicerContext,
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        return _answered(context, lambda: self._served.metadata(request))

    def _ask(
        self,
        api: str,
        ask: Callable[[Servable, _Request, int], _Answer],
        request: _Request,
        context: grpc.ServicerContext,
    ) -> _Answer:
        def answer() -> _Answer:
            if not request.HasField("model_spec"):
                raise invalid_argument("Missing ModelSpec")
            with self._metrics.measured(request.model_spec.name, api, _ENTRYPOINT):
                servable = self._served.servable(request.model_spec)
                return ask(servable, request, _timeout_ms(context))

        return _answered(context, answer)


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, served: ServedModels) -> None:
        self._served = served

    def GetModelStatus(  # noqa: N802
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        return _answered(context, lambda: self._served.status(request))

    def HandleReloadConfigRequest(  # noqa: N802
        self,
        request: model_management_pb2.ReloadConfigRequest,
        context: grpc.ServicerContext,
    ) -> model_management_pb2.ReloadConfigResponse:
        def answer() -> model_management_pb2.ReloadConfigResponse:
            check_reload(request.config)
            self._served.reload(request.config)
            response = model_management_pb2.ReloadConfigResponse()
            response.status.SetInParent()
            return response

        return _answered(context, answer)


def _answered(context: grpc.ServicerContext, answer: Callable[[], _Answer]) -> _Answer:
    """Return the answer, or end the call with the refusal's code and text."""
    try:
        return answer()
    except ServingError as error:
        return context.abort(_CODES[int(error.code)], details(error))


def details(error: ServingError) -> str:
    """Return an error's text as TF Serving's gRPC front sends it: cut after 1,024 bytes."""
    message = error.message_bytes()
    if len(message) > _MESSAGE_LIMIT:
        message = message[:_MESSAGE_LIMIT] + _TRUNCATED
    return message.decode("utf-8", "replace")


def _timeout_ms(context: grpc.ServicerContext) -> int:
    """Return what is left of the caller's deadline, which the session's run gets; 0 is none.

    A call without a deadline has none left to tell, or hundreds of billions of years, by the
    version of gRPC.
    """
    left = context.time_remaining()
    return 0 if left is None or left > _LONGEST_DEADLINE_S else max(1, int(left * 1000))
