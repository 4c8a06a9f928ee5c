"""Our GPT beside a plain PyTorch loop and beside `transformers`: the same network, the same work, timed in turn.

    python -m benchmarks.peers.language [--rounds 5] [--compile] [--gpu] [--record]

The network is nanoGPT's for a CPU: L = 4 blocks of H = 4 heads, C = 128, N = 64, V = 65, no biases, tied embeddings
(804,096 weights). With --gpu it is, for training, nanoGPT's for one GPU in place of it: L = H = 6, C = 384, N = 256,
and no dropout (10,745,088 weights). Notation: B = batch size, T = N tokens in a window.

Training: steps on B = 12 random windows (64 with --gpu), drawn in the loop; AdamW (1e-3, betas 0.9 and 0.99, decay 0.1
on matrices), gradients clipped to a norm of 1; without dropout, and on the CPU also with a rate of 0.2. Ours goes
through `model.fit`. Generation: 63 tokens sampled after one, with a cache. GPT-2 in `transformers` always has biases
(809,856 weights); in generation ours has them too.
"""

import argparse
import importlib.util
import sys
from typing import NamedTuple

from benchmarks import common
from benchmarks.peers import turns
from keras_course import backend, records


class Work(NamedTuple):
    """What is trained in one call: a preset of `gpt`, its shape in the words of `gpt`, and how many steps on what."""

    title: str
    preset: str
    shape: dict
    batch_size: int
    steps: int

    @property
    def tokens(self):
        return self.steps * self.batch_size * self.shape["context_length"]


SHAPE = {"vocab_size": 65, "context_length": 64, "hidden_dim": 128, "num_layers": 4, "num_heads": 4}
LARGE = {"vocab_size": 65, "context_length": 256, "hidden_dim": 384, "num_layers": 6, "num_heads": 6}
ON_CPU = Work("gpt_training", "nanogpt_shakespeare_cpu", SHAPE, batch_size=12, steps=50)
WITH_DROPOUT = ON_CPU._replace(title="gpt_dropout_training", shape={**SHAPE, "dropout": 0.2})
ON_GPU = Work("nanogpt_training", "nanogpt_shakespeare", LARGE, batch_size=64, steps=20)
BATCHES = (1, 16)  # of generation
WRITTEN = SHAPE["context_length"] - 1


# The peers ---------------------------------------------------------------------------------------------------------


def torch_gpt(vocab_size, context_length, hidden_dim, num_layers, num_heads, dropout=0.0):
    """Return the network as one writes it in plain PyTorch, from tokens `(B, T)` to logits `(B, T, V)`."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention_norm = nn.LayerNorm(hidden_dim, bias=False)
            self.qkv = nn.Linear(hidden_dim, 3 * hidden_dim, bias=False)
            self.projection = nn.Linear(hidden_dim, hidden_dim, bias=False)
            self.mlp_norm = nn.LayerNorm(hidden_dim, bias=False)
            self.mlp_in = nn.Linear(hidden_dim, 4 * hidden_dim, bias=False)
            self.mlp_out = nn.Linear(4 * hidden_dim, hidden_dim, bias=False)
            self.dropout = nn.Dropout(dropout)

        def forward(self, x):
            qkv = self.qkv(self.attention_norm(x)).unflatten(-1, (3, num_heads, -1))  # (B, T, 3, H, D)
            rate = dropout if self.training else 0.0
            y = functional.scaled_dot_product_attention(
                *(t.transpose(1, 2) for t in qkv.unbind(2)), dropout_p=rate, is_causal=True
            )
            x = x + self.dropout(self.projection(y.transpose(1, 2).flatten(-2)))
            return x + self.dropout(self.mlp_out(functional.gelu(self.mlp_in(self.mlp_norm(x)))))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens = nn.Embedding(vocab_size, hidden_dim)
            self.positions = nn.Embedding(context_length, hidden_dim)
            self.dropout = nn.Dropout(dropout)
            self.blocks = nn.Sequential(*(Block() for _ in range(num_layers)))
            self.norm = nn.LayerNorm(hidden_dim, bias=False)
            for weight in self.parameters():
                if weight.ndim == 2:
                    nn.init.normal_(weight, std=0.02)

        def forward(self, x):
            h = self.tokens(x) + self.positions(torch.arange(x.shape[1], device=x.device))
            return functional.linear(self.norm(self.blocks(self.dropout(h))), self.tokens.weight)

    return GPT()


def transformers_gpt(vocab_size, context_length, hidden_dim, num_layers, num_heads, dropout=0.0):
    """Return `transformers.GPT2LMHeadModel` of this size, without an end of text."""
    import transformers

    config = transformers.GPT2Config(
        vocab_size=vocab_size,
        n_positions=context_length,
        n_embd=hidden_dim,
        n_layer=num_layers,
        n_head=num_heads,
        activation_function="gelu",
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        bos_token_id=None,
        eos_token_id=None,
    )
    return transformers.GPT2LMHeadModel(config)


def torch_training(work, library, fused, compiled=False):
    """Return the call that makes the steps of `work` in a plain PyTorch loop."""
    import torch

    model = torch_gpt(**work.shape) if library == "torch" else transformers_gpt(**work.shape)
    device = common.torch_device()
    model.train().to(device)
    logits_of = model if library == "torch" else lambda x: model(input_ids=x, use_cache=False).logits
    if compiled:
        logits_of = torch.compile(logits_of)
    matrices = [w for w in model.parameters() if w.ndim >= 2]
    groups = [
        {"params": matrices, "weight_decay": 0.1},
        {"params": [w for w in model.parameters() if w.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=fused)
    tokens = torch.from_numpy(common.random_tokens(work.shape["vocab_size"])).long()
    length = work.shape["context_length"]

    def call():
        for _ in range(work.steps):
            starts = torch.randint(len(tokens) - length, (work.batch_size,)).tolist()
            x = torch.stack([tokens[i : i + length] for i in starts])
            y = torch.stack([tokens[i + 1 : i + 1 + length] for i in starts])
            x, y = x.to(device), y.to(device)
            loss = torch.nn.functional.cross_entropy(logits_of(x).flatten(0, 1), y.flatten())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        return loss.item()

    return call


def transformers_generation(batch_size):
    """Return the call that samples with `transformers.generate` and its cache."""
    import torch

    device = common.torch_device()
    model = transformers_gpt(**SHAPE).eval().to(device)
    prompts = torch.ones((batch_size, 1), dtype=torch.long, device=device)
    settings = {"max_new_tokens": WRITTEN, "do_sample": True, "temperature": 1.0, "top_k": 0, "pad_token_id": 0}

    def call():
        with torch.inference_mode():
            texts = model.generate(prompts, attention_mask=torch.ones_like(prompts), use_cache=True, **settings)
        _check_length(texts)

    return call


def _check_length(texts):
    if any(len(text) != 1 + WRITTEN for text in texts):
        raise RuntimeError(f"a text ended before {WRITTEN} tokens were written")


# Ours --------------------------------------------------------------------------------------------------------------


def our_training(work, name, compiled=False):
    """Return the call that makes the steps of `work` in `model.fit` on one backend."""
    common.select(name)
    from keras_course.language import gpt

    model = common.compile_gpt(gpt.from_preset(work.preset, dropout=work.shape.get("dropout", 0.0)), fuse=compiled)
    fit = common.fit_windows(model, work.shape["context_length"], work.batch_size, work.steps)
    return lambda: common.synchronize(fit())


def our_generation(name, batch_size):
    """Return the call that samples with our `generate` on one backend."""
    common.select(name)
    from keras_course.language import generate, gpt

    model = gpt.from_preset("nanogpt_shakespeare_cpu", use_bias=True)
    return lambda: _check_length(generate(model, [[1]] * batch_size, WRITTEN))


# The comparison ----------------------------------------------------------------------------------------------------


def comparisons(with_compile=False, works=(ON_CPU, WITH_DROPOUT)):
    """Return `{benchmark: (tokens in one call, {peer: maker}, {backend: maker})}` for `turns.take_turns`."""
    found, names = {}, backend.available()
    for work in works:
        peers = {
            "torch loop, AdamW": (torch_training, work, "torch", False),
            "torch loop, fused AdamW": (torch_training, work, "torch", True),
            "transformers, fused AdamW": (torch_training, work, "transformers", True),
        }
        if with_compile:
            peers["torch.compile, fused AdamW"] = (torch_training, work, "torch", True, True)
        ours = {name: (our_training, work, name, with_compile) for name in names}
        found[f"{work.title}_compiled" if with_compile else work.title] = (work.tokens, peers, ours)
    for size in BATCHES:
        peers = {"transformers.generate": (transformers_generation, size)}
        ours = {name: (our_generation, name, size) for name in names}
        found[f"gpt_generation_batch_{size}"] = (size * WRITTEN, peers, ours)
    return found


def origin(name):
    """Return the part of a row that says where, with what and when a backend was measured."""
    return records.origin(*dict.fromkeys((name, "torch", "transformers")))


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.language", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="timed calls of each implementation (default 5)")
    parser.add_argument("--compile", action="store_true", help="torch.compile for a peer and for ours on PyTorch")
    parser.add_argument("--gpu", action="store_true", help="train the larger network, too large for a CPU")
    parser.add_argument("--record", action="store_true", help="append the result to docs/results")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds} must be at least 1")
    if missing := [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]:
        sys.exit(
            f"This comparison needs {' and '.join(missing)}. Install with: pip install 'keras_course[torch,bench]'"
        )
    works = (ON_GPU,) if options.gpu else (ON_CPU, WITH_DROPOUT)
    docs = records.docs_of_checkout() if options.record else None  # before minutes are spent on it
    for benchmark, (tokens, peers, ours) in comparisons(options.compile, works).items():
        rows = turns.compare(benchmark, tokens, "tokens", peers, ours, options.rounds)
        if docs is not None:
            records.record_speeds([{**row, **origin(row["backend"])} for row in rows], "language", docs)


if __name__ == "__main__":
    main()
