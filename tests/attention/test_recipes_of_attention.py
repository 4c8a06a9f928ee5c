"""Recipes of lecture 7: what they measure, and what the command line does with their runs."""

import dataclasses

import numpy as np
import pytest

from keras_course import cli, datasets, recipes
from keras_course.attention import translate_sentences


@pytest.fixture(scope="module")
def translation(tmp_path_factory):
    """A run of two steps on 60 pairs of sentences."""
    parts = [datasets.Sentences(part.en[:60], part.de[:60]) for part in datasets.phrases()]
    rows = [row._replace(load=lambda: parts) if row.name == "phrases" else row for row in datasets.list_datasets()]
    row = recipes.RECIPES["phrases_en_de"]
    task = dataclasses.replace(row.task, vocab_size=300, beams=1, context_length=64)
    row = dataclasses.replace(row, task=task, steps=2, batch_size=8, overrides={"num_layers": 1, "hidden_dim": 16})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "list_datasets", lambda: rows)
        yield recipes.train(row, out=tmp_path_factory.mktemp("runs") / "short", verbose=0)


def test_translation_is_measured_and_read_back(translation, capsys):
    assert 0 <= translation.value < 5  # two steps teach nothing
    prompt = translation.facts["prompt"]
    assert prompt == datasets.phrases()[2].en[0]
    asked = ["generate", str(translation.folder), "--prompt", prompt]
    assert cli.main(asked) == 0
    model, tokenizer = recipes.load_run(translation.folder)
    assert capsys.readouterr().out == translate_sentences(model, tokenizer, [prompt])[0] + "\n"
    assert cli.main([*asked, "--top-k", "3"]) == 2
    assert "--top-k=3: a translation is not sampled" in capsys.readouterr().err
    for sentences in ("a dog", [""], [3]):
        with pytest.raises(ValueError, match="sentences"):
            translate_sentences(model, tokenizer, sentences)


def test_signals_are_measured_in_their_own_unit():
    row = recipes.RECIPES["signals_by_shape"]
    row = dataclasses.replace(row, task=dataclasses.replace(row.task, num_train=50, num_test=20), steps=2)
    run = recipes.train(row, verbose=0)
    x, y = datasets.shape_signals(20, pairs="shape", seed=1)
    scaled = (x - run.facts["inputs"]["mean"]) / run.facts["inputs"]["deviation"]
    assert run.value == pytest.approx(np.mean((run.model.predict(scaled, verbose=0) - y) ** 2), rel=1e-4)
