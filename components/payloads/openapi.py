"""OpenAPI 3.1 of a served model: the paths that a client asks, what it sends and gets."""

from __future__ import annotations

from tfx_parity.payloads.feature_rules import FeatureRules
from tfx_parity.payloads.json_schema import DIALECT, body_schema
from tfx_parity.payloads.sample_body import sample_body
from tfx_parity.payloads.served_model import ServedModel

_ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}


def openapi_document(
    model: ServedModel, rules: FeatureRules, model_name: str, signatures: tuple[str, ...]
) -> dict[str, object]:
    """Return the OpenAPI document of a model at TensorFlow Serving's REST port.

    Args:
        model: The model.
        rules: What is allowed for each feature.
        model_name: The name under which it is served.
        signatures: The signatures to describe; the first one's body is the example.
    """
    body = body_schema(model, rules, signatures)
    del body["$schema"]
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {
            "title": f"Predictions of {model_name}",
            "description": "What the model takes unchanged, as TensorFlow Serving reads it.",
            "version": model.path.name,
        },
        "paths": {
            f"/v1/models/{model_name}:predict": {
                "post": {
                    "operationId": "predict",
                    "requestBody": {
                        "required": True,
                        "content": {
                            "application/json": {
                                "schema": {"$ref": "#/components/schemas/PredictRequest"},
                                "example": sample_body(model, rules, signatures[0]),
                            }
                        },
                    },
                    "responses": _responses("PredictResponse", "The predictions."),
                }
            },
            f"/v1/models/{model_name}/metadata": {
                "get": {
                    "operationId": "metadata",
                    "responses": _responses("Metadata", "The model's signatures."),
                }
            },
        },
        "components": {
            "schemas": {
                "PredictRequest": body,
                "PredictResponse": _answer(),
                "Metadata": {"type": "object"},
                "Error": _ERROR,
            }
        },
    }


def _responses(schema: str, description: str) -> dict[str, object]:
    return {
        "200": _response(schema, description),
        "default": _response("Error", "Why the request is refused or failed."),
    }


def _response(schema: str, description: str) -> dict[str, object]:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {
        "description": description,
        "content": {"application/json": {"schema": reference}},
    }


def _answer() -> dict[str, object]:
    """Return the schema of an answer: rows for `instances`, columns for `inputs`."""
    return {
        "type": "object",
        "properties": {"predictions": {"type": "array"}, "outputs": True},
        "oneOf": [{"required": ["predictions"]}, {"required": ["outputs"]}],
        "description": "Numbers can be the bare words NaN and Infinity, which are not JSON.",
    }
