"""CanaryValidator executor: unpacks artifacts, makes the check, writes blessing and report."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, json_utils, path_utils

from tfx_parity.canary.backend import CanaryBackend
from tfx_parity.canary.binary import BinaryBackend
from tfx_parity.canary.native import NativeBackend
from tfx_parity.canary.pod import ModelPlace
from tfx_parity.canary.serving_spec import backends_of, model_name_of, names_kubernetes
from tfx_parity.canary_validator import keys
from tfx_parity.canary_validator.check import check_model
from tfx_parity.canary_validator.check_options import CheckOptions
from tfx_parity.canary_validator.evaluation_sample import read_evaluation_sample
from tfx_parity.canary_validator.recorded import Recorded, read_recorded
from tfx_parity.canary_validator.requests_only import read_requests
from tfx_parity.canary_validator.side_metrics import Measure
from tfx_parity.comparison.tolerance import TolerancePolicy
from tfx_parity.contract import ServingContract
from tfx_parity.contract.parity_sample import FOLDER_NAME as SAMPLE_FOLDER
from tfx_parity.contract.serving_contract import FILE_NAME as CONTRACT_FILE
from tfx_parity.contract.trainer_predictions import FOLDER_NAME
from tfx_parity.errors import BadInputError
from tfx_parity.findings import ParityResult, Verdict
from tfx_parity.reporting.report_files import write_report

_log = logging.getLogger(__name__)


class Executor(base_executor.BaseExecutor):
    """Compares a canary's answers with the trainer's and blesses the model or not."""

    def Do(  # noqa: N802 - TFX names it
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Run the component.

        Args:
            input_dict: `model`, and `model_run`, `transform_graph`, `examples`,
                `payload_blessing` where given.
            output_dict: `blessing` and `report`.
            exec_properties: `max_mismatch_rate`, `confidence`, `tolerances` (JSON),
                `without_trainer_predictions`, `redact`; where given `server`, `serving_spec` and
                `eval_config` (JSON), `batching_parameters` (text).

        Raises:
            BadInputError: If the trainer's predictions are missing, or were recorded under another
                transform graph than the one given; if the eval_config names a feature that the
                parity sample does not have.
            ServerUnavailableError: If a server cannot be run for a reason outside the model.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(input_dict[keys.MODEL])
        with tempfile.TemporaryDirectory(prefix="tfx-parity-") as folder:
            model_uri = path_utils.serving_model_path(model.uri)
            local_model = _local(model_uri, Path(folder) / "model")
            recorded = _recorded(input_dict, exec_properties, Path(folder))
            options = CheckOptions(
                max_mismatch_rate=exec_properties[keys.MAX_MISMATCH_RATE],
                confidence=exec_properties[keys.CONFIDENCE],
                tolerances=TolerancePolicy.from_mapping(
                    json_utils.loads(exec_properties[keys.TOLERANCES])
                ),
                redact=bool(exec_properties[keys.REDACT]),
                allow_version_mismatch=bool(exec_properties[keys.ALLOW_VERSION_MISMATCH]),
            )
            backends = self._backends(model_uri, exec_properties)
            measure = _measure(input_dict, exec_properties, recorded, Path(folder))
            result = _check_on_each(local_model, recorded, backends, options, measure)
        payloads_are_blessed = _are_payloads_blessed(input_dict)
        _write_report(artifact_utils.get_single_instance(output_dict[keys.REPORT]), result)
        _write_blessing(
            artifact_utils.get_single_instance(output_dict[keys.BLESSING]),
            result,
            payloads_are_blessed=payloads_are_blessed,
        )

    def _backends(
        self, model_uri: str, exec_properties: dict[str, Any]
    ) -> tuple[CanaryBackend, ...]:
        spec = exec_properties.get(keys.SERVING_SPEC)
        if not spec and exec_properties.get(keys.SERVER) == keys.BINARY:
            return (BinaryBackend(),)
        if not spec:
            return (
                NativeBackend(batching_parameters=exec_properties.get(keys.BATCHING_PARAMETERS)),
            )
        place = None
        if names_kubernetes(spec) and "://" in model_uri:
            # A pod takes the model from where it lies, from a numbered folder of its own.
            numbered = f"{self._get_tmp_dir().rstrip('/')}/canary/1"
            io_utils.copy_dir(model_uri, numbered)
            place = ModelPlace.parse(numbered, model_name_of(spec))
        return backends_of(spec, place)


def _check_on_each(
    model: Path,
    recorded: Recorded,
    backends: Sequence[CanaryBackend],
    options: CheckOptions,
    measure: Measure | None,
) -> ParityResult:
    """Check a model on one server after the other, until it fails on one."""
    for backend in backends:
        result = check_model(model, recorded, backend, options, _log.info, measure=measure)
        if result.verdict is not Verdict.PASS:
            break
        _log.info("%s: %s", result.environment["canary"], result.verdict.value)
    return result


def _local(uri: str, folder: Path) -> Path:
    """Return a folder's local path, copying it where it is remote."""
    if "://" not in uri:
        return Path(uri)
    io_utils.copy_dir(uri, str(folder))
    return folder


def _recorded(
    input_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any], folder: Path
) -> Recorded:
    contract = _contract(input_dict)
    if input_dict.get(keys.MODEL_RUN):
        run = artifact_utils.get_single_instance(input_dict[keys.MODEL_RUN])
        if fileio.exists(f"{run.uri}/{FOLDER_NAME}"):
            recorded = read_recorded(_local(f"{run.uri}/{FOLDER_NAME}", folder / "predictions"))
            _check_wiring(recorded, contract, run.uri)
            return recorded
        where = f"in the model_run at {run.uri}"
    else:
        where = "as no model_run was given"
    if not exec_properties[keys.WITHOUT_TRAINER_PREDICTIONS]:
        raise BadInputError(
            f"Expected the trainer's predictions, found none {where}. The Trainer's run_fn lacks:\n"
            "    from tfx_parity.training import record_predictions\n"
            "    record_predictions(model, fn_args)\n"
            "To go on without them give CanaryValidator examples and "
            "without_trainer_predictions=True."
        )
    return _requests(input_dict, contract)


def _requests(
    input_dict: dict[str, list[types.Artifact]], contract: ServingContract | None
) -> Recorded:
    if not input_dict.get(keys.EXAMPLES):
        raise BadInputError(
            "Expected examples to ask with, as there are no trainer predictions; found none. "
            "Give CanaryValidator examples=example_gen.outputs['examples']."
        )
    artifact = artifact_utils.get_single_instance(input_dict[keys.EXAMPLES])
    splits = artifact_utils.decode_split_names(artifact.split_names)
    patterns = [
        io_utils.all_files_pattern(artifact_utils.get_split_uri([artifact], split))
        for split in sorted(splits)
    ]
    paths = [path for pattern in patterns for path in sorted(fileio.glob(pattern))]
    return read_requests(paths, contract, artifact.uri)


def _measure(
    input_dict: dict[str, list[types.Artifact]],
    exec_properties: dict[str, Any],
    recorded: Recorded,
    folder: Path,
) -> Measure | None:
    """Return what computes metrics on both sides, None where no eval_config was given."""
    if not exec_properties.get(keys.EVAL_CONFIG):
        return None
    # TFMA takes seconds to load, and is needed where it is asked for alone.
    from tfx_parity.canary_validator.evaluation import evaluation  # noqa: PLC0415

    graph = None
    if input_dict.get(keys.TRANSFORM_GRAPH):
        uri = artifact_utils.get_single_uri(input_dict[keys.TRANSFORM_GRAPH])
        graph = _local(f"{uri}/{SAMPLE_FOLDER}", folder / SAMPLE_FOLDER).parent
    sample = read_evaluation_sample(recorded, graph)
    return evaluation(exec_properties[keys.EVAL_CONFIG], sample)


def _contract(input_dict: dict[str, list[types.Artifact]]) -> ServingContract | None:
    if not input_dict.get(keys.TRANSFORM_GRAPH):
        return None
    path = f"{artifact_utils.get_single_uri(input_dict[keys.TRANSFORM_GRAPH])}/{CONTRACT_FILE}"
    if not fileio.exists(path):
        raise BadInputError(
            f"Expected {path}, found none: the transform graph was made by TFX's Transform. Make "
            "it with tfx_parity.TransformGraphGen, or leave transform_graph out."
        )
    with fileio.open(path, "rb") as file:
        return ServingContract.from_json(file.read(), path)


def _check_wiring(recorded: Recorded, contract: ServingContract | None, run_uri: str) -> None:
    """Refuse a model_run and a transform_graph that do not belong together."""
    if contract is None or recorded.contract is None:
        return
    given, used = contract.digests.transform_graph, recorded.contract.digests.transform_graph
    if given != used:
        raise BadInputError(
            "Expected the model_run and the transform_graph of one run, found predictions in "
            f"{run_uri} of the transform graph {used[:12]} beside the graph {given[:12]}. "
            "Wire CanaryValidator to the very TransformGraphGen that the Trainer is wired to."
        )


def _write_report(artifact: types.Artifact, result: ParityResult) -> None:
    with tempfile.TemporaryDirectory(prefix="tfx-parity-") as folder:
        paths = write_report(Path(folder), result)
        fileio.makedirs(artifact.uri)
        for path in paths:
            fileio.copy(str(path), f"{artifact.uri}/{path.name}", overwrite=True)
    artifact.set_string_custom_property("verdict", result.verdict.value)
    artifact.set_int_custom_property("examples", result.decision.examples)
    artifact.set_int_custom_property("mismatching", result.decision.mismatching)


def _are_payloads_blessed(input_dict: dict[str, list[types.Artifact]]) -> bool:
    """Whether what clients send is blessed, or nobody asked for it."""
    return all(
        model_utils.is_infra_validated(blessing)
        for blessing in input_dict.get(keys.PAYLOAD_BLESSING) or []
    )


def _write_blessing(
    artifact: types.Artifact, result: ParityResult, *, payloads_are_blessed: bool
) -> None:
    is_blessed = result.verdict is Verdict.PASS and payloads_are_blessed
    name = keys.BLESSED_FILE if is_blessed else keys.NOT_BLESSED_FILE
    io_utils.write_string_file(f"{artifact.uri}/{name}", "")
    artifact.set_int_custom_property(keys.BLESSED, int(is_blessed))
    _log.info("%s: %s", result.verdict.value, result.decision.sentence)
    if not payloads_are_blessed:
        _log.warning("Not blessed: PayloadValidator did not bless what clients send.")
