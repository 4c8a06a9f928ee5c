"""`torch.nn.RNN`, `LSTM` and `GRU` with the same weights."""

import keras
import numpy as np
import pytest
from oracles import run_oracle

from keras_course.attention import elman, gru, lstm, recurrent_network

ORACLE = """
import sys
import numpy as np, torch
torch.manual_seed(0)
found = {}
for kind in ("RNN", "LSTM", "GRU"):
    network = getattr(torch.nn, kind)(3, 5, batch_first=True)
    if kind == "GRU":  # where the recurrent bias of the candidate is 0, r may be multiplied by h instead of W h,
        with torch.no_grad():  # if W is diagonal
            network.bias_hh_l0[10:] = 0
            network.weight_hh_l0[10:] = torch.diag(torch.randn(5))
    x = torch.randn(2, 6, 3)
    y, last = network(x)
    stacked = getattr(torch.nn, kind)(3, 4, num_layers=2, bidirectional=True, batch_first=True)
    states = stacked(x)[1]
    ends = (states[0] if kind == "LSTM" else states)[2:]
    arrays = {"x": x, "y": y, "ends": torch.cat(tuple(ends), dim=-1)}
    arrays |= network.state_dict() | {f"stacked.{name}": value for name, value in stacked.state_dict().items()}
    found |= {f"{kind} {name}": value.detach().numpy() for name, value in arrays.items()}
np.savez(sys.argv[1], **found)
"""
ORDER = {"RNN": [0], "LSTM": [0, 1, 2, 3], "GRU": [1, 0, 2]}  # ours among theirs: torch has r before z


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    path = tmp_path_factory.mktemp("torch") / "recurrent.npz"
    run_oracle(ORACLE, path)
    return dict(np.load(path))


def gates(kind, rows):
    """Return rows of torch in our order of the gates, as columns."""
    return np.concatenate([np.split(rows, len(ORDER[kind]))[i] for i in ORDER[kind]]).T


@pytest.mark.parametrize(("kind", "function"), [("RNN", elman), ("LSTM", lstm), ("GRU", gru)])
def test_written_out_equals_torch(oracle, kind, function):
    """The gate z of torch keeps the old state, ours takes the new one: its columns change their sign."""

    def of(name):
        return oracle[f"{kind} {name}_l0"]

    sign = np.repeat([-1, 1, 1], 5).astype("float32") if kind == "GRU" else 1
    w_x, w_h = (gates(kind, of(name)) * sign for name in ("weight_ih", "weight_hh"))
    b = gates(kind, of("bias_ih") + of("bias_hh")) * sign
    states, *_ = function(oracle[f"{kind} x"], w_x, w_h, b)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(states), oracle[f"{kind} y"], atol=1e-5)


@pytest.mark.parametrize(("kind", "cell"), [("RNN", "elman"), ("LSTM", "lstm")])
def test_stacked_and_bidirectional_network_equals_torch(oracle, kind, cell):
    """The last states of both directions of the second layer, before the output layer."""
    model = recurrent_network((None, 3), 1, cell=cell, hidden_dim=4, num_layers=2, bidirectional=True)
    for i in range(2):
        weights = []
        for end in ("", "_reverse"):
            parts = {
                n: oracle[f"{kind} stacked.{n}_l{i}{end}"] for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            }
            bias = gates(kind, parts["bias_ih"] + parts["bias_hh"])
            weights += [gates(kind, parts["weight_ih"]), gates(kind, parts["weight_hh"]), bias]
        model.get_layer(f"bidirectional_{i}").set_weights(weights)
    states = keras.Model(model.input, model.get_layer("head").input)(oracle[f"{kind} x"])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(states), oracle[f"{kind} ends"], atol=1e-5)
