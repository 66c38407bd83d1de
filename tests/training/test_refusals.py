"""What a run_fn gets wrong, told in its own words."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tfx_parity.errors import BadInputError

pytestmark = [pytest.mark.tensorflow, pytest.mark.tfx]


@pytest.fixture
def fn_args(toy_transform_graph: Path, tmp_path: Path) -> SimpleNamespace:
    """Return the part of TFX's FnArgs that training reads."""
    return SimpleNamespace(
        transform_output=str(toy_transform_graph),
        serving_model_dir=str(tmp_path / "model"),
        model_run_dir=str(tmp_path / "run"),
    )


def _model_of(*names: str) -> object:
    import keras

    inputs = {name: keras.Input((1,), name=name, dtype="float32") for name in names}
    joined = (
        keras.layers.Concatenate()(list(inputs.values())) if len(names) > 1 else inputs[names[0]]
    )
    return keras.Model(inputs, keras.layers.Dense(1)(joined))


def test_a_label_among_the_models_inputs_is_refused(fn_args: SimpleNamespace) -> None:
    """The error names the feature and the label that it depends on; nothing is written."""
    from tfx_parity.training import export_for_serving

    with pytest.raises(BadInputError, match=r"\['label'\].*'label_id'"):
        export_for_serving(_model_of("size_z", "label_id"), fn_args)
    assert not Path(fn_args.serving_model_dir).exists()


def test_an_input_that_the_transform_graph_does_not_make_is_refused(
    fn_args: SimpleNamespace,
) -> None:
    """The error names the input and what the transform graph makes."""
    from tfx_parity.training import record_predictions

    with pytest.raises(BadInputError, match=r"inputs \['sise_z'\] and the outputs .*'size_z'"):
        record_predictions(_model_of("sise_z"), fn_args)
    assert not Path(fn_args.model_run_dir).exists()


@pytest.mark.parametrize("function", ["export_for_serving", "record_predictions"])
def test_a_model_that_answers_another_number_of_rows_is_refused(
    fn_args: SimpleNamespace, function: str
) -> None:
    """The error names the output, the rows asked for and the rows found."""
    import tensorflow as tf

    import tfx_parity.training as training  # noqa: PLR0402

    class Mean(tf.Module):
        variables = ()

        def __call__(self, features: dict[str, tf.Tensor]) -> tf.Tensor:
            return tf.reduce_mean(features["size_z"], axis=0, keepdims=True)

    with pytest.raises(BadInputError, match="rows of the output 'outputs' for .* found 1 rows"):
        getattr(training, function)(Mean(), fn_args)


def test_what_cannot_be_called_is_refused(fn_args: SimpleNamespace) -> None:
    """A module without a call is told what it lacks."""
    import tensorflow as tf

    from tfx_parity.training import export_for_serving

    with pytest.raises(BadInputError, match="Module that cannot be called"):
        export_for_serving(tf.Module(), fn_args)


def test_a_transform_graph_of_stock_transform_is_refused(
    fn_args: SimpleNamespace, toy_transform_graph: Path, tmp_path: Path
) -> None:
    """The error says which component makes the missing contract."""
    import shutil

    from tfx_parity.training import export_for_serving

    stock = tmp_path / "stock"
    shutil.copytree(toy_transform_graph, stock)
    (stock / "serving_contract.json").unlink()
    fn_args.transform_output = str(stock)

    with pytest.raises(BadInputError, match=r"tfx_parity\.TransformGraphGen"):
        export_for_serving(_model_of("size_z"), fn_args)
