"""What the peers of attention do: the calls that are timed, by `torch.nn` and `transformers`, and their inputs.

Notation: B = batch size, T = tokens in a sequence, V tokens, C features.
"""

from typing import NamedTuple

import numpy as np

from benchmarks import common
from benchmarks.peers.transformers_of_others import torch_transformer, transformers_marian, transformers_vit

BEAMS = 5


class Work(NamedTuple):
    """What one call does: the sizes of the network in the words of our builders, and how much of what."""

    title: str
    unit: str
    shape: dict
    batch_size: int
    length: int = 1  # tokens of a sequence
    steps: int = 1

    @property
    def amount(self):
        return self.steps * self.batch_size * self.length


def pairs_of(work):
    """Return random sources and targets `(N, T)` for all steps of a call."""
    size = work.steps * work.batch_size
    tokens = common.random_tokens(work.shape["vocab_size"] - 3, size * (2 * work.length + 1)) + 3
    return np.split(tokens.reshape(size, -1), [work.length], axis=1)  # (N, T), (N, T + 1)


def images_of(work):
    size = work.steps * work.batch_size
    x = np.random.default_rng(0).normal(size=(size, *work.shape["input_shape"])).astype("float32")
    return x, np.arange(size, dtype="int32") % work.shape["num_classes"]


def torch_steps(optimizer, tensors, batch_size, loss_of):
    """Return the call that makes a step of a plain PyTorch loop for each batch of the rows of some tensors."""
    import torch

    device = common.torch_device()

    def call():
        for rows in torch.randperm(len(tensors[0])).split(batch_size):
            loss = loss_of(*(x[rows].to(device) for x in tensors))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        return loss.item()

    return call


def torch_translation_training(work, compiled=False):
    """Return the call that makes the steps of `work` in a plain PyTorch loop."""
    import torch

    model = torch_transformer(**work.shape).train().to(common.torch_device())
    logits_of = torch.compile(model) if compiled else model
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)

    def loss_of(source, target):
        logits = logits_of(source, target[:, :-1]).flatten(0, 1)
        return torch.nn.functional.cross_entropy(logits, target[:, 1:].flatten(), label_smoothing=0.1)

    pairs = [torch.from_numpy(side).long() for side in pairs_of(work)]
    return torch_steps(optimizer, pairs, work.batch_size, loss_of)


def torch_vit_training(work, compiled=False):
    """Return the call that makes the steps of `work` with the ViT of `transformers`."""
    import torch

    model = transformers_vit(**work.shape).train().to(common.torch_device())
    logits_of = torch.compile(model) if compiled else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.1, fused=True)
    x, y = (torch.from_numpy(part) for part in images_of(work))
    examples = x.permute(0, 3, 1, 2).contiguous(), y.long()

    def loss_of(images, labels):
        return torch.nn.functional.cross_entropy(logits_of(images).logits, labels)

    return torch_steps(optimizer, examples, work.batch_size, loss_of)


def transformers_beam_search(work):
    """Return the call that translates with `transformers.generate`."""
    import torch

    device = common.torch_device()
    model = transformers_marian(**work.shape).eval().to(device)
    sources = torch.from_numpy(pairs_of(work)[0]).long().to(device)
    settings = {"num_beams": BEAMS, "do_sample": False, "max_new_tokens": work.length, "min_new_tokens": work.length}

    def call():
        with torch.inference_mode():
            texts = model.generate(sources, attention_mask=torch.ones_like(sources), **settings)
        check_lengths([text[1:] for text in texts], work.length)

    return call


def torch_attention(work, compiled=False):
    """Return the call of `torch.nn.MultiheadAttention`, which uses PyTorch's fused attention."""
    import torch

    device = common.torch_device()
    layer = torch.nn.MultiheadAttention(work.shape["hidden_dim"], work.shape["num_heads"], batch_first=True)
    layer = layer.eval().to(device)
    attend = torch.compile(layer) if compiled else layer
    x = torch.from_numpy(features_of(work)).to(device)

    def call():
        with torch.inference_mode():
            for _ in range(work.steps):
                y = attend(x, x, x, need_weights=False)[0]
        return y[0, 0, 0].item()

    return call


def features_of(work):
    return np.random.default_rng(0).normal(size=(1, work.length, work.shape["hidden_dim"])).astype("float32")


def check_lengths(texts, length):
    if any(len(text) != length for text in texts):
        raise RuntimeError(f"a translation ended before {length} tokens were written")
