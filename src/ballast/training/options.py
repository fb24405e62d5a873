"""The options of training: the block `training` in params.yaml."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ballast.evaluation.scores import Headline
from ballast.training.precision import Precision


class Training(BaseModel):
    """How networks are trained.

    Attributes:
        epochs: passes over the plan, at most.
        batch_size: examples a step.
        learning_rate: Adam's.
        patience: epochs to wait for a better score.
        monitor: the score on held-out rows that decides which epoch is best.
        defer_weights: share of the epochs before class weights apply (deferred reweighting, Cao et
            al. 2019); the best epoch is one of those after it.
        precision: of the products of word vectors with filters in training, which take nearly all
            of the time: bfloat16, float32, or whichever is faster on this processor. Sums and all
            else are float32.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    epochs: Annotated[int, Field(ge=1)] = 30
    batch_size: Annotated[int, Field(ge=1)] = 64
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    patience: Annotated[int, Field(ge=1)] = 4
    monitor: Headline = "f1_macro"
    defer_weights: Annotated[float, Field(ge=0, lt=1)] = 0.0
    precision: Precision = "auto"
