"""Recipes of lecture 8: GPTs on small texts."""

from keras_course.recipes._optimizers import AdamW, Muon
from keras_course.recipes._recipe import Recipe
from keras_course.recipes.tables._notes import BUSY, CONCURRENT
from keras_course.recipes.tasks.text import NextToken

_GPT = {"topic": "language", "builder": "gpt"}
_SMALL = {**_GPT, "preset": "nanogpt_shakespeare_cpu", "batch_size": 12, "steps": 2000}

TABLE = (
    Recipe(
        name="python_docs_cpu",
        summary="the default: a small GPT writes Python documentation, without any download",
        task=NextToken("python_docs", context_length=64, prompt="The "),
        overrides={"positions": "rotary"},
        optimizer=AdamW(peak_rate=6e-3, final_rate=6e-4, warmup=100),
        expected=1.3,
        tolerance=0.05,  # the text differs a little between versions of Python
        note="This documentation repeats itself: about 15 % of the 40-character pieces of its validation part occur in "
        "its training part too, so a text that is really new would give a higher loss.",
        minutes=3,
        **_SMALL,
    ),
    Recipe(
        name="nanogpt_shakespeare_cpu",
        summary="nanoGPT's run for a laptop; only Adam's epsilon is Keras's, 1e-7",
        task=NextToken("tiny_shakespeare", context_length=64),
        optimizer=AdamW(peak_rate=1e-3, final_rate=1e-4, warmup=100),
        expected=1.92,
        tolerance=0.01,
        published=1.88,
        source="nanoGPT's README, an estimate from 20 batches; its code, measured over the whole text: 1.913",
        note=BUSY,
        minutes=3,
        **_SMALL,
    ),
    Recipe(
        name="shakespeare_cpu",
        summary="the same tokens and parameters, with rotary positions and the optimizer Muon",
        task=NextToken("tiny_shakespeare", context_length=64),
        overrides={"positions": "rotary"},
        optimizer=Muon(peak_rate=2e-2, final_rate=2e-3, adam_rate=6e-3, warmup=100),
        expected=1.61,
        tolerance=0.02,
        note=BUSY,
        minutes=5,
        **_SMALL,
    ),
    Recipe(
        name="nanogpt_shakespeare",
        summary="nanoGPT's run for one GPU",
        task=NextToken("tiny_shakespeare", context_length=256),
        preset="nanogpt_shakespeare",
        batch_size=64,
        steps=5000,
        optimizer=AdamW(peak_rate=1e-3, final_rate=1e-4, warmup=100),
        expected=1.72,
        tolerance=0.02,
        published=1.4697,
        source="nanoGPT's README, the lowest of the run, an estimate from 200 batches",
        note="The value is the loss after the last step. The model memorizes the text from step 1,500 on, where the "
        f"loss, measured every 500 steps, was lowest: 1.4669. {CONCURRENT}",
        **_GPT,
    ),
)
