"""Two networks with nearly the same number of weights, on images whose neighboring pixels mean something, or do not."""

from keras_course.recipes._optimizers import AdamW
from keras_course.recipes._recipe import Recipe
from keras_course.recipes.tables._notes import BUSY
from keras_course.recipes.tasks.examples import Classification


def matched(network: str, *, permute: bool, one_epoch: bool, published: float | None = None, **expected) -> Recipe:
    """Return the recipe of an "mlp" or a "convnet" on MNIST with plain or permuted pixels, for 1 or 20 epochs."""
    steps, weights = 125 if one_epoch else 2500, {"mlp": "6,442", "convnet": "6,422"}[network]
    return Recipe(
        name=f"mnist_10k_matched_{network}{'_permuted' if permute else ''}{'_one_epoch' if one_epoch else ''}",
        summary=f"{network} of {weights} weights, {'permuted' if permute else 'plain'} pixels, "
        f"{'one epoch' if one_epoch else '20 epochs'}",
        task=Classification("mnist_10k", permute=permute),
        topic="perceptron" if network == "mlp" else "convnets",
        builder=network,
        preset="mnist",
        overrides={"hidden_dims": (8, 8)} if network == "mlp" else {},
        batch_size=64,
        steps=steps,
        optimizer=AdamW(peak_rate=3e-3, final_rate=3e-5, warmup=steps // 20),
        note=BUSY,
        minutes=0.1 if one_epoch else 1,
        published=published,
        source="the course's own run, trained on 60,000 images" if published else None,
        **expected,
    )
