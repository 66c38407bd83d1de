"""Which model a new one is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tfx.types import Artifact

pytestmark = pytest.mark.tfx


def _artifacts(blessed: dict[int, bool]) -> tuple[dict[int, Artifact], list[Artifact]]:
    """Return models by their ids, and a blessing or a refusal of each."""
    from tfx.types.standard_artifacts import Model, ModelBlessing

    models, blessings = {}, []
    for number, is_blessed in blessed.items():
        models[number] = Model()
        models[number].id = number
        blessing = ModelBlessing()
        blessing.set_int_custom_property("current_model_id", number)
        blessing.set_int_custom_property("blessed", int(is_blessed))
        blessings.append(blessing)
    return models, blessings


@pytest.mark.parametrize(
    ("blessed", "candidate", "expected"),
    [
        pytest.param({3: True}, 3, [], id="the first model has none"),
        pytest.param({3: True, 7: True}, 7, [3], id="a blessed candidate is not its own"),
        pytest.param({3: True, 5: True, 7: False}, 7, [5], id="the latest one"),
        pytest.param({3: True, 5: False, 7: True}, 7, [3], id="a refused one is passed over"),
        pytest.param({3: True, 5: True}, 3, [5], id="a later one where the candidate is cached"),
    ],
)
def test_the_baseline_is_the_latest_other_blessed_model(
    blessed: dict[int, bool], candidate: int, expected: list[int]
) -> None:
    """Refused models and the candidate itself are never the baseline."""
    from tfx_parity.pipelines.baseline import LatestOtherBlessedModelStrategy

    models, blessings = _artifacts(blessed)
    inputs = {
        "candidate": [models[candidate]],
        "model": list(models.values()),
        "model_blessing": blessings,
    }

    found = LatestOtherBlessedModelStrategy().resolve_artifacts(None, inputs)

    assert expected == [model.id for model in found["model"]]
    assert [models[candidate]] == found["candidate"]
