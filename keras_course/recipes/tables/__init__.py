"""The table of training runs, each with its budget and the result to expect: a module per topic, found by its name."""

import importlib
import pkgutil

from keras_course._lectures import LECTURES


def collect() -> dict:
    """Return all recipes by name, in the order of the lectures."""
    there = {module.name for module in pkgutil.iter_modules(__path__)}
    topics = [lecture.topic for lecture in LECTURES if lecture.topic in there]
    tables = [importlib.import_module(f"{__name__}.{topic}").TABLE for topic in topics]
    recipes = [recipe for table in tables for recipe in table]
    assert len({recipe.name for recipe in recipes}) == len(recipes), "two recipes have one name"
    return {recipe.name: recipe for recipe in recipes}
