"""The recipe language: load, evaluate, validate, schedule."""

from __future__ import annotations

from engine.recipes.compose import compose
from engine.recipes.loader import load_recipe, parse_recipe
from engine.recipes.problems import Problem, RecipeError
from engine.recipes.recipe import Recipe, Stage

__all__ = ["Problem", "Recipe", "RecipeError", "Stage", "compose", "load_recipe", "parse_recipe"]
