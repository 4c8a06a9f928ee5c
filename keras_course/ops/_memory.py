"""What the C library does with memory that is freed. Nothing in this file imports Keras or a backend."""

import ctypes
import sys


def keep_working_memory() -> None:
    """Let the C library keep large blocks that are freed, for the rest of this process; a CPU trains faster then.

    XLA and PyTorch allocate their working memory anew in every step. The GNU C library hands such large blocks back to
    the system at once, so each step of a GPT starts with ten thousand page faults, and takes a quarter longer on
    TensorFlow; LeNet-5 takes a fifth longer on PyTorch. Recipes and benchmarks call this. It does nothing elsewhere
    than on Linux, and cannot be undone: memory that your own arrays leave then stays with the process.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD in malloc.h
        mallopt(-4, 0)  # M_MMAP_MAX
