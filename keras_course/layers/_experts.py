"""Mixture of experts: several MLPs in place of one, and a router that sends each token to a few of them.

Notation: x (B, T, C) tokens; E experts, each an MLP with F = `mlp_dim` hidden units; k = `top_k` experts process a
token; S slots: how many tokens of one sequence an expert can take.
"""

import math
from typing import NamedTuple

import keras
from keras import ops

from keras_course.checks import flag, not_negative, positive, validate, whole
from keras_course.checks.tensors import on_tensors
from keras_course.layers._activations import get_activation, softmax
from keras_course.layers._initializers import get_initializer, sibling
from keras_course.ops._types import Tensor


class Routing(NamedTuple):
    """What the router decided.

    Args:
        gates: `(B, T, E)`, the weight of each expert in the output of a token; 0 for experts that do not process it.
        load: `(E,)`, the fraction of all choices that fell on each expert; it adds up to 1.
        dropped: fraction of all choices that found no free slot.
        balance_loss: `E sum_e f_e P_e`, with f the load and P the mean probability of each expert; 1 if both are
            uniform.
    """

    gates: Tensor
    load: Tensor
    dropped: Tensor
    balance_loss: Tensor


@on_tensors(x=3, w_router=2, w_in=3, w_out=3)
@validate(top_k=whole(1), capacity_factor=positive, gated=flag)
def moe_ffn(
    x, w_router, w_in, w_out, *, top_k=2, capacity_factor=None, activation="gelu", gated=False
) -> tuple[Tensor, Routing]:
    """Apply a mixture of experts to each token.

        p = softmax(x R),  y = sum over the k largest p_e of g_e MLP_e(x),  MLP_e(x) = act(x W1_e) W2_e

    The gates are g_e = p_e for k = 1, and else p_e divided by the sum of the k largest. With a `capacity_factor` c an
    expert has S = ceil(c k T / E) slots for the tokens of each sequence, which are filled in the order of the tokens.
    A token that finds no free slot at an expert is dropped there: this expert adds 0 to its output. All shapes are
    static, and an expert computes S tokens. Without a capacity every expert computes all tokens, which is exact and
    E / k times the work.

    Args:
        x: `(B, T, C)` tokens.
        w_router: `(C, E)` the router's matrix R.
        w_in: `(E, C, F)` first kernels of the experts; `(E, C, 2 F)` if they are gated.
        w_out: `(E, F, C)` second kernels.
        top_k: number k of experts for each token.
        capacity_factor: c, or None for no limit. With c = E / k nothing can be dropped.
        activation: activation act of the experts.
        gated: whether MLP_e(x) = (act(x U_e) * x V_e) W2_e with W1 = [U, V]; "silu" then makes it SwiGLU.

    Returns:
        `(y, routing)`: y `(B, T, C)`, and a `Routing` with the gates, the load of each expert and the balance loss.

    Raises:
        ValueError: the shapes do not fit each other, `top_k` is larger than E, or an argument is out of its range.

    Differences from the papers: the experts lack biases, and the logits of the router are used without noise. Gates
    of several experts add up to 1, as in Mixtral. Slots are counted in one sequence and filled in the order of the
    tokens, so a token does not depend on other sequences. Their number grows with T: a decoder that reads one token at
    a time, with a cache, drops none. As in Switch Transformers, the router is computed in float32 in half precision,
    too.

    References:
        Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer, Shazeer et al., 2017,
        https://arxiv.org/abs/1701.06538

        Switch Transformers: Scaling to Trillion Parameter Models with Simple and Efficient Sparsity, Fedus et al.,
        2021, https://arxiv.org/abs/2101.03961

        Scaling Vision with Sparse Mixture of Experts, Riquelme et al., 2021, https://arxiv.org/abs/2106.05974

    Example:
        >>> from keras import ops
        >>> from keras_course.layers import moe_ffn
        >>> x, kernels = ops.ones((1, 5, 4)), (ops.zeros((4, 3)), ops.ones((3, 4, 8)), ops.ones((3, 8, 4)))
        >>> y, routing = moe_ffn(x, *kernels)  # equal probabilities
        >>> y.shape == x.shape, round(float(routing.balance_loss), 4)
        (True, 1.0)
    """
    _check_shapes(x, w_router, w_in, w_out, top_k, gated)
    act = get_activation(activation)
    logits = ops.matmul(ops.cast(x, "float32"), ops.cast(w_router, "float32"))
    routing, slots = _route(logits, top_k, capacity_factor)
    gates = ops.cast(routing.gates, x.dtype)
    if slots is None:
        h = ops.einsum("btc,ecf->betf", x, w_in)
    else:
        slots = ops.cast(slots, x.dtype)  # (B, T, E, S), 1 where a token has a slot
        h = ops.einsum("besc,ecf->besf", ops.einsum("btes,btc->besc", slots, x), w_in)
    h = gated_activation(act, h) if gated else act(h)
    y = ops.einsum("besf,efc->besc", h, w_out)
    if slots is None:
        return ops.einsum("bte,betc->btc", gates, y), routing
    return ops.einsum("btes,besc->btc", slots * gates[..., None], y), routing


def gated_activation(activation, features) -> Tensor:
    """Return act(u) * v of features [u, v] `(..., 2 F)`, `(..., F)`."""
    u, v = ops.split(features, 2, axis=-1)
    return activation(u) * v


def _route(logits, top_k, capacity_factor):
    """Return a `Routing`, and which slot each token has `(B, T, E, S)`, or None where there is no limit."""
    p = softmax(logits)
    length, num_experts = ops.shape(p)[1:]
    chosen = ops.sum(ops.one_hot(ops.top_k(p, top_k)[1], num_experts, dtype="float32"), axis=-2)  # (B, T, E)
    gates = p * chosen
    if top_k > 1:
        gates = gates / ops.sum(gates, axis=-1, keepdims=True)
    load = ops.mean(chosen, axis=(0, 1)) / top_k
    balance_loss = num_experts * ops.sum(load * ops.mean(p, axis=(0, 1)))
    if capacity_factor is None:
        return Routing(gates, load, ops.zeros(()), balance_loss), None
    per_token = capacity_factor * top_k / num_experts
    if isinstance(length, int):
        capacity = min(length, math.ceil(per_token * length - 1e-6))
    else:
        capacity = ops.cast(ops.ceil(per_token * ops.cast(length, "float32") - 1e-6), "int32")
    place = ops.cumsum(chosen, axis=1) - 1.0  # how many tokens before this one chose the expert
    slots = ops.equal(ops.cast(place, "int32")[..., None], ops.arange(capacity, dtype="int32"))
    slots = ops.cast(slots, "float32") * chosen[..., None]
    kept = ops.sum(slots, axis=-1)
    return Routing(gates * kept, load, 1.0 - ops.sum(kept) / ops.sum(chosen), balance_loss), slots


def _check_shapes(x, w_router, w_in, w_out, top_k, gated):
    width, (size, num_experts) = x.shape[-1], w_router.shape
    if top_k > num_experts:
        raise ValueError(f"top_k={top_k} must be at most {num_experts}, the number of experts")
    hidden = w_out.shape[1]
    if size != width or w_in.shape != (num_experts, width, (1 + gated) * hidden):
        wanted = f"({width}, E) and (E, {width}, {'2 F' if gated else 'F'})"
        raise ValueError(f"w_router and w_in have shapes {tuple(w_router.shape)} and {tuple(w_in.shape)}, not {wanted}")
    if w_out.shape != (num_experts, hidden, width):
        raise ValueError(f"w_out has shape {tuple(w_out.shape)}; it must be {(num_experts, hidden, width)}")


@keras.saving.register_keras_serializable("keras_course")
class MixtureOfExperts(keras.layers.Layer):
    """A mixture of experts with weights of its own, in the place of the MLP of a transformer's block.

    Takes and returns `(B, T, C)`; see `moe_ffn`. In training it adds `balance_weight` times the balance loss to the
    losses of the model.

    Args:
        num_experts: number E of experts, at least 2.
        mlp_dim: width F of the hidden layer of each.
        top_k: number k of experts for each token.
        capacity_factor: how many slots an expert has, in units of its fair part; None for no limit.
        balance_weight: weight of the balance loss.
        activation, gated: of the experts.
        kernel_initializer: initializer of the router and of the first kernel of each expert.
        residual_initializer: initializer of the second kernels.

    Raises:
        ValueError: an argument is out of its range, or `top_k` is larger than `num_experts`.

    References: as for `moe_ffn`.

    Example:
        >>> import keras
        >>> from keras_course.layers import MixtureOfExperts
        >>> x, layer = keras.ops.ones((1, 3, 4)), MixtureOfExperts(4, 8, top_k=1)
        >>> layer(x).shape == x.shape, layer.route(x).load.shape == (4,)
        (True, True)
    """

    @validate(
        num_experts=whole(2),
        mlp_dim=whole(1),
        top_k=whole(1),
        capacity_factor=positive,
        balance_weight=not_negative,
        gated=flag,
    )
    def __init__(
        self,
        num_experts,
        mlp_dim,
        *,
        top_k=2,
        capacity_factor=None,
        balance_weight=0.01,
        activation="gelu",
        gated=False,
        kernel_initializer="glorot_uniform",
        residual_initializer="glorot_uniform",
        **kwargs,
    ):
        if top_k > num_experts:
            raise ValueError(f"top_k={top_k} must be at most num_experts={num_experts}")
        super().__init__(**kwargs)
        self.num_experts, self.mlp_dim, self.top_k = int(num_experts), int(mlp_dim), int(top_k)
        self.capacity_factor, self.balance_weight, self.gated = capacity_factor, float(balance_weight), bool(gated)
        self.activation = get_activation(activation)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)
        self.residual_initializer = get_initializer(residual_initializer=residual_initializer)

    def build(self, input_shape) -> None:
        width, (E, F) = input_shape[-1], (self.num_experts, self.mlp_dim)
        self.router_initializer = sibling(self.kernel_initializer, 0)
        self.kernel_in_initializer = _stacked(sibling(self.kernel_initializer, 1), E)
        self.kernel_out_initializer = _stacked(sibling(self.residual_initializer, 2), E)
        for name, shape in (
            ("router", (width, E)),
            ("kernel_in", (E, width, (1 + self.gated) * F)),
            ("kernel_out", (E, F, width)),
        ):
            initializer = getattr(self, f"{name}_initializer")
            autocast = name != "router"  # in mixed precision the router keeps its float32
            weight = self.add_weight(name=name, shape=shape, initializer=initializer, autocast=autocast)
            setattr(self, name, weight)

    def call(self, x, training=None) -> Tensor:
        y, routing = self._apply(x)
        if training and self.balance_weight:
            self.add_loss(self.balance_weight * routing.balance_loss)
        return y

    def _apply(self, x):
        kernels = (ops.convert_to_tensor(w) for w in (self.router, self.kernel_in, self.kernel_out))
        options = {"capacity_factor": self.capacity_factor, "activation": self.activation, "gated": self.gated}
        return moe_ffn(x, *kernels, top_k=self.top_k, **options)

    def route(self, x) -> Routing:
        """Return which experts the tokens x `(B, T, C)` are sent to."""
        return self._apply(ops.convert_to_tensor(x))[1]

    def compute_output_shape(self, input_shape) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        names = ("num_experts", "mlp_dim", "top_k", "capacity_factor", "balance_weight", "gated")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "residual_initializer": keras.initializers.serialize(self.residual_initializer),
        }


def _stacked(initializer, size):
    """Return the initializer of `size` kernels in one weight: Keras takes their number for the size of a window."""
    if not isinstance(initializer, keras.initializers.VarianceScaling):
        return initializer
    return keras.initializers.VarianceScaling(
        initializer.scale * size, initializer.mode, initializer.distribution, initializer.seed
    )
