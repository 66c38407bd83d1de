"""Which model a new one is compared with: the latest blessed one that is not itself."""

from __future__ import annotations

import ml_metadata
from tfx.dsl.components.common.resolver import Resolver, ResolverStrategy
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.types import Artifact, BaseChannel, Channel
from tfx.types.standard_artifacts import Model, ModelBlessing

CANDIDATE = "candidate"
MODEL = "model"
MODEL_BLESSING = "model_blessing"


class LatestOtherBlessedModelStrategy(ResolverStrategy):
    """TFX's LatestBlessedModelStrategy over all models but the candidate.

    Where a run takes the candidate from the cache, the latest blessed model is that candidate: to
    compare it with itself says nothing, and being a new input it would run the Evaluator again.
    """

    def resolve_artifacts(
        self,
        store: ml_metadata.MetadataStore,
        input_dict: dict[str, list[Artifact]],
    ) -> dict[str, list[Artifact]] | None:
        """Return the model and its blessing; empty lists where there is none.

        Args:
            store: ML Metadata.
            input_dict: All models and blessings of the pipeline, and the candidate.
        """
        candidates = {artifact.id for artifact in input_dict[CANDIDATE]}
        others = [model for model in input_dict[MODEL] if model.id not in candidates]
        blessings = input_dict[MODEL_BLESSING]
        found = LatestBlessedModelStrategy().resolve_artifacts(
            store, {MODEL: others, MODEL_BLESSING: blessings}
        )
        return None if found is None else {**found, CANDIDATE: input_dict[CANDIDATE]}


def latest_other_blessed_model(candidate: BaseChannel) -> Resolver:
    """Return the step that finds the baseline, at its output `model`.

    Args:
        candidate: The channel of the model that is to be compared.
    """
    return Resolver(
        strategy_class=LatestOtherBlessedModelStrategy,
        **{
            CANDIDATE: candidate,
            MODEL: Channel(type=Model),
            MODEL_BLESSING: Channel(type=ModelBlessing),
        },
    ).with_id("baseline")
