"""Programs of PyTorch or `transformers` that write what a test compares with.

They run in a process of their own, so that PyTorch need not live beside another backend, and in this one on PyTorch.
"""

import os
import subprocess
import sys
import warnings
from unittest import mock

from keras_course import backend


def run_oracle(code, *arguments):
    """Execute a program with these arguments in `sys.argv`."""
    arguments = [str(argument) for argument in arguments]
    if backend.current() == "torch":
        with mock.patch.object(sys, "argv", ["-c", *arguments]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a program that is not ours
            exec(compile(code, "oracle", "exec"), {"__name__": "oracle"})
        return
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
