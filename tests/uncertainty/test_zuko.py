"""Flows of zuko with the same weights: equal log-densities, and equal samples of the same noise.

PyTorch runs in a process of its own, so that it need not live beside another backend.
"""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from keras import ops

from keras_course import uncertainty

pytestmark = pytest.mark.skipif(importlib.util.find_spec("zuko") is None, reason="needs zuko")

ORACLE = """
import sys
import numpy as np, torch, zuko
torch.manual_seed(0)
shift = {"univariate": lambda t: zuko.transforms.MonotonicAffineTransform(t, torch.zeros_like(t)), "shapes": [()]}
sizes = {"features": 3, "context": 2, "hidden_features": (8, 9)}
flows = {
    "nice": zuko.flows.NICE(transforms=3, **shift, **sizes),
    "realnvp": zuko.flows.RealNVP(transforms=3, **sizes),
    "masked_autoregressive_flow": zuko.flows.MAF(transforms=3, **sizes),
    "neural_spline_flow": zuko.flows.NSF(transforms=3, bins=5, **sizes),
}
x, context = 2 * torch.randn(7, 3), torch.randn(7, 2)
found = {"x": x.numpy(), "context": context.numpy()}
for name, flow in flows.items():
    with torch.no_grad():
        for weight in flow.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
        found[name + ".log_prob"] = flow(context).log_prob(x).numpy()
        found[name + ".inverse"] = flow(context).transform.inv(x).numpy()
    found |= {f"{name}.weight.{key}": weight.detach().numpy() for key, weight in flow.named_parameters()}
np.savez(sys.argv[1], **found)
"""

OPTIONS = {  # of our builders
    "nice": {},
    "realnvp": {},
    "masked_autoregressive_flow": {},
    "neural_spline_flow": {"conditioner": "autoregressive", "num_bins": 5},
}


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    path = tmp_path_factory.mktemp("zuko") / "flows.npz"
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", ORACLE, str(path)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return dict(np.load(path))


@pytest.mark.parametrize("name", OPTIONS)
def test_equal_densities(name, oracle):
    flow = getattr(uncertainty, name)(3, 2, num_layers=3, hidden_dims=(8, 9), **OPTIONS[name])
    values = [value.T for key, value in oracle.items() if key.startswith(f"{name}.weight.")]
    scales = [np.zeros(3)] if name == "nice" else []  # zuko has none
    flow.set_weights([*values, *scales])
    x, context = oracle["x"], oracle["context"]
    log_prob = ops.convert_to_numpy(flow.log_prob(x, context))
    np.testing.assert_allclose(log_prob, oracle[f"{name}.log_prob"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ops.convert_to_numpy(flow.inverse(x, context)), oracle[f"{name}.inverse"], atol=1e-4)
