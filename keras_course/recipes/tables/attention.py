"""Recipes of lecture 7: attention on signals, translation, and a masked language model."""

from keras_course.recipes._optimizers import AdamW
from keras_course.recipes._recipe import Recipe
from keras_course.recipes.tasks.masked import MaskedTokens
from keras_course.recipes.tasks.signals import AveragePairs
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
    Recipe(
        name="masked_phrases",
        summary="a small encoder fills in masked tokens of sentences of a grammar, without any download",
        task=MaskedTokens("phrases"),
        topic="attention",
        builder="encoder_only_lm",
        preset="tiny",
        optimizer=AdamW(peak_rate=2e-3, final_rate=1e-5, warmup=100),
        steps=1500,
        batch_size=64,
        minutes=3,
    ),
)
