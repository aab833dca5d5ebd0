"""The loop, its settings, the co-trained teacher, checkpoints."""

from graphdam.training.build import build_encoder, build_gated, build_objective, build_wide
from graphdam.training.own_model import Narrowed, narrow
from graphdam.training.recipes import RECIPES, Recipe
from graphdam.training.settings import Settings
from graphdam.training.task import Task
from graphdam.training.task_of import load_model, task_of
from graphdam.training.trainer import Fit, Trainer, seeded

__all__ = [
    "RECIPES",
    "Fit",
    "Narrowed",
    "Recipe",
    "Settings",
    "Task",
    "Trainer",
    "build_encoder",
    "build_gated",
    "build_objective",
    "build_wide",
    "load_model",
    "narrow",
    "seeded",
    "task_of",
]
