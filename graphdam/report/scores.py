"""A score over several seeds, and the kinds of numbers that records are made of."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from graphdam.report.metrics import goodness, is_error

Fraction = Annotated[float, Field(ge=0, le=1)]
Width = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class Frozen(BaseModel):
    """A validated value that converts nothing, allows no unknown field and cannot be changed."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Scores(Frozen):
    """One score over the seeds of a run: the values, their mean and deviation.

    Shares are fractions, errors (`graphdam.report.metrics`) have a unit of their own.

    `std` is the unbiased standard deviation (division by n − 1), `None` for a single seed.
    """

    metric: str
    mean: NonNegative
    std: NonNegative | None
    values: list[NonNegative] = Field(min_length=1)

    @property
    def goodness(self) -> float:
        """The mean as models are ranked by it: the higher, the better."""
        return goodness(self.metric, self.mean)

    @classmethod
    def of(cls, metric: str, values: Sequence[float]) -> Scores:
        """The scores that these values (one a seed) make.

        >>> Scores.of("accuracy", [0.75, 0.85]).mean
        0.8
        """
        listed = [float(value) for value in values]
        if not listed:
            raise ValueError(f"no values of '{metric}': a score needs the value of at least a seed")
        std = statistics.stdev(listed) if len(listed) > 1 else None
        return cls(metric=metric, mean=statistics.fmean(listed), std=std, values=listed)

    @model_validator(mode="after")
    def _shares_are_fractions(self) -> Scores:
        if not is_error(self.metric) and max(self.values) > 1:
            raise ValueError(
                f"values hold {max(self.values)}, but should be less than or equal to 1: "
                f"'{self.metric}' is a share"
            )
        return self

    @model_validator(mode="after")
    def _summaries_agree_with_values(self) -> Scores:
        mean = statistics.fmean(self.values)
        if not math.isclose(self.mean, mean, rel_tol=0, abs_tol=1e-9):
            raise ValueError(f"mean is {self.mean}, but the values' mean is {mean}")
        if len(self.values) == 1:
            if self.std is not None:
                raise ValueError(f"std is {self.std}, but one seed has no deviation: leave it null")
            return self
        std = statistics.stdev(self.values)
        if self.std is None or not math.isclose(self.std, std, rel_tol=0, abs_tol=1e-9):
            raise ValueError(f"std is {self.std}, but the values' unbiased deviation is {std}")
        return self
