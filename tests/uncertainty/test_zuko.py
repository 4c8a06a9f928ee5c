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

from keras_course import backend, uncertainty
from keras_course import ops as course_ops

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
    "continuous_flow": zuko.flows.CNF(atol=1e-6, rtol=1e-6, **sizes),
}
x, context = 2 * torch.randn(7, 3), torch.randn(7, 2)
found = {"x": x.numpy(), "context": context.numpy()}
for name, flow in flows.items():
    with torch.no_grad():
        for weight in flow.parameters():
            weight.add_((0.05 if name == 'continuous_flow' else 0.3) * torch.randn_like(weight))
        flow.eval()
        found[name + ".log_prob"] = flow(context).log_prob(x).numpy()
        found[name + ".inverse"] = flow(context).transform.inv(x).numpy()
    found |= {f"{name}.weight.{key}": weight.detach().numpy() for key, weight in flow.named_parameters()}
np.savez(sys.argv[1], **found)
"""

OPTIONS = {  # of our builders
    "nice": {"num_layers": 3},
    "realnvp": {"num_layers": 3},
    "masked_autoregressive_flow": {"num_layers": 3},
    "neural_spline_flow": {"num_layers": 3, "conditioner": "autoregressive", "num_bins": 5},
    "continuous_flow": {"num_steps": 6},
}
array = ops.convert_to_numpy


def with_weights(name, oracle):
    flow = getattr(uncertainty, name)(3, 2, hidden_dims=(8, 9), **OPTIONS[name])
    values = [value.T for key, value in oracle.items() if key.startswith(f"{name}.weight.")]
    scales = [np.zeros(3)] if name == "nice" else []  # zuko has none
    flow.set_weights([*values, *scales])
    return flow


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    path = tmp_path_factory.mktemp("zuko") / "flows.npz"
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", ORACLE, str(path)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return dict(np.load(path))


@pytest.mark.parametrize("name", OPTIONS)
def test_equal_densities(name, oracle):
    flow = with_weights(name, oracle)

    def both(x, context):
        return flow.log_prob(x, context), flow.inverse(x, context)

    compiled = both if backend.current() == "torch" else course_ops.jit(both, variables=flow.variables)
    log_prob, x = compiled(oracle["x"], oracle["context"])
    np.testing.assert_allclose(array(log_prob), oracle[f"{name}.log_prob"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(array(x), oracle[f"{name}.inverse"], rtol=1e-4, atol=1e-4)


def test_adaptive_solver(oracle):
    """The adaptive solver finds the densities of zuko's, and needs more steps for a smaller tolerance."""
    flow = with_weights("continuous_flow", oracle)
    steps = []
    for tolerance, error in ((1e-3, 1e-2), (1e-6, 1e-4)):
        z, log_det, count = flow.transforms[0].solve(oracle["x"], oracle["context"], tolerance=tolerance)
        log_prob = array(log_det) - (array(z) ** 2 / 2 + np.log(2 * np.pi) / 2).sum(axis=1)
        np.testing.assert_allclose(log_prob, oracle["continuous_flow.log_prob"], rtol=1e-4, atol=error)
        steps.append(count)
    np.testing.assert_allclose(
        array(flow.log_prob(oracle["x"], oracle["context"], tolerance=1e-6)), log_prob, atol=1e-5
    )
    assert steps[0] < steps[1]
    message = "did not converge: after max_steps=2 steps it is at t=.* of 1 with tolerance=1e-06"
    with pytest.raises(RuntimeError, match=message):
        flow.transforms[0].solve(oracle["x"], oracle["context"], tolerance=1e-6, max_steps=2)
