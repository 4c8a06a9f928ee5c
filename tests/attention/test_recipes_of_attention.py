"""Recipes of lecture 7: what they measure, and what the command line does with their runs.

What a task measures is the same on every backend; the tutorials train the same models and losses on each of them.
"""

import dataclasses
import functools
import re

import numpy as np
import pytest
from scipy.special import log_softmax

from keras_course import cli, datasets, recipes
from keras_course.attention import translate_sentences
from keras_course.metrics import tm_score

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def few_phrases():
    """The set `phrases` has 60 training pairs, 5 test pairs, and 210 for validation, of which the last are short."""
    train, validation, test = datasets.phrases()
    rows = sorted(range(1000), key=lambda i: -len(validation.en[i]))
    rows = [*rows[:200], *rows[-10:]]
    parts = [datasets.Sentences(part.en[:n], part.de[:n]) for part, n in ((train, 60), (test, 5))]
    parts.insert(1, datasets.Sentences(*([side[i] for i in rows] for side in validation)))
    row = datasets.get_dataset("phrases")._replace(load=lambda: parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "get_dataset", lambda name: row)
        yield


@pytest.fixture(scope="module")
def translation(few_phrases, tmp_path_factory):
    """A run of two steps."""
    row = recipes.RECIPES["phrases_en_de"]
    task = dataclasses.replace(row.task, vocab_size=300, beams=1, context_length=64)
    row = dataclasses.replace(row, task=task, steps=2, batch_size=8, overrides={"num_layers": 1, "hidden_dim": 16})
    return recipes.train(row, out=tmp_path_factory.mktemp("runs") / "short", verbose=0)


def test_translation_is_measured_and_read_back(translation, capsys, monkeypatch):
    assert 0 <= translation.value < 5  # two steps teach nothing
    nats = []
    for x, y, weights in translation.recipe.task.load().validation:
        rows = {name: np.resize(tokens, (100, tokens.shape[1])) for name, tokens in x.items()}  # of one shape
        log_p = log_softmax(translation.model.predict(rows, batch_size=100, verbose=0)[: len(y)], axis=-1)
        of_labels = np.take_along_axis(log_p, y[..., None], axis=-1)[..., 0]
        nats.append(-of_labels[weights > 0].mean())
    plain = translation.facts["metrics"]["validation cross-entropy"]
    assert plain == pytest.approx(np.average(nats, weights=[100, 100, 10]), rel=1e-3)  # without smoothing
    prompt = translation.facts["prompt"]
    assert prompt == datasets.phrases()[2].en[0]
    monkeypatch.setattr(recipes, "load_run", functools.cache(recipes.load_run))  # what is compiled stays compiled
    asked = ["generate", str(translation.folder), "--prompt", prompt]
    assert cli.main(asked) == 0
    model, tokenizer = recipes.load_run(str(translation.folder))
    assert capsys.readouterr().out == translate_sentences(model, tokenizer, [prompt])[0] + "\n"
    assert cli.main([*asked, "--top-k", "3"]) == 2
    assert "--top-k=3: a model of Translation takes no --top-k" in capsys.readouterr().err
    for sentences in ("a dog", [""], [3]):
        with pytest.raises(ValueError, match="sentences"):
            translate_sentences(model, tokenizer, sentences)


@pytest.mark.parametrize(
    ("name", "changes", "sizes", "sample"),
    [
        ("stories_1", {"num_train": 200}, {"num_hops": 1}, ["sample.txt"]),
        ("sounds", {"num_train": 40, "num_test": 40}, {"num_layers": 1}, ["sample.txt", "sample.wav"]),
        ("palindromes_elman", {"num_train": 40, "num_test": 40, "max_length": 3}, {}, ["sample.csv"]),
        ("masked_phrases", {}, {"num_layers": 1}, ["sample.txt"]),
    ],
)
def test_tasks_measure_and_sample(name, changes, sizes, sample, few_phrases, tmp_path, capsys):
    """Two steps teach nothing, so the metric is near that of a guess."""
    row = recipes.RECIPES[name]
    task = dataclasses.replace(row.task, **changes)
    row = dataclasses.replace(row, task=task, overrides={**row.overrides, **sizes}, steps=2, batch_size=8)
    run = recipes.train(row, out=tmp_path / "run", verbose=0)
    guess = {"stories_1": 100 / 6, "sounds": 100 / 7, "palindromes_elman": np.log(2), "masked_phrases": np.log(322)}
    assert run.value == pytest.approx(guess[name], rel=1 if guess[name] > 10 else 0.3)
    assert sorted(path.name for path in run.folder.glob("sample.*")) == sample
    if name == "masked_phrases":
        fills_blanks(run, capsys)


def fills_blanks(run, capsys):
    """The command line fills in the blanks of a prompt, and leaves the rest as it is."""
    asked = ["generate", str(run.folder), "--prompt"]
    capsys.readouterr()
    assert cli.main([*asked, run.facts["prompt"]]) == 0
    filled = capsys.readouterr().out
    assert "___" not in filled
    assert re.match(".+".join(map(re.escape, run.facts["prompt"].split("___"))), filled, re.DOTALL)
    assert run.sample.startswith(f"masked:   {run.facts['prompt']}\nfilled:   {filled}")
    assert cli.main([*asked, "a dog"]) == 2
    assert "prompt='a dog' must have a blank" in capsys.readouterr().err


def test_signals_are_measured_in_their_own_unit():
    row = recipes.RECIPES["signals_by_shape"]
    row = dataclasses.replace(row, task=dataclasses.replace(row.task, num_train=50, num_test=20), steps=2)
    run = recipes.train(row, verbose=0)
    x, y = datasets.shape_signals(20, pairs="shape", seed=1)
    scaled = (x - run.facts["inputs"]["mean"]) / run.facts["inputs"]["deviation"]
    assert run.value == pytest.approx(np.mean((run.model.predict(scaled, verbose=0) - y) ** 2), rel=1e-4)


def test_structures_are_measured_beside_one_structure_for_all(tmp_path):
    row = recipes.RECIPES["fold_chains_structure"]
    task = dataclasses.replace(row.task, num_train=40, num_test=8, num_sequences=4)
    sizes = {"hidden_dim": 8, "pair_dim": 8, "num_blocks": 0, "structure_layers": 1}
    row = dataclasses.replace(row, task=task, steps=2, batch_size=8, overrides=sizes, start=None)
    run = recipes.train(row, out=tmp_path / "run", verbose=0)
    assert (run.folder / "sample.png").is_file()
    metrics = run.facts["metrics"]
    _, _, test = datasets.toy_chains(40, num_test=8, num_sequences=4)
    outputs = run.model.predict(test.alignment, verbose=0)
    scores = [tm_score(*pair) for pair in zip(test.positions, outputs["frames"][:, -1, :, :, 3], strict=True)]
    assert metrics["TM-score"] == pytest.approx(np.mean(scores), rel=1e-3)
    assert metrics["lDDT"] < metrics["lDDT of one structure"] < 1
    assert run.value == metrics["distance error"] > metrics["distance error of the median map"]
