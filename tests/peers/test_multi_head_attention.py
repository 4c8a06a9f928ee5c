"""`torch.nn.MultiheadAttention` with the same weights: outputs, attention weights and gradients."""

import keras
import numpy as np
import pytest
from oracles import run_oracle

from keras_course import ops
from keras_course.layers import MultiHeadAttention

ORACLE = """
import sys
import numpy as np, torch
torch.manual_seed(0)
found = {}
for kind, width in (("self", 12), ("cross", 8)):
    layer = torch.nn.MultiheadAttention(12, 3, kdim=width, vdim=width, batch_first=True).eval()
    with torch.no_grad():
        for weight in layer.parameters():  # so that biases are not zeros
            weight.add_(0.3 * torch.randn_like(weight))
    x = torch.randn(2, 6, 12, requires_grad=True)
    context = x if kind == "self" else torch.randn(2, 5, width)
    padding = torch.arange(context.shape[1]) < torch.tensor([[4], [context.shape[1]]])
    hidden = torch.ones(6, 6).triu(1).bool() if kind == "self" else None
    y, weights = layer(x, context, context, key_padding_mask=~padding, attn_mask=hidden, average_attn_weights=False)
    (y ** 2).sum().backward()
    slices = layer.in_proj_weight.chunk(3) if kind == "self" else (
        layer.q_proj_weight, layer.k_proj_weight, layer.v_proj_weight)
    found |= {f"{kind}_{name}": value.detach().numpy() for name, value in {
        "x": x, "context": context, "padding": padding, "y": y, "weights": weights, "slope": x.grad,
        "kernel": torch.cat(slices[:1] if kind == "cross" else slices).T,
        "kernel_of_context": torch.cat(slices[1:]).T, "bias": layer.in_proj_bias,
        "projection": layer.out_proj.weight.T, "projection_bias": layer.out_proj.bias}.items()}
np.savez(sys.argv[1], **found)
"""


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    path = tmp_path_factory.mktemp("torch") / "attention.npz"
    run_oracle(ORACLE, path)
    return dict(np.load(path))


@pytest.mark.parametrize("kind", ["self", "cross"])
def test_equal_to_multihead_attention_of_torch(oracle, kind):
    theirs = {name.removeprefix(f"{kind}_"): value for name, value in oracle.items() if name.startswith(f"{kind}_")}
    layer = MultiHeadAttention(3, causal=kind == "self")
    context = () if kind == "self" else (theirs["context"],)
    layer(theirs["x"], *context)
    projection = [theirs["projection"], theirs["projection_bias"]]
    if kind == "self":
        layer.set_weights([theirs["kernel"], theirs["bias"], *projection])
    else:
        biases = np.split(theirs["bias"], [12])
        layer.set_weights([theirs["kernel"], biases[0], theirs["kernel_of_context"], biases[1], *projection])

    def call(x, **options):
        return layer(x, *context, attention_mask=theirs["padding"], **options)

    y, weights = map(keras.ops.convert_to_numpy, call(theirs["x"], return_weights=True))
    np.testing.assert_allclose(y, theirs["y"], atol=1e-5)
    np.testing.assert_allclose(weights, theirs["weights"], atol=1e-5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(call(theirs["x"])), theirs["y"], atol=1e-5)
    slope = keras.ops.convert_to_numpy(ops.grad(lambda x: keras.ops.sum(call(x) ** 2))(theirs["x"]))
    np.testing.assert_allclose(slope, theirs["slope"], atol=1e-4 * np.abs(theirs["slope"]).max())
