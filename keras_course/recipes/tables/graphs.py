"""Recipes of lecture 9: subjects of papers that cite each other, and molecules."""

from keras_course.recipes._optimizers import AdamW
from keras_course.recipes._recipe import Recipe
from keras_course.recipes.tables._molecules import MOLECULES
from keras_course.recipes.tasks.citations import Citations


def _papers(name, words, builder, *, data="cora", parts=20, preset="cora", steps=200, rate=0.01, overrides, **options):
    """A graph of papers, every step on the whole graph, at a constant rate."""
    return Recipe(
        name=name,
        summary=f"subjects of papers from their words and links, {words}",
        task=Citations(data=data, parts=parts),
        topic="graphs",
        builder=builder,
        preset=preset,
        overrides={"penalty": 5e-4, "sparse": True} | overrides,
        optimizer=AdamW(peak_rate=rate, final_rate=rate, warmup=0, betas=(0.9, 0.999), weight_decay=0.0, clip=None),
        steps=steps,
        batch_size=1,
        **options,
    )


_KIPF = "Kipf and Welling, 2017, mean of 100 runs with early stopping"
_VELICKOVIC = "Veličković et al., 2018, mean of 100 runs with early stopping"

TABLE = (
    _papers(
        "cora_gcn",
        "with a graph convolutional network",
        "gcn",
        overrides={},
        published=81.5,
        source=_KIPF,
        expected=81.5,
        tolerance=0.5,
        minutes=1,
    ),
    _papers(
        "cora_gat",
        "with a graph attention network",
        "gat",
        overrides={},
        rate=0.005,
        steps=400,
        published=83.0,
        source=_VELICKOVIC,
        expected=82.5,
        tolerance=0.2,
        minutes=4,
    ),
    _papers(
        "citations_gcn",
        "with a graph convolutional network, without any download",
        "gcn",
        data="citations",
        parts=1,
        preset="tiny",
        overrides={"hidden_dim": 16},
        minutes=1,
    ),
    *MOLECULES,
)
