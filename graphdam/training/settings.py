"""Everything that decides a run: one validated, frozen value, written whole to settings.json."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError, model_validator

from graphdam.data import kind_of
from graphdam.errors import SettingsError, unknown_choice
from graphdam.training.agreement import require_agreement
from graphdam.training.autoencoder_recipes import (
    AUTOENCODER,
    RECONSTRUCTION,
    autoencoder_defaults,
)
from graphdam.training.image_recipes import image_defaults
from graphdam.training.kinds import OBJECTIVES_BY_KIND
from graphdam.training.loader_fields import require_one_loader
from graphdam.training.rating_recipes import rating_defaults
from graphdam.training.recipes import AS_WIDE, OBJECTIVES, RECIPES, defaults_of
from graphdam.training.system_fields import SystemFields, require_one_system


class Settings(SystemFields):
    """The settings of a run; a misspelt or contradictory one is an error.

    Make them with `Settings.of("default", dataset="cora", epochs=200)`: a recipe fills in what is
    not given.

    Raises:
        SettingsError: from `of`, naming the setting, what was received and what is accepted.
    """

    @classmethod
    def of(cls, recipe: str = "default", **given: Any) -> Settings:
        """A recipe's settings with some replaced."""
        if recipe not in RECIPES:
            raise SettingsError(unknown_choice("recipe", recipe, RECIPES))
        objective = given.get("objective", "node-classification")
        known = (*OBJECTIVES, *OBJECTIVES_BY_KIND.values())
        if objective not in known:
            raise SettingsError(unknown_choice("objective", objective, known))
        unknown = [name for name in given if name not in cls.model_fields]
        if unknown:
            raise SettingsError(unknown_choice("setting", unknown[0], cls.model_fields))
        dataset = str(given.get("dataset", ""))
        kind = kind_of(dataset)
        rebuilds = given.get("model") == AUTOENCODER or objective == RECONSTRUCTION
        match kind:
            case "images" if not rebuilds:
                defaults = image_defaults(recipe, dataset, given.get("model"))
            case "images" | "points":
                defaults = autoencoder_defaults(recipe, dataset)
            case "ratings":
                defaults = rating_defaults(recipe, dataset)
            case "graphs":
                defaults = defaults_of(recipe, objective if objective in OBJECTIVES else known[0])
        if given.get("teacher_from") is not None:
            defaults = {**defaults, "teacher_end": 0.0}
        values = {**defaults, **given, "recipe": recipe}
        if RECIPES[recipe].as_wide or kind != "graphs":
            firm = defaults if kind == "ratings" else {}
            for own, wide in AS_WIDE.items():
                followed = values.get(wide, cls.model_fields[wide].default)
                values[own] = given.get(own, firm.get(own, followed))
        try:
            return cls(**values)
        except ValidationError as error:
            raise SettingsError(_sentence(error)) from None

    @model_validator(mode="after")
    def _agree(self) -> Settings:
        require_agreement(self)
        require_one_loader(self)
        require_one_system(self)
        return self

    def changed(self) -> dict[str, Any]:
        """The settings that depart from the recipe, those that say where and on what apart.

        What follows the wide model's settings (`AS_WIDE`) departs where it does not.
        """
        about: dict[str, Any] = {"objective": self.objective}
        if self.kind != "graphs":
            about |= {"dataset": self.dataset, "model": self.model}
        recipe = Settings.of(self.recipe, **about).model_dump(mode="json")
        apart = {"recipe", "dataset", "split", "seeds", "device", "threads", "model", "objective"}
        now = self.model_dump(mode="json")
        if RECIPES[self.recipe].as_wide or self.kind != "graphs":
            follows = {own: wide for own, wide in AS_WIDE.items() if recipe[own] == recipe[wide]}
            recipe |= {own: now[wide] for own, wide in follows.items()}
        return {name: now[name] for name in now if name not in apart and now[name] != recipe[name]}


def _sentence(error: ValidationError) -> str:
    """The first of pydantic's complaints as one sentence."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return f"These settings contradict each other: {message}."
    name = str(first["loc"][0])
    message = message[0].lower() + message[1:]
    return f"Setting {name}={first['input']!r}: {message}."
