"""What a SavedModel says of the requests it takes, without loading it into a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format
from google.protobuf.message import DecodeError

from tfx_parity.canary.session import INIT_OP_SIGNATURE
from tfx_parity.canary.versions import find_version
from tfx_parity.contract import ServingContract
from tfx_parity.contract.serving_contract import read_contract
from tfx_parity.errors import BadInputError
from tfx_parity.payloads.parse_spec import parsed_features
from tfx_parity.protos import DataType, MetaGraphDef, SavedModel, SignatureDef
from tfx_parity.serving_api.example_parsing import ParsedFeature
from tfx_parity.serving_api.generation import Generation

_SERVE_TAG = "serve"
_EXTRA = "assets.extra"


@dataclass(frozen=True)
class ServedModel:
    """A model as its clients see it.

    Attributes:
        path: The SavedModel's folder.
        signature_defs: Its signatures, without the initialisation op.
        contract: The serving contract that it carries; None where it carries none.
        parsed: What signatures parse of serialized `tf.Example`s, by signature name.
        tensorflow_version: The version that saved it.
    """

    path: Path
    signature_defs: Mapping[str, SignatureDef]
    contract: ServingContract | None
    parsed: Mapping[str, tuple[ParsedFeature, ...]]
    tensorflow_version: str

    @property
    def generation(self) -> Generation:
        """The JSON front of a TF Serving of the model's own TensorFlow."""
        try:
            return Generation.of_tensorflow(self.tensorflow_version)
        except ValueError:  # saved by something that states no version
            return Generation.V2_18

    @property
    def features_read(self) -> frozenset[str]:
        """The features that some signature takes, as an input or inside of an example."""
        names = {feature.name for features in self.parsed.values() for feature in features}
        for signature in self.signature_defs.values():
            names |= set(signature.inputs)
        return frozenset(names)

    def example_input(self, signature_name: str) -> str | None:
        """Return the input that takes serialized `tf.Example`s, None where there is none."""
        inputs = self.signature_defs[signature_name].inputs
        if len(inputs) != 1:
            return None
        ((alias, info),) = inputs.items()
        is_vector = info.dtype == DataType.DT_STRING and len(info.tensor_shape.dim) == 1
        return str(alias) if is_vector and signature_name in self.parsed else None


def read_served_model(path: Path) -> ServedModel:
    """Read what a model says of its requests.

    Args:
        path: A SavedModel, or a base path with numbered versions, of which the latest is read.

    Raises:
        BadInputError: If there is none, or it cannot be read.
    """
    folder = find_version(path, "default").path
    meta_graph = _served_graph(folder)
    signature_defs = {
        name: meta_graph.signature_def[name]
        for name in sorted(meta_graph.signature_def)
        if name != INIT_OP_SIGNATURE
    }
    if not signature_defs:
        raise BadInputError(
            f"Expected a model with signatures, found none in {folder}. Save it with signatures="
            "..., or by export_for_serving."
        )
    parsed = parsed_features(meta_graph)
    return ServedModel(
        path=folder,
        signature_defs=signature_defs,
        contract=read_contract(folder / _EXTRA),
        parsed={name: parsed[name] for name in signature_defs if name in parsed},
        tensorflow_version=meta_graph.meta_info_def.tensorflow_version,
    )


def _served_graph(folder: Path) -> MetaGraphDef:
    saved = _saved_model(folder)
    for meta_graph in saved.meta_graphs:
        if _SERVE_TAG in meta_graph.meta_info_def.tags:
            return meta_graph
    raise BadInputError(
        f"Expected a graph tagged {_SERVE_TAG!r} in {folder}, found none: nothing to serve."
    )


def _saved_model(folder: Path) -> SavedModel:
    binary, text = folder / "saved_model.pb", folder / "saved_model.pbtxt"
    try:
        if binary.is_file():
            return SavedModel.FromString(binary.read_bytes())
        if text.is_file():
            return text_format.Parse(text.read_text(encoding="utf-8"), SavedModel())
    except (DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise BadInputError(
            f"Expected a whole SavedModel in {folder}, found a damaged one: {error}."
        ) from error
    raise BadInputError(f"Expected saved_model.pb or saved_model.pbtxt in {folder}, found neither.")
