"""Protocol buffer messages of TensorFlow and TF Serving, without TensorFlow's Python.

Importing `tensorflow` takes some ten seconds, its generated message modules a tenth of one. While
these are imported an empty package stands in for `tensorflow`; afterwards it is taken away again,
so that a later `import tensorflow` in the same process gets the real one.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tfx_parity.errors import ServerUnavailableError


def tensorflow_folder() -> Path:
    """Return the folder of the installed `tensorflow` package without importing it.

    Raises:
        ServerUnavailableError: If TensorFlow is not installed.
    """
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or spec.origin is None:
        raise ServerUnavailableError(
            "Expected the package 'tensorflow' beside tfx-parity, found none in this Python "
            f"({sys.executable}). Install one: pip install 'tensorflow>=2.16,<2.22'."
        )
    return Path(spec.origin).parent


@contextmanager
def _tensorflow_stand_in() -> Iterator[None]:
    """Let `tensorflow.core...` be imported without running `tensorflow/__init__.py`."""
    if "tensorflow" in sys.modules:
        yield
        return
    package = types.ModuleType("tensorflow")
    package.__path__ = [str(tensorflow_folder())]
    sys.modules["tensorflow"] = package
    try:
        yield
    finally:
        del sys.modules["tensorflow"]


with _tensorflow_stand_in():
    from tensorflow.core.example.example_pb2 import Example
    from tensorflow.core.example.feature_pb2 import Feature
    from tensorflow.core.framework.attr_value_pb2 import AttrValue
    from tensorflow.core.framework.function_pb2 import FunctionDef
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.kernel_def_pb2 import KernelList
    from tensorflow.core.framework.node_def_pb2 import NodeDef
    from tensorflow.core.framework.op_def_pb2 import OpDef, OpList
    from tensorflow.core.framework.tensor_pb2 import TensorProto
    from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
    from tensorflow.core.framework.types_pb2 import DataType
    from tensorflow.core.protobuf.config_pb2 import ConfigProto, RunOptions
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef, TensorInfo
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
    from tensorflow_serving.apis import (
        classification_pb2,
        get_model_metadata_pb2,
        get_model_status_pb2,
        inference_pb2,
        input_pb2,
        model_management_pb2,
        model_pb2,
        predict_pb2,
        prediction_log_pb2,
        regression_pb2,
    )
    from tensorflow_serving.config.file_system_storage_path_source_pb2 import (
        FileSystemStoragePathSourceConfig,
    )
    from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

if TYPE_CHECKING:
    from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

# They load gRPC, half of what this module would cost those who only read messages.
_STUBS = frozenset({"model_service_pb2_grpc", "prediction_service_pb2_grpc"})


def __getattr__(name: str) -> object:
    """Load a module of gRPC stubs when it is first asked for."""
    if name not in _STUBS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _tensorflow_stand_in():
        return importlib.import_module(f"tensorflow_serving.apis.{name}")


__all__ = [
    "AttrValue",
    "ConfigProto",
    "DataType",
    "Example",
    "Feature",
    "FileSystemStoragePathSourceConfig",
    "FunctionDef",
    "GraphDef",
    "KernelList",
    "MetaGraphDef",
    "ModelConfig",
    "ModelServerConfig",
    "NodeDef",
    "OpDef",
    "OpList",
    "RunOptions",
    "SavedModel",
    "SignatureDef",
    "TensorInfo",
    "TensorProto",
    "TensorShapeProto",
    "classification_pb2",
    "get_model_metadata_pb2",
    "get_model_status_pb2",
    "inference_pb2",
    "input_pb2",
    "model_management_pb2",
    "model_pb2",
    "model_service_pb2_grpc",
    "predict_pb2",
    "prediction_log_pb2",
    "prediction_service_pb2_grpc",
    "regression_pb2",
    "tensorflow_folder",
]
