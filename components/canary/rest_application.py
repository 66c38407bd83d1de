"""What the REST front answers to an HTTP request: serving_api's rules over the served models."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from aiohttp import web

from tfx_parity.canary.monitoring import RequestMetrics
from tfx_parity.canary.served_models import ServedModels
from tfx_parity.protos import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    regression_pb2,
)
from tfx_parity.serving_api.metadata import SIGNATURE_DEF_FIELD, format_metadata, format_status
from tfx_parity.serving_api.rest_inference import (
    format_classification,
    format_regression,
    parse_inference,
)
from tfx_parity.serving_api.rest_response import format_error
from tfx_parity.serving_api.rest_urls import RestRoute, parse_url
from tfx_parity.serving_api.status import Code, ServingError, http_status

MAX_BODY_BYTES = 1 << 28
# Of all bodies that are being read or wait for an answer.
MAX_HELD_BYTES = 2 * MAX_BODY_BYTES
_READ_BODY_S = 60.0
_JSON = "application/json"


class RestApplication:
    """Answers every path by TF Serving's rules, with bounded memory for what is sent."""

    def __init__(
        self,
        served: ServedModels,
        metrics: RequestMetrics,
        pool: Executor,
        timeout_ms: int,
        *,
        metrics_path: str | None = None,
    ) -> None:
        """Prepare to answer.

        Args:
            served: What to ask.
            metrics: Is told what was asked.
            pool: Where requests are worked on.
            timeout_ms: Of the session's run for a request.
            metrics_path: Where the metrics are shown; None for nowhere.
        """
        self._served = served
        self._metrics = metrics
        self._metrics_path = metrics_path
        self._pool = pool
        self._timeout_ms = timeout_ms
        self._held_bytes = 0

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer a request."""
        path = request.raw_path.partition("?")[0]
        if path == self._metrics_path:
            return web.Response(body=self._metrics.page(), content_type="text/plain")
        body = bytearray()
        try:
            route = parse_url(request.method, path)
            _check_size(request.content_length or 0)
            await tell_to_continue(request)
            await self._read(request, body)
            answer = await asyncio.get_running_loop().run_in_executor(
                self._pool, self._measured_respond, route, bytes(body)
            )
        except ServingError as error:
            text = format_error(error.message, self._served.generation)
            return web.Response(body=text, status=http_status(error.code), content_type=_JSON)
        finally:
            self._held_bytes -= len(body)
        return web.Response(body=answer, content_type=_JSON)

    def _measured_respond(self, route: RestRoute, body: bytes) -> bytes:
        if route.verb in ("metadata", "status"):
            return respond(self._served, route, body, self._timeout_ms)
        with self._metrics.measured(route.model_name, route.verb, "REST"):
            return respond(self._served, route, body, self._timeout_ms)

    async def _read(self, request: web.BaseRequest, body: bytearray) -> None:
        """Read the body, refused if it is too large, too much with others, or comes too slowly."""
        try:
            if request.content.is_eof():  # all of it came already: nothing to wait for
                await self._read_chunks(request, body)
            else:
                await asyncio.wait_for(self._read_chunks(request, body), _READ_BODY_S)
        except asyncio.TimeoutError as error:
            raise ServingError(
                Code.DEADLINE_EXCEEDED, f"The body did not come within {_READ_BODY_S:g} s."
            ) from error
        except web.RequestPayloadError:
            # What says that it is gzip and is not is an empty body to TF Serving
            # (util/net_http/server/internal/evhttp_request.cc).
            self._held_bytes -= len(body)
            body.clear()

    async def _read_chunks(self, request: web.BaseRequest, body: bytearray) -> None:
        async for chunk in request.content.iter_any():
            body += chunk
            self._held_bytes += len(chunk)
            _check_size(len(body))
            if self._held_bytes > MAX_HELD_BYTES:
                raise ServingError(
                    Code.RESOURCE_EXHAUSTED,
                    f"The bodies of all requests together are over {MAX_HELD_BYTES} bytes.",
                )


async def tell_to_continue(request: web.BaseRequest) -> None:
    """Tell a client that waits for leave to send its body that it may (RFC 9110, 10.1.1)."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # aiohttp takes what was written for the beginning of the answer otherwise.
        request.writer.output_size = 0


def _check_size(size: int) -> None:
    if size > MAX_BODY_BYTES:
        raise ServingError(Code.RESOURCE_EXHAUSTED, f"The body is over {MAX_BODY_BYTES} bytes.")


def respond(served: ServedModels, route: RestRoute, body: bytes, timeout_ms: int) -> bytes:
    """Return the body that answers a request.

    Raises:
        ServingError: With TF Serving's code and text.
    """
    spec = model_pb2.ModelSpec(name=route.model_name)
    if route.version is not None:
        spec.version.value = route.version
    if route.label is not None:
        spec.version_label = route.label
    if route.verb == "metadata":
        metadata_request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=spec, metadata_field=[SIGNATURE_DEF_FIELD]
        )
        return format_metadata(served.metadata(metadata_request))
    if route.verb == "status":
        status_request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
        return format_status(served.status(status_request))
    if route.verb == "predict":
        return served.servable(spec).predict_json(body, timeout_ms)
    return _respond_by_examples(served, spec, route, body, timeout_ms)


def _respond_by_examples(
    served: ServedModels, spec: model_pb2.ModelSpec, route: RestRoute, body: bytes, timeout_ms: int
) -> bytes:
    """Answer `:classify` or `:regress`; the body is read before the model is looked for."""
    call = parse_inference(body, served.generation)
    servable = served.servable(spec)
    spec.signature_name = call.signature_name
    if route.verb == "classify":
        classification = classification_pb2.ClassificationRequest(
            model_spec=spec, input=call.examples
        )
        return format_classification(servable.classify(classification, timeout_ms).result)
    regression = regression_pb2.RegressionRequest(model_spec=spec, input=call.examples)
    return format_regression(servable.regress(regression, timeout_ms).result)
