"""TransformGraphGen component definition."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.components.util import udf_utils
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.proto import transform_pb2
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ExecutionParameter
from tfx.utils import json_utils

from tfx_parity.transform_graph_gen import executor, keys
from tfx_parity.version import VERSION

# Proves a mismatch rate under 0.1 % at 95 % confidence where none of the examples differs.
DEFAULT_PARITY_SAMPLE_SIZE = 3000


class TransformGraphGenSpec(standard_component_specs.TransformSpec):
    """Transform's specification and the properties of the parity sample."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads it from the class
        **standard_component_specs.TransformSpec.PARAMETERS,
        keys.PARITY_SAMPLE_SIZE: ExecutionParameter(type=int),
        keys.SEED: ExecutionParameter(type=int),
        keys.SERVING_ENVIRONMENT: ExecutionParameter(type=str),
        # Without it TFX's cache would serve what an earlier version of this package made.
        keys.TFX_PARITY_VERSION: ExecutionParameter(type=str),
    }


class TransformGraphGen(base_beam_component.BaseBeamComponent):
    """TFX's Transform, with a serving contract and a parity sample inside its `transform_graph`.

    An unmodified Trainer, Evaluator and Pusher take its outputs. The contract says what clients
    send and what the graph makes of it; the parity sample pairs raw examples with the transformed
    records that Beam made of them, for `tfx_parity.training.record_predictions`.

    Example:
        transform = TransformGraphGen(
            examples=example_gen.outputs["examples"],
            schema=schema_gen.outputs["schema"],
            preprocessing_fn="my_package.preprocessing.preprocessing_fn",
        )

    Component `outputs` are those of TFX's Transform: `transform_graph`, `transformed_examples`
    (where `materialize`), `updated_analyzer_cache`, and unless `disable_statistics` the schemas,
    statistics and anomalies before and after the transform.
    """

    SPEC_CLASS = TransformGraphGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        module_file: str | None = None,
        preprocessing_fn: str | None = None,
        splits_config: transform_pb2.SplitsConfig | None = None,
        analyzer_cache: types.BaseChannel | None = None,
        materialize: bool = True,
        disable_analyzer_cache: bool = False,
        force_tf_compat_v1: bool = False,
        custom_config: dict[str, Any] | None = None,
        disable_statistics: bool = False,
        stats_options_updater_fn: str | None = None,
        parity_sample_size: int = DEFAULT_PARITY_SAMPLE_SIZE,
        seed: int = 0,
        serving_environment: str = "SERVING",
    ) -> None:
        """Construct the component.

        Args:
            examples: A channel of `Examples` that hold serialized `tf.Example`s.
            schema: A channel of one `Schema`.
            module_file: A file with `preprocessing_fn`; this or `preprocessing_fn`.
            preprocessing_fn: The import path of a `preprocessing_fn`; this or `module_file`.
            splits_config: Splits to analyse and to transform.
            analyzer_cache: A channel of `TransformCache`.
            materialize: Whether to write the transformed examples.
            disable_analyzer_cache: Whether to do without an analyzer cache.
            force_tf_compat_v1: Whether to trace in TensorFlow's compat.v1 mode.
            custom_config: Parameters for `preprocessing_fn`.
            disable_statistics: Whether to leave out statistics before and after the transform.
            stats_options_updater_fn: The import path of a `stats_options_updater_fn`.
            parity_sample_size: How many examples the parity sample holds at most.
            seed: What keys the draw of the parity sample.
            serving_environment: The schema's environment of clients' payloads: features that are
                not in it are labels.

        Raises:
            ValueError: If both or neither of `module_file` and `preprocessing_fn` are given, or
                options contradict each other, or `parity_sample_size` is not positive.
        """
        _check_options(module_file, preprocessing_fn, stats_options_updater_fn, parity_sample_size)
        if disable_analyzer_cache and analyzer_cache:
            raise ValueError("Expected no analyzer_cache where disable_analyzer_cache is True.")
        spec = TransformGraphGenSpec(
            examples=examples,
            schema=schema,
            analyzer_cache=analyzer_cache,
            module_file=module_file,
            preprocessing_fn=preprocessing_fn,
            stats_options_updater_fn=stats_options_updater_fn,
            force_tf_compat_v1=int(force_tf_compat_v1),
            splits_config=splits_config,
            custom_config=json_utils.dumps(custom_config),
            disable_statistics=int(disable_statistics),
            parity_sample_size=parity_sample_size,
            seed=seed,
            serving_environment=serving_environment,
            tfx_parity_version=VERSION,
            **_output_channels(materialize, disable_analyzer_cache, disable_statistics),
        )
        super().__init__(spec=spec)
        if udf_utils.should_package_user_modules():
            udf_utils.add_user_module_dependency(
                self,
                standard_component_specs.MODULE_FILE_KEY,
                standard_component_specs.MODULE_PATH_KEY,
            )


def _check_options(
    module_file: str | None,
    preprocessing_fn: str | None,
    stats_options_updater_fn: str | None,
    parity_sample_size: int,
) -> None:
    if bool(module_file) == bool(preprocessing_fn):
        raise ValueError(
            "Expected exactly one of module_file and preprocessing_fn, got "
            f"module_file={module_file!r} and preprocessing_fn={preprocessing_fn!r}."
        )
    if module_file and stats_options_updater_fn:
        raise ValueError("Expected no stats_options_updater_fn beside module_file.")
    if parity_sample_size < 1:
        raise ValueError(f"Expected parity_sample_size of at least 1, got {parity_sample_size}.")


def _output_channels(
    materialize: bool, disable_analyzer_cache: bool, disable_statistics: bool
) -> dict[str, types.Channel | None]:
    """Return the output channels, as the constructor of TFX's Transform makes them."""
    specs = standard_component_specs
    wanted = {
        specs.TRANSFORM_GRAPH_KEY: (standard_artifacts.TransformGraph, True),
        specs.TRANSFORMED_EXAMPLES_KEY: (standard_artifacts.Examples, materialize),
        specs.UPDATED_ANALYZER_CACHE_KEY: (
            standard_artifacts.TransformCache,
            not disable_analyzer_cache,
        ),
        specs.PRE_TRANSFORM_SCHEMA_KEY: (standard_artifacts.Schema, not disable_statistics),
        specs.PRE_TRANSFORM_STATS_KEY: (
            standard_artifacts.ExampleStatistics,
            not disable_statistics,
        ),
        specs.POST_TRANSFORM_SCHEMA_KEY: (standard_artifacts.Schema, not disable_statistics),
        specs.POST_TRANSFORM_STATS_KEY: (
            standard_artifacts.ExampleStatistics,
            not disable_statistics,
        ),
        specs.POST_TRANSFORM_ANOMALIES_KEY: (
            standard_artifacts.ExampleAnomalies,
            not disable_statistics,
        ),
    }
    channels = {
        key: types.Channel(type=artifact_type) if is_wanted else None
        for key, (artifact_type, is_wanted) in wanted.items()
    }
    if (transformed := channels[specs.TRANSFORMED_EXAMPLES_KEY]) is not None:
        transformed.matching_channel_name = specs.EXAMPLES_KEY
    return channels
