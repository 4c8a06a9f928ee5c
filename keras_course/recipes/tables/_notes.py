"""Conditions under which several recipes were measured."""

BUSY = (
    "On PyTorch and TensorFlow the runs of 26 and 27 November 2026 ran concurrently on two cores, so their minutes are "
    "inflated."
)
CONCURRENT = "Fourteen runs at a time ran on the H100 and six at a time on the H200, so their minutes are inflated."
