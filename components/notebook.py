"""A `ParityReport` shown in a notebook, by TFX's `InteractiveContext` or by itself.

Importing this module makes TFX show parity reports; nothing else of this package imports it.

```python
import tfx_parity.notebook

context = InteractiveContext()
...
context.run(canary_validator)
context.show(canary_validator.outputs["report"])
```
"""

from __future__ import annotations

from markupsafe import escape
from tfx import types
from tfx.dsl.io import fileio
from tfx.orchestration.experimental.interactive import visualizations

from tfx_parity.artifacts import ParityReport
from tfx_parity.errors import BadInputError
from tfx_parity.reporting.html_page import FILE_NAME

HEIGHT_PX = 900


class ParityReportVisualization(visualizations.ArtifactVisualization):
    """Shows the page of a parity report."""

    ARTIFACT_TYPE = ParityReport

    def display(self, artifact: types.Artifact) -> None:
        """Show a report below the notebook's cell.

        Args:
            artifact: A `ParityReport`.

        Raises:
            BadInputError: If the artifact holds no page.
        """
        from IPython.display import HTML, display  # noqa: PLC0415 - only notebooks have it

        display(HTML(framed_page(artifact.uri)))


def framed_page(uri: str) -> str:
    """Return a report's page in a frame of its own, so that neither styles the other.

    Args:
        uri: The artifact's folder.

    Raises:
        BadInputError: If it holds no page.
    """
    path = f"{uri}/{FILE_NAME}"
    if not fileio.exists(path):
        raise BadInputError(
            f"Expected a parity report at {path}, found none. Is this the report of a "
            "CanaryValidator that has run?"
        )
    with fileio.open(path, "rb") as file:
        page = file.read().decode("utf-8")
    return (
        f'<div><iframe title="parity report" sandbox srcdoc="{escape(page)}" '
        f'style="width:100%;height:{HEIGHT_PX}px;border:0"></iframe></div>'
    )


visualizations.get_registry().register(ParityReportVisualization)
