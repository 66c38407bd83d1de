"""The one client of every canary: the same requests that a user's client sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple

import grpc
import numpy as np

from tfx_parity.canary.rest_client import RestClient
from tfx_parity.canary.session import INIT_OP_SIGNATURE
from tfx_parity.errors import BadInputError
from tfx_parity.protos import (
    SignatureDef,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.status import Code
from tfx_parity.serving_api.tensors import from_proto, to_proto

DEFAULT_DEADLINE_S = 60.0
_PROBE_S = 5.0
_DYING_S = 1.0
_SIGNATURES = "signature_def"
_OPTIONS = (
    # gRPC refuses answers over 4 MB unless told otherwise.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # A proxy of the environment has no business on the loopback.
    ("grpc.enable_http_proxy", 0),
    # A port can be used again by the next canary; it must not meet this one's broken connection.
    ("grpc.use_local_subchannel_pool", 1),
)


class RequestError(Exception):
    """A request that the server refused, or failed to answer in time.

    Attributes:
        code: The status code. Over REST it is the likeliest one of the HTTP status.
        message: The server's text.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


class CanaryDied(Exception):  # noqa: N818 - it says what happened; the request is not the error
    """The server died, or no longer answers anything; the message says how, with its last lines."""


class VersionStatus(NamedTuple):
    """State of one version of the model, as GetModelStatus tells it."""

    version: int
    state: str
    code: Code
    message: str


def open_channel(grpc_address: str) -> grpc.Channel:
    """Return a channel to a model server; nothing is sent yet."""
    return grpc.insecure_channel(grpc_address, options=_OPTIONS)


def version_statuses(
    response: get_model_status_pb2.GetModelStatusResponse,
) -> tuple[VersionStatus, ...]:
    """Return the states that a server's answer tells."""
    state_name = get_model_status_pb2.ModelVersionStatus.State.Name
    return tuple(
        VersionStatus(
            found.version,
            state_name(found.state),
            Code(found.status.error_code),
            found.status.error_message,
        )
        for found in response.model_version_status
    )


def _alive(_wait_s: float) -> str | None:
    """Stand in for a server whose process is not ours to watch."""
    return None


class CanaryClient:
    """Asks one model of one server over gRPC and REST; may be used from many threads.

    Usage:
        with CanaryClient(grpc_address="127.0.0.1:8500", rest_address="127.0.0.1:8501",
                          model_name="penguins") as client:
            outputs = client.predict("serving_default", {"examples": examples})
    """

    def __init__(
        self,
        *,
        grpc_address: str,
        rest_address: str | None,
        model_name: str,
        deadline_s: float = DEFAULT_DEADLINE_S,
        obituary: Callable[[float], str | None] = _alive,
    ) -> None:
        """Prepare to ask; nothing is sent yet.

        Args:
            grpc_address: HOST:PORT.
            rest_address: HOST:PORT; None where the server's REST API cannot be reached.
            model_name: The model's name in requests.
            deadline_s: How long one call may take.
            obituary: Given seconds to wait, says how the server died, None if it lives.
        """
        self._model_name = model_name
        self._deadline_s = deadline_s
        self._obituary = obituary
        self._channel = open_channel(grpc_address)
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._model = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._rest = (
            None if rest_address is None else RestClient(rest_address, model_name, deadline_s)
        )
        self._signatures: dict[str, SignatureDef] | None = None

    @property
    def has_rest(self) -> bool:
        """Whether it can ask over REST."""
        return self._rest is not None

    def __enter__(self) -> CanaryClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def predict(self, signature_name: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Ask over gRPC.

        Args:
            signature_name: The signature to call.
            inputs: Input name to value, sent in its own dtype and shape.

        Returns:
            Output name to value; strings are object arrays of bytes.

        Raises:
            RequestError: If the server refuses, or the deadline passes.
            CanaryDied: If the server is dead, or answers nothing at all.
        """
        request = predict_pb2.PredictRequest(model_spec=self._spec(signature_name))
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(to_proto(np.asarray(value)))
        response = self._call(self._prediction.Predict, request)
        return {name: from_proto(proto) for name, proto in sorted(response.outputs.items())}

    def predict_rows(self, signature_name: str, instances: Sequence[object]) -> dict[str, Array]:
        """Ask over REST in row form (`instances`).

        Args:
            signature_name: The signature to call.
            instances: One JSON value a row; `bytes` become `{"b64": ...}`, arrays become lists.

        Returns:
            Output name to value, in the signature's output dtypes.

        Raises:
            RequestError: If the server refuses, or the deadline passes.
            CanaryDied: If the server is dead, or answers nothing at all.
        """
        return self._ask_rest(signature_name, "instances", list(instances))

    def predict_columns(
        self, signature_name: str, inputs: Mapping[str, object]
    ) -> dict[str, Array]:
        """Ask over REST in column form (`inputs`); see `predict_rows`.

        Args:
            signature_name: The signature to call.
            inputs: Input name to JSON value.
        """
        return self._ask_rest(signature_name, "inputs", dict(inputs))

    def signature_defs(self) -> dict[str, SignatureDef]:
        """Return the signatures that the server offers, by name; asked once."""
        if self._signatures is None:
            request = get_model_metadata_pb2.GetModelMetadataRequest(
                model_spec=self._spec(), metadata_field=[_SIGNATURES]
            )
            response = self._call(self._prediction.GetModelMetadata, request)
            definitions = get_model_metadata_pb2.SignatureDefMap()
            response.metadata[_SIGNATURES].Unpack(definitions)
            self._signatures = {
                name: definition
                for name, definition in sorted(definitions.signature_def.items())
                if name != INIT_OP_SIGNATURE
            }
        return self._signatures

    def status(self) -> tuple[VersionStatus, ...]:
        """Return the state of each version that the server knows."""
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=self._spec())
        return version_statuses(self._call(self._model.GetModelStatus, request))

    def _spec(self, signature_name: str = "") -> model_pb2.ModelSpec:
        return model_pb2.ModelSpec(name=self._model_name, signature_name=signature_name)

    def _ask_rest(self, signature_name: str, form: str, value: object) -> dict[str, Array]:
        if self._rest is None:
            raise BadInputError("Expected a server with a REST port, found one without.")
        outputs = self.signature_defs().get(signature_name, SignatureDef()).outputs
        answer = self._rest.predict(signature_name, form, value, outputs)
        if isinstance(answer, dict):
            return answer
        raise self._fault(answer.code, answer.message)

    def _call(self, method: Callable[..., Any], request: object) -> Any:
        try:
            return method(request, timeout=self._deadline_s)
        except grpc.RpcError as error:
            raise self._fault(Code(error.code().value[0]), error.details()) from error

    def _fault(self, code: Code, message: str) -> RequestError | CanaryDied:
        """Return what a failed request is: the server's refusal, or its death."""
        death = self._obituary(_DYING_S if code is Code.UNAVAILABLE else 0.0)
        if death is not None:
            return CanaryDied(death)
        if code is Code.DEADLINE_EXCEEDED and not self._answers():
            return CanaryDied(
                f"The server of model {self._model_name} runs but hangs: a request was not "
                f"answered within {self._deadline_s:g} s, and then not even its status within "
                f"{_PROBE_S:g} s."
            )
        return RequestError(code, message)

    def _answers(self) -> bool:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=self._spec())
        try:
            self._model.GetModelStatus(request, timeout=_PROBE_S)
        except grpc.RpcError as error:
            return error.code() not in (
                grpc.StatusCode.DEADLINE_EXCEEDED,
                grpc.StatusCode.UNAVAILABLE,
            )
        return True
