"""Recipes of lecture 2: multi-layer perceptrons on digits and tables."""

from keras_course.recipes._optimizers import AdamW
from keras_course.recipes._recipe import Recipe
from keras_course.recipes.tables._matched import matched
from keras_course.recipes.tasks.examples import Classification, Regression

TABLE = (
    Recipe(
        name="digits_mlp",
        summary="an MLP with one hidden layer reads small handwritten digits, without any download",
        task=Classification("digit_images"),
        topic="perceptron",
        builder="mlp",
        preset="digits",
        overrides={"dropout": 0.3},
        batch_size=32,
        steps=4000,
        optimizer=AdamW(peak_rate=1e-2, final_rate=1e-4, warmup=200),
        expected=0.6,
        tolerance=0.6,
        minutes=0.1,
    ),
    Recipe(
        name="mnist_10k_mlp",
        summary="two hidden layers of 512 on 8,000 images of MNIST",
        task=Classification("mnist_10k"),
        topic="perceptron",
        builder="mlp",
        preset="mnist",
        overrides={"dropout": 0.5},
        batch_size=64,
        steps=4000,
        optimizer=AdamW(peak_rate=1e-3, final_rate=1e-5, warmup=200),
        expected=3.1,
        tolerance=0.3,
        minutes=0.2,
    ),
    Recipe(
        name="diabetes_mlp",
        summary="a regression on few and noisy rows, where a network hardly beats a straight line",
        task=Regression("diabetes", unit="points"),
        topic="perceptron",
        builder="mlp",
        preset="tiny",
        overrides={"hidden_dims": (32,), "dropout": 0.5},
        batch_size=32,
        steps=500,
        optimizer=AdamW(peak_rate=3e-3, final_rate=3e-5, warmup=25, weight_decay=3.0),
        expected=55.0,
        tolerance=1.0,
        minutes=0.1,
    ),
    Recipe(
        name="breast_cancer_logistic",
        summary="logistic regression, a network of one layer, on 30 measurements of tumors",
        task=Classification("breast_cancer"),
        topic="perceptron",
        builder="logistic_regression",
        preset="breast_cancer",
        batch_size=32,
        steps=1000,
        optimizer=AdamW(peak_rate=1e-2, final_rate=1e-4, warmup=50),
        expected=3.6,
        tolerance=0.9,  # one of the 114 test examples
        minutes=0.1,
    ),
    matched("mlp", permute=False, one_epoch=True, published=10.6, expected=40.0, tolerance=10.0),
    matched("mlp", permute=True, one_epoch=True, published=9.9, expected=47.0, tolerance=20.0),
    matched("mlp", permute=False, one_epoch=False, expected=9.8, tolerance=0.7),
    matched("mlp", permute=True, one_epoch=False, expected=10.0, tolerance=0.5),
)
