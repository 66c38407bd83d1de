"""A penguins model as its clients see it: signatures, contract and parsing op, nothing to run."""

from __future__ import annotations

from pathlib import Path

from tfx_parity.contract import Digests, Domain, RawFeature, ServingContract
from tfx_parity.protos import DataType, Example, MetaGraphDef, SavedModel, TensorProto

FLOAT, INT, STRING = DataType.DT_FLOAT, DataType.DT_INT64, DataType.DT_STRING
RAW = {
    "bill_length_mm": FLOAT,
    "body_mass_g": INT,
    "island": STRING,
    "sex": STRING,
}
ROW = {"bill_length_mm": 46.1, "body_mass_g": 4500, "island": "Biscoe", "sex": "female"}
DOMAINS = {
    "bill_length_mm": Domain(minimum=20.0, maximum=80.0),
    "body_mass_g": Domain(minimum=1500, maximum=10000),
    "island": Domain(values=("Biscoe", "Dream", "Torgersen")),
    "sex": Domain(values=("female", "male")),
}
_NAMES = {FLOAT: "float32", INT: "int64", STRING: "string"}


def contract() -> ServingContract:
    """Return the model's serving contract."""
    raw = tuple(
        RawFeature(
            name=name,
            dtype=_NAMES[kind],
            kind="fixed" if name == "island" else "varlen",
            shape=(1,),
            required=name == "island",
            domain=DOMAINS[name],
        )
        for name, kind in RAW.items()
    )
    return ServingContract(
        raw_features=raw,
        label_features=("species",),
        transformed_features=(),
        signatures={"serving_default": "examples", "serve_raw": "raw features"},
        missing_values={},
        digests=Digests("", "", "", {}),
        versions={},
    )


def meta_graph(*, parsed_label: bool = False) -> MetaGraphDef:
    """Return a graph whose signatures are those of an exported penguins model.

    Args:
        parsed_label: Whether the graph parses the label as well, as a model does that was exported
            with the training spec.
    """
    graph = MetaGraphDef()
    graph.meta_info_def.tags.append("serve")
    graph.meta_info_def.tensorflow_version = "2.16.2"
    raw = graph.signature_def["serve_raw"]
    for name, kind in RAW.items():
        raw.inputs[name].dtype = kind
        raw.inputs[name].name = f"serve_raw_{name}:0"
        raw.inputs[name].tensor_shape.dim.add(size=-1)
    default = graph.signature_def["serving_default"]
    default.inputs["examples"].dtype = STRING
    default.inputs["examples"].name = "examples:0"
    default.inputs["examples"].tensor_shape.dim.add(size=-1)
    for signature in (raw, default):
        output = signature.outputs["outputs"]
        output.name, output.dtype = "parse:0", FLOAT
        output.tensor_shape.dim.add(size=-1)
        output.tensor_shape.dim.add(size=3)
    raw.outputs["outputs"].name = "serve_raw_island:0"
    _add_parsing(graph, ["island", *(["species"] if parsed_label else [])])
    return graph


def _add_parsing(graph: MetaGraphDef, dense: list[str]) -> None:
    sparse = [name for name in RAW if name != "island"]
    nodes = graph.graph_def.node
    nodes.add(name="examples", op="Placeholder")
    for name, keys in (("names", []), ("sparse", sparse), ("dense", dense), ("ragged", [])):
        proto = TensorProto(dtype=STRING, string_val=[key.encode() for key in keys])
        proto.tensor_shape.dim.add(size=len(keys))
        nodes.add(name=name, op="Const").attr["value"].tensor.CopyFrom(proto)
    none = TensorProto(dtype=STRING)
    none.tensor_shape.dim.add(size=0)
    nodes.add(name="none", op="Const").attr["value"].tensor.CopyFrom(none)
    parse = nodes.add(name="parse", op="ParseExampleV2")
    parse.input.extend(["examples", "names", "sparse", "dense", "ragged", *["none"] * len(dense)])
    parse.attr["Tdense"].list.type.extend([STRING] * len(dense))
    for _ in dense:
        parse.attr["dense_shapes"].list.shape.add().dim.add(size=1)
    parse.attr["sparse_types"].list.type.extend(RAW[name] for name in sparse)


def write_model(folder: Path, graph: MetaGraphDef | None = None) -> Path:
    """Write the model with its contract and return its folder."""
    saved = SavedModel(meta_graphs=[meta_graph() if graph is None else graph])
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString(deterministic=True))
    (folder / "assets.extra" / "serving_contract.json").write_bytes(contract().to_json())
    return folder


def example(**values: object) -> bytes:
    """Return a serialized example: ROW with some values replaced, None for a feature left out."""
    made = Example()
    for name, value in {**ROW, **values}.items():
        feature = made.features.feature
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, float):
                feature[name].float_list.value.append(item)
            elif isinstance(item, int):
                feature[name].int64_list.value.append(item)
            elif item is not None:
                text = item.encode("utf-8") if isinstance(item, str) else item
                feature[name].bytes_list.value.append(text)
    return made.SerializeToString(deterministic=True)
