"""Records, for the other TFX line's tests, a model of this line and what its trainer answered.

Run it anew on each line where the export or the recorded files change:
    python tests/support/record_line_model.py tests/lines/data
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import toy_models
import toy_pipeline
from tfx_line import LINE

from tfx_parity.training import export_for_serving, record_predictions


def record(folder: Path) -> None:
    """Write `tfx-LINE/model` and `tfx-LINE/run` into a folder, replacing what is there."""
    target = folder / f"tfx-{LINE}"
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as work:
        fn_args = SimpleNamespace(
            transform_output=str(toy_pipeline.make_transform_graph(Path(work))),
            serving_model_dir=str(target / "model"),
            model_run_dir=str(target / "run"),
        )
        model = toy_models.keras_3()
        export_for_serving(model, fn_args)
        record_predictions(model, fn_args)


if __name__ == "__main__":
    record(Path(sys.argv[1]))
