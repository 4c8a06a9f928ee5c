"""Networks as scikit-learn estimators, so that pipelines, cross-validation and grid search take them.

Notation: X (N, ...) examples, y (N,) labels or (N, K) values, z (N, M) the output of the network: logits or values.
"""

from typing import Self

import keras
import numpy as np

from keras_course._registry import check_arguments, data_arguments, parameters_of
from keras_course.checks import positive, whole_number
from keras_course.perceptron import output_head
from keras_course.perceptron._heads import classifier_head
from keras_course.portable import portable_init

_ROWS = 256  # examples that go through the network at once in a prediction, so that memory does not grow with N


class _Estimator:
    """Base class of both estimators. It stands before a class of `keras.wrappers`, which is where scikit-learn's own
    base classes come from: that one hands `fit` one order of the examples from a global generator, copies in `clone`
    only some of the arguments, and declares itself random and of poor score.
    """

    def __init__(self, build, *, model=None, epochs=20, batch_size=32, learning_rate=1e-3, seed=0):
        self.build = build
        self.model = model
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed

    def get_params(self, deep=True):
        """Return the arguments as a dict; with `deep`, those in `model` under their own names too, `model__NAME`."""
        params = super().get_params(deep)
        inner = self.model if deep and isinstance(self.model, dict) else {}
        return params | {f"model__{name}": value for name, value in inner.items()}

    def set_params(self, **params):
        """Set arguments, also single ones of the builder: `set_params(epochs=5, model__hidden_dims=(32,))`.

        Returns:
            The estimator.

        Raises:
            ValueError: an argument that the estimator or the builder does not have.
        """
        ours = {name: value for name, value in params.items() if not name.startswith("model__")}
        super().set_params(**ours)
        inner = {name.removeprefix("model__"): params[name] for name in params if name not in ours}
        if inner:
            check_arguments(self.build, inner)
            self.model = {**(self.model or {}), **inner}  # a new dict: clones may share the old one
        return self

    def __sklearn_clone__(self):
        from sklearn.base import BaseEstimator

        return BaseEstimator.__sklearn_clone__(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = False
        return tags

    def _train(self, X, y, num_outputs, head_of):
        """Build the network for X and K outputs, and train it on X and y with the head that `head_of` gives for it."""
        self._check()
        model = self._built(X.shape[1:], num_outputs)
        head = head_of(model)
        model.compile(keras.optimizers.Adam(float(self.learning_rate)), loss=head.loss, metrics=[head.metric])
        history = model.fit(
            _batches(X, y, self.batch_size, self.epochs, self.seed),
            steps_per_epoch=-(-len(X) // self.batch_size),
            epochs=self.epochs,
            shuffle=False,  # the batches are
            verbose=0,
        ).history
        self._check_loss(history["loss"][-1])
        self.model_, self.history_ = model, history
        return self

    def _check(self):
        """Raise a ValueError for a bad argument of the estimator: scikit-learn sets them unseen."""
        whole_number(1, epochs=self.epochs, batch_size=self.batch_size)
        whole_number(0, at_most=2**32 - 1, seed=self.seed)  # as scikit-learn does
        positive(learning_rate=self.learning_rate)
        if not isinstance(self.model, dict | None):
            raise ValueError(f"model={self.model!r} must be a dict of arguments of the builder")

    def _check_loss(self, loss):
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"the loss is {loss} after {self.epochs} epochs: training has diverged. Standardized X (and y) or a "
                "lower learning rate help."
            )

    def _built(self, input_shape, num_outputs):
        data, own = data_arguments(self.build, input_shape, num_outputs), self.model or {}
        check_arguments(self.build, own)
        if both := sorted(data.keys() & own.keys()):
            raise ValueError(f"model={own!r} must not have {both[0]}, which follows from the data")
        seed = {"seed": self.seed} if "seed" in parameters_of(self.build) else {}
        return portable_init(self.build(**data, **{**seed, **own}), self.seed)

    def _outputs(self, X):
        """Return z `(N, M)` for examples X, in float64, the type in which scikit-learn goes on with it."""
        from sklearn.utils.validation import check_is_fitted, validate_data

        check_is_fitted(self)
        X = validate_data(self, X, dtype="float32", allow_nd=True, reset=False)
        # refused here and not by Keras: on JAX, an error inside `Model.predict` leaves a model without weights
        if X.shape[1:] != self.model_.input_shape[1:]:
            raise ValueError(f"X has shape {X.shape}; after fit it must be (N, *{self.model_.input_shape[1:]})")
        parts = [self.model_(X[i : i + _ROWS], training=False) for i in range(0, len(X), _ROWS)]
        return np.concatenate([keras.ops.convert_to_numpy(z) for z in parts]).astype("float64")


class KerasClassifier(_Estimator, keras.wrappers.SKLearnClassifier):
    """A network as a scikit-learn classifier, trained by maximum likelihood with Adam.

    Takes X `(N, ...)` and any labels y `(N,)`. The outputs of the builder determine the head: a softmax of K
    logits, or for two classes also a sigmoid of a single logit. The same seed gives the same first weights and the same
    order of the examples on every backend; only dropout draws other numbers on each.

    X is taken as it is: `make_pipeline(StandardScaler(), KerasClassifier(mlp))` standardizes it.

    Args:
        build: a builder of this package, or a function like one, whose first two arguments describe the data:
            `input_shape` or `num_features`, then `num_outputs` or `num_classes`.
        model: dict of further arguments of the builder. A grid search reaches each as `model__NAME`.
        epochs: number of passes over the data.
        batch_size: examples in a step; the last step of a pass has those that are left.
        learning_rate: of Adam.
        seed: whole number, of first weights, dropout and the order of the examples.

    Attributes:
        classes_: the K labels, sorted.
        model_: the trained `keras.Model`.
        history_: dict from "loss" and the name of the head's metric to a list with one value for each epoch.

    References:
        API design for machine learning software: experiences from the scikit-learn project, Buitinck et al., 2013,
        https://arxiv.org/abs/1309.0238

    Example:
        >>> from keras_course.fundamentals import KerasClassifier
        >>> from keras_course.perceptron import mlp
        >>> estimator = KerasClassifier(mlp, model={"hidden_dims": (8,)}, epochs=200, learning_rate=0.1)
        >>> estimator.fit([[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]).predict([[0, 0], [1, 0]])
        array(['no', 'yes'], dtype='<U3')
    """

    def fit(self, X, y) -> Self:
        """Train a new network on examples X `(N, ...)` with labels y `(N,)`.

        Returns:
            The estimator.

        Raises:
            ValueError: an argument that does not fit, X or y that are not finite, or fewer than two classes.
            FloatingPointError: the loss became infinite or NaN.
        """
        from sklearn.utils.multiclass import check_classification_targets
        from sklearn.utils.validation import validate_data

        X, y = validate_data(self, X, y, dtype="float32", allow_nd=True)
        check_classification_targets(y)
        classes, numbers = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"y has one class, {classes[0]!r}; a classifier needs two or more")

        def head_of(model):
            sizes = {len(classes)} | ({1} if len(classes) == 2 else set())
            _check_outputs(model, sizes, f"{len(classes)} classes")
            return classifier_head(model)

        self._train(X, numbers.astype("int32"), len(classes), head_of)
        self.classes_ = classes
        return self

    def decision_function(self, X) -> np.ndarray:
        """Return the logits `(N, K)` of examples X `(N, ...)`; for two classes ln p(1 | x) - ln p(0 | x), `(N,)`."""
        z = self._outputs(X)
        if len(self.classes_) > 2:
            return z
        return z[:, 0] if z.shape[1] == 1 else z[:, 1] - z[:, 0]

    def predict_proba(self, X) -> np.ndarray:
        """Return the probabilities of the classes for examples X `(N, ...)`, `(N, K)`."""
        from scipy.special import softmax

        z = self.decision_function(X)
        return softmax(z if z.ndim == 2 else np.stack([np.zeros_like(z), z], axis=1), axis=1)

    def predict(self, X) -> np.ndarray:
        """Return the likeliest label of each of the examples X `(N, ...)`, `(N,)`."""
        best = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[best]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = False
        return tags


class KerasRegressor(_Estimator, keras.wrappers.SKLearnRegressor):
    """A network as a scikit-learn regressor, trained by least squares with Adam.

    Takes X `(N, ...)` and y `(N,)`, or K values of each example, `(N, K)`. What is said of `KerasClassifier` holds. A
    network learns targets of about unit size fastest: `TransformedTargetRegressor(KerasRegressor(mlp),
    transformer=StandardScaler())` standardizes them.

    Args:
        build, model, epochs, batch_size, learning_rate, seed: as in `KerasClassifier`.

    Attributes:
        model_, history_: as in `KerasClassifier`.

    Example:
        >>> from keras_course.fundamentals import KerasRegressor
        >>> from keras_course.perceptron import mlp
        >>> line = KerasRegressor(mlp, model={"hidden_dims": ()}, epochs=300, learning_rate=0.1)
        >>> line.fit([[0], [1], [2]], [1, 3, 5]).predict([[3]]).round(1)
        array([7.])
    """

    def fit(self, X, y) -> Self:
        """Train a new network on examples X `(N, ...)` with values y `(N,)` or `(N, K)`.

        Returns:
            The estimator.

        Raises:
            ValueError: an argument that does not fit, or X or y that are not finite.
            FloatingPointError: the loss became infinite or NaN.
        """
        from sklearn.utils.validation import validate_data

        X, y = validate_data(self, X, y, dtype="float32", allow_nd=True, multi_output=True, y_numeric=True)
        values = y.astype("float32").reshape(len(y), -1)

        def head_of(model):
            _check_outputs(model, {values.shape[1]}, f"{values.shape[1]} values an example")
            return output_head("regression")

        self._train(X, values, values.shape[1], head_of)
        self._one_value = y.ndim == 1
        return self

    def predict(self, X) -> np.ndarray:
        """Return the values of the examples X `(N, ...)`, shaped like the y of `fit`."""
        z = self._outputs(X)
        return z[:, 0] if self._one_value else z

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = False
        tags.target_tags.multi_output = True
        return tags


def _check_outputs(model, sizes, wanted):
    """Raise a ValueError where the outputs would not meet their targets; a loss might just broadcast them."""
    if len(model.output_shape) != 2 or model.output_shape[1] not in sizes:
        raise ValueError(
            f"build gives a model with outputs {model.output_shape}; {wanted} need "
            f"{' or '.join(str((None, size)) for size in sorted(sizes))}"
        )


def _batches(X, y, batch_size, epochs, seed):
    """Yield the batches of all passes over the data, each in an order of its own; a function of the seed alone."""
    stream = np.random.default_rng(seed)
    for _ in range(epochs):
        order = stream.permutation(len(X))
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            yield X[rows], y[rows]
