"""Artifact types of tfx-parity.

Kubeflow's runner takes a type name of the form `package.Class` only, and a step resolves it by
importing it (tfx/orchestration/kubeflow/v2, compiler_utils.get_artifact_schema and
kubeflow_v2_entrypoint_utils._retrieve_class_path). A type of one's own cannot declare properties
there (compiler_utils._validate_properties_schema): what these tell are custom properties.
"""

from __future__ import annotations

from tfx.types import artifact


class ParityReport(artifact.Artifact):
    """A model's answers in Serving against its trainer's: `report.json` and `report.html`.

    Custom properties: `verdict`, and the numbers of `examples` and of `mismatching` ones.
    """

    TYPE_NAME = "tfx_parity.ParityReport"


class PayloadReport(artifact.Artifact):
    """What clients send against what a model takes: `report.json` and `report.html`.

    Custom properties: `verdict`, and the numbers of `payloads` and of `faults`.
    """

    TYPE_NAME = "tfx_parity.PayloadReport"
