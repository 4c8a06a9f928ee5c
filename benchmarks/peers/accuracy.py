"""What scikit-learn reaches on the data of a recipe, with a model of the same size: a line beside ours in the results.

    python -m benchmarks.peers.accuracy [RECIPE ...] [--seeds 5] [--record]

Both see the same training and test examples, standardized alike. scikit-learn's settings are its defaults except for
the hidden layers: what a user of that library gets without tuning. A closed form depends on no seed and runs once.
"""

import argparse
import statistics
import time

from benchmarks import common
from keras_course import records
from keras_course.recipes import RECIPES


def perceptron(*hidden_dims):
    """Return the maker of an `MLPClassifier` from a seed."""

    def make(seed):
        from sklearn.neural_network import MLPClassifier

        return MLPClassifier(hidden_dims, random_state=seed, max_iter=1000)  # it stops by itself, long before

    return make


def logistic(seed):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression()


def ridge(seed):
    import numpy as np
    from sklearn.linear_model import RidgeCV

    return RidgeCV(np.logspace(-2, 3, 20))


PEERS = {
    "digits_mlp": perceptron(100),
    "mnist_10k_mlp": perceptron(512, 512),
    "digits_deep_mlp": perceptron(*[64] * 10),
    "breast_cancer_logistic": logistic,
    "diabetes_mlp": ridge,
    "diabetes_wide_mlp": ridge,
}


def measure(name, seed):
    """Fit the peer of a recipe; return it, the value of the recipe's metric, the data and the minutes."""
    import numpy as np

    task = RECIPES[name].task
    data = task.load()
    x, test_x = (part.reshape(len(part), -1).astype("float64") for part in (data.x, data.test_x))
    start = time.perf_counter()
    estimator = PEERS[name](seed).fit(x, data.y.ravel())
    wrong = estimator.predict(test_x) - data.test_y.ravel()
    row = {"val_loss": float(np.mean(wrong**2)), "val_accuracy": float(np.mean(wrong == 0))}
    return estimator, data.measure(None, row, seed)[task.metric.name], data, (time.perf_counter() - start) / 60


def row(name, seed):
    """Return the row for `docs/results`: the row of a recipe, with the peer in place of the backend."""
    import numpy as np

    recipe, (estimator, value, data, minutes) = RECIPES[name], measure(name, seed)
    layers = hasattr(estimator, "coefs_")
    weights = [*estimator.coefs_, *estimator.intercepts_] if layers else [estimator.coef_, estimator.intercept_]
    return {
        "kind": "recipe",
        "recipe": name,
        "backend": f"scikit-learn's {type(estimator).__name__}",
        "seed": seed,
        "metric": str(recipe.task.metric),
        "value": value,
        **{key: getattr(recipe, key) for key in ("expected", "tolerance", "published", "source")},
        "data": recipe.task.data,
        "size": data.size,
        "steps": recipe.steps,
        "parameters": sum(np.size(weight) for weight in weights),
        "device": "cpu",
        "minutes": round(minutes, 2),
        **records.origin("scikit-learn"),
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.accuracy", description=__doc__.split("\n")[0])
    parser.add_argument("recipe", nargs="*", default=list(PEERS), help=f"some of {', '.join(PEERS)} (default: all)")
    parser.add_argument("--seeds", type=int, default=5, help="first weights and orders to try (default 5)")
    parser.add_argument("--record", action="store_true", help="append the result to docs/results")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.recipe) - set(PEERS)):
        parser.error(f"{unknown[0]} is not among {', '.join(PEERS)}")
    if options.seeds < 1:
        parser.error(f"--seeds {options.seeds} must be at least 1")
    docs = records.docs_of_checkout() if options.record else None
    common.select(common.backend.available()[0])
    for name in options.recipe:
        seeds = range(1 if PEERS[name] in (logistic, ridge) else options.seeds)
        rows = [row(name, seed) for seed in seeds]
        values = [found["value"] for found in rows]
        print(f"{name}: {rows[0]['backend']} {statistics.mean(values):.4f}, {', '.join(f'{v:.4f}' for v in values)}")
        if docs is not None:
            records.record_results(rows, RECIPES[name].topic, docs, RECIPES)


if __name__ == "__main__":
    main()
