"""Draw `docs/overview.png`, the first image of README, from four small runs: about two minutes on one CPU core.

Run it from the root of the repository: `KERAS_BACKEND=jax python docs/overview.py`.
"""

import pathlib

import keras
import numpy as np

from keras_course import datasets, plots
from keras_course.convnets import lenet5
from keras_course.fundamentals import random_features_sweep
from keras_course.language import CharTokenizer, generate, gpt
from keras_course.training import GD, Adam, Momentum, beale, minimize


def draw_double_descent(ax):
    """Lecture 1: the squared error of random features on digits, with 300 training examples."""
    digits = datasets.digits()
    order = np.random.default_rng(0).permutation(len(digits.x))
    pixels = ((digits.x - digits.x.mean()) / digits.x.std())[order]
    train, test = (pixels[:300], digits.y[order][:300]), (pixels[800:], digits.y[order][800:])
    widths = [10, 20, 40, 70, 100, 150, 200, 250, 300, 350, 450, 600, 1000, 2000, 3000]
    sweep = random_features_sweep(train, test, widths, num_classes=10)
    ax.loglog(sweep.parameters, sweep.test_risk, "C3o-", markersize=3, label="test error")
    shown = sweep.train_risk > 1e-3  # from the threshold on, the training error is 0
    ax.loglog(sweep.parameters[shown], sweep.train_risk[shown], "C0o-", markersize=3, label="training error")
    ax.axvline(sweep.threshold, color="0.6", linestyle="--", linewidth=1, label="parameters = equations")
    ax.set(xlabel="parameters", ylabel="squared error", title="Lecture 1: double descent")
    ax.legend(frameon=False, fontsize=8)


def draw_optimizers(ax):
    """Lecture 4: 300 steps of three optimizers on Beale's function."""
    x, y = np.meshgrid(np.linspace(0, 4.2, 200), np.linspace(-1.6, 1.7, 200))
    heights = keras.ops.convert_to_numpy(beale(np.stack([x, y])))
    ax.contour(x, y, heights, np.geomspace(0.05, 100, 14), colors="0.85", linewidths=1)
    rules = {"gradient descent": GD(0.005), "momentum": Momentum(0.005), "Adam": Adam(0.1)}
    for color, (name, rule) in zip(("C0", "C1", "C2"), rules.items(), strict=True):
        path = minimize(beale, np.array([0.7, 1.4], "float32"), rule, num_steps=300).trajectory
        ax.plot(*path.T, f"{color}o-", markersize=2.5, linewidth=1, label=name)
    ax.plot(3, 0.5, "k*", markersize=10, label="minimum")
    ax.set(xlabel="$w_1$", ylabel="$w_2$", title="Lecture 4: optimizers on Beale's function")
    ax.legend(frameon=False, fontsize=8, loc="lower right")


def draw_digits(ax):
    """Lecture 5: images of the test set with the classes that LeNet-5 predicts; four of its errors are among them."""
    train, test = datasets.mnist_10k()
    model = lenet5(train.x.shape[1:], num_classes=10)
    model.compile(keras.optimizers.Adam(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(train.x / 255, train.y, batch_size=64, epochs=10, verbose=2)
    predicted = model.predict(test.x / 255, verbose=0).argmax(axis=1)
    wrong, right = np.flatnonzero(predicted != test.y), np.flatnonzero(predicted == test.y)
    shown = np.random.default_rng(0).permutation([*wrong[:4], *right[:20]])
    for i, index in enumerate(shown):
        left, top = 10 * (i % 8), 15 * (i // 8)
        ax.imshow(test.x[index, :, :, 0], cmap="gray_r", extent=(left, left + 8, top + 8, top))
        color = "black" if predicted[index] == test.y[index] else "C3"
        ax.text(left + 4, top + 11, f"{predicted[index]}", color=color, ha="center", va="center", fontsize=11)
    accuracy = 100 * np.mean(predicted == test.y)
    ax.set(xlim=(-1, 79), ylim=(43, -1), title=f"Lecture 5: LeNet-5, test accuracy {accuracy:.1f} % (errors in red)")
    ax.axis("off")


def draw_text(ax):
    """Lecture 8: what a small GPT writes after 2,000 steps on Tiny Shakespeare."""
    corpus = datasets.text("tiny_shakespeare")
    tokenizer = CharTokenizer.train(corpus)
    windows = datasets.token_windows(tokenizer.encode(corpus), context_length=64, batch_size=32, steps_per_epoch=2000)
    model = gpt(tokenizer.vocab_size, context_length=64)
    model.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(windows, steps_per_epoch=windows.steps_per_epoch, shuffle=False, verbose=2)
    text = tokenizer.decode(generate(model, tokenizer.encode("ROMEO:\n"), length=600, temperature=0.7))
    lines = text.splitlines()[:13]
    ax.text(0, 1, "\n".join(lines), va="top", family="monospace", fontsize=9, linespacing=1.4)
    ax.set_title(f"Lecture 8: text by a GPT of {model.count_params():,} parameters")
    ax.axis("off")


def main():
    keras.utils.set_random_seed(0)
    figure, axes = plots.panels(9.6, 5.9, rows=2, columns=2)
    for ax, draw in zip(axes, (draw_double_descent, draw_optimizers, draw_digits, draw_text), strict=True):
        draw(ax)
        ax.set_title(ax.get_title(), fontsize=10, fontweight="bold")
    figure.savefig(pathlib.Path(__file__).with_name("overview.png"), dpi=150)


if __name__ == "__main__":
    main()
