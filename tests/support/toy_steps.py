"""Steps of a pipeline that takes no time."""

from pathlib import Path

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Model


@component
def Make(text: Parameter[str], made: OutputArtifact[Model]) -> None:  # noqa: N802 - a component
    """Write a text."""
    folder = Path(made.uri)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "text").write_text(text, encoding="utf-8")
    made.set_string_custom_property("text", text)


@component
def Take(taken: InputArtifact[Model]) -> None:  # noqa: N802
    """Refuse a bad text."""
    text = (Path(taken.uri) / "text").read_text(encoding="utf-8")
    if text == "bad":
        raise ValueError(f"found {text}")
