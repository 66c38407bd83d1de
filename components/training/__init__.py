"""What a `run_fn` calls: export a model for Serving, and keep the trainer's own predictions."""

from tfx_parity.training.export import export_for_serving, save_for_serving
from tfx_parity.training.record import record_predictions
from tfx_parity.training.servable_model import ServableModel
from tfx_parity.training.serving_module import ServingModule
from tfx_parity.training.transform_graph import TransformGraph

__all__ = [
    "ServableModel",
    "ServingModule",
    "TransformGraph",
    "export_for_serving",
    "record_predictions",
    "save_for_serving",
]
