"""What a run's record is made of, its scores apart."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from graphdam.report.scores import Count, Fraction, Frozen, Positive, Scores, Width


class WideReference(Frozen):
    """The wide model that a run's compact one is held against, scored on the same seeds.

    `name` is "teacher" for the one trained in the same run.
    """

    name: str
    widths: list[Width]
    val: Scores
    test: Scores
    further: dict[str, Scores] = Field(default_factory=dict)
    parameters: Count
    multiply_adds: Count


class Latency(Frozen):
    """Time of one inference in milliseconds; `ratio` above 1 says that compact is faster.

    `images` or `pairs` (of a user and an item) are those that one inference reads, `None` where it
    reads a whole graph.
    """

    wide_ms: Positive
    compact_ms: Positive
    ratio: Positive
    threads: Annotated[int, Field(ge=1)]
    images: Count | None = None
    pairs: Count | None = None

    @model_serializer(mode="wrap")
    def _without_what_is_not_read(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A graph's says nothing of images, so that its record is the bytes that it ever was."""
        content: dict[str, Any] = dump(self)
        return {name: value for name, value in content.items() if value is not None}


class Prefix(Frozen):
    """The compact model cut to its first channels, without further training."""

    widths: list[Width]
    val: Fraction


class Sparsity(Frozen):
    """How many numbers of a model are not zero, though all of them are stored and multiplied.

    `nonzero` counts parameters, biases included. `layers` holds the share of zeros in every weight
    of two or more axes, by its path. Zeros make a model neither smaller nor faster.
    """

    nonzero: Count
    layers: dict[str, Fraction]


class Reduction(Frozen):
    """How a trained model was made smaller afterwards, without further training.

    "truncate" cuts the encoder to its first channels, every layer in proportion, and makes it
    cheaper. "pca", "top-variance" and "columns" cut its embedding, from an encoder that stays as
    it was: `width` principal axes, columns of largest variance, first columns. "filters" removes
    the `share` of every layer's filters whose norm is smallest, "svd" makes two layers of each
    that together hold that `share` less, and "magnitude" puts that `share` of all weights, the
    smallest, at zero; after these three batch norms take their statistics anew.
    """

    method: Literal["truncate", "pca", "top-variance", "columns", "filters", "svd", "magnitude"]
    width: Width | None = None
    share: Fraction | None = None

    @model_validator(mode="after")
    def _one_size(self) -> Reduction:
        takes_share = self.method in ("filters", "svd", "magnitude")
        if (self.width is None, self.share is None) != (takes_share, not takes_share):
            raise ValueError(
                f"'{self.method}' takes a {'share' if takes_share else 'width'} and nothing else"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_what_it_does_not_take(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = dump(self)
        return {name: value for name, value in content.items() if value is not None}

    @property
    def cuts_encoder(self) -> bool:
        return self.width is None or self.method == "truncate"
