"""Recipes of lecture 7: attention on signals, translation, questions about stories, and sounds."""

from keras_course.recipes._optimizers import AdamW
from keras_course.recipes._recipe import Recipe
from keras_course.recipes.tasks.signals import AveragePairs
from keras_course.recipes.tasks.sounds import Sounds
from keras_course.recipes.tasks.stories import Questions
from keras_course.recipes.tasks.translation import Translation

_UNIT = "the course sums over 250 batches; divided by 250"


def _signals(pairs, suffix, published, **options):
    """The toy problem with one of the three networks."""
    return Recipe(
        name=f"signals_by_{pairs}{suffix}",
        summary=f"pairs of equal {pairs}, {options.pop('words')}",
        task=AveragePairs(pairs),
        topic="attention",
        builder="signal_network",
        preset="tiny",
        optimizer=AdamW(peak_rate=3e-3, final_rate=1e-5, warmup=100),
        steps=1500,
        batch_size=50,
        published=published,
        source=f"the course, after about 250 epochs of 25,000 signals ({_UNIT})",
        minutes=3,
        **options,
    )


def _stories(number, published, steps, summary, minutes=2):
    """A memory network of three hops on stories."""
    return Recipe(
        name=f"stories_{number}",
        summary=summary,
        task=Questions(number),
        topic="attention",
        builder="memory_network",
        preset="tiny",
        optimizer=AdamW(peak_rate=1e-2, final_rate=1e-4, warmup=100),
        steps=steps,
        batch_size=32,
        published=published,
        source="Sukhbaatar et al. 2015, the best network of three hops, on bAbI with 10,000 questions",
        minutes=minutes,
    )


def _stories_transformer(number, steps, minutes):
    """A transformer on the same stories."""
    return Recipe(
        name=f"stories_{number}_transformer",
        summary=f"the stories of stories_{number}, with a transformer",
        task=Questions(number),
        topic="attention",
        builder="story_transformer",
        preset="tiny",
        optimizer=AdamW(peak_rate=1e-3, final_rate=1e-5, warmup=100),
        steps=steps,
        batch_size=64,
        minutes=minutes,
    )


TABLE = (
    _signals("shape", "", 0.02, words="with attention"),
    _signals("shape", "_convolutions", 2.3, overrides={"attention": False}, words="with convolutions only"),
    _signals("position", "", 1.8, words="with attention that does not know positions"),
    _signals("position", "_with_positions", 0.2, overrides={"positions": True}, words="with attention and positions"),
    Recipe(
        name="phrases_en_de",
        summary="a small transformer translates sentences of a grammar into German, without any download",
        task=Translation("phrases", context_length=24, beams=4),
        topic="attention",
        builder="transformer",
        preset="tiny",
        optimizer=AdamW(peak_rate=2e-3, final_rate=1e-5, warmup=100),
        steps=1000,
        batch_size=64,
        minutes=3,
    ),
)
