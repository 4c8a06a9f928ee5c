"""Our transformers beside `torch.nn.Transformer` and `transformers`: the same networks and work, timed in turn.

    python -m benchmarks.peers.attention [WORK ...] [--rounds 5] [--compile] [--gpu] [--record]

Notation: B = batch size, T = tokens in a sequence, V tokens, C features. The works:

- translation_training: steps of an encoder-decoder (C = 256, 3 + 3 blocks of 4 heads, V = 8,000) on B = 32 pairs of
  T = 32 tokens, with Adam and label smoothing; with --gpu the base model of Vaswani et al. on B = 128 pairs.
- vit_training: steps of ViT-S/16 on B = 4 images of 224 x 224 pixels; with --gpu B = 64. AdamW.
- beam_search: 31 tokens for each of B = 8 sources of 32 tokens, with 5 beams, by the same encoder-decoder; the peer is
  the Marian model of `transformers`, which is the same network. No beam can end early.
- attention: a layer of multi-head self-attention (C = 256, 4 heads) without gradients, on one sequence of T = 128 to
  4,096 tokens. The memory is the growth of the process's peak over the calls, in a process of its own.

Ours goes through `model.fit`, `translate`, and a jitted call.
"""

import argparse
import importlib.util
import multiprocessing
import sys

from benchmarks import common
from benchmarks.peers import turns
from benchmarks.peers.attention_of_others import (
    BEAMS,
    Work,
    check_lengths,
    features_of,
    images_of,
    pairs_of,
    torch_attention,
    torch_translation_training,
    torch_vit_training,
    transformers_beam_search,
)
from benchmarks.peers.language import origin
from benchmarks.peers.transformers_of_others import START, STOP
from keras_course import backend, records

SMALL = {"vocab_size": 8_000, "context_length": 64, "hidden_dim": 256, "num_layers": 3, "num_heads": 4}
BASE = {"vocab_size": 37_000, "context_length": 512, "hidden_dim": 512, "num_layers": 6, "num_heads": 8}
VIT = {"input_shape": (224, 224, 3), "num_classes": 1000, "patch_size": 16, "hidden_dim": 384, "num_layers": 12,
       "num_heads": 6}  # fmt: skip
LAYER = {"hidden_dim": 256, "num_heads": 4}
LENGTHS = (128, 512, 1024, 2048, 4096)


def works(gpu=False):
    """Return `{name: [Work, ...]}`."""
    training = Work("translation_training", "tokens", SMALL, batch_size=32, length=32, steps=4)
    images = Work("vit_small_training", "images", VIT, batch_size=4, steps=2)
    return {
        "translation_training": [training._replace(shape=BASE, batch_size=128, steps=20) if gpu else training],
        "vit_training": [images._replace(batch_size=64, steps=10) if gpu else images],
        "beam_search": [Work("beam_search", "tokens", SMALL, batch_size=8, length=31)],
        "attention": [Work(f"attention_{length}", "tokens", LAYER, 1, length, steps=4) for length in LENGTHS],
    }


# Ours ----------------------------------------------------------------------------------------------------------------


def our_translation_training(work, name, compiled=False):
    """Return the call that makes the steps of `work` in `model.fit`."""
    common.select(name)
    import keras

    from keras_course import ops
    from keras_course.attention import SmoothedCrossEntropy, transformer
    from keras_course.datasets import pair_batches

    model = transformer(**work.shape)
    model.compile(
        keras.optimizers.Adam(1e-4), SmoothedCrossEntropy(0.1), jit_compile="auto" if name == "jax" else False
    )
    model = ops.jit_training(model, fuse=compiled)
    batches = pair_batches(*(list(side) for side in pairs_of(work)), work.batch_size, steps_per_epoch=work.steps)

    def call():
        model.fit(batches, steps_per_epoch=work.steps, shuffle=False, verbose=0)
        common.synchronize(model.optimizer.iterations.value)

    return call


def our_vit_training(work, name, compiled=False):
    """Return the call that makes the steps of `work` in `model.fit`."""
    common.select(name)
    import keras

    from keras_course import ops
    from keras_course.attention import vit

    model = vit(**work.shape)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.AdamW(1e-4, weight_decay=0.1)
    model.compile(optimizer, loss, jit_compile="auto" if name == "jax" else False)
    epoch = common.fit_examples(ops.jit_training(model, fuse=compiled), *images_of(work), work.batch_size)
    return lambda: common.synchronize(epoch())


def our_beam_search(work, name):
    """Return the call that translates with our `translate`."""
    common.select(name)
    from keras_course.attention import transformer, translate

    model = transformer(**work.shape)
    table = model.get_layer("token_embedding")
    weight = table.get_weights()[0]
    weight[STOP] = 0  # a logit of 0 is never among the largest, so no beam ends early
    table.set_weights([weight])
    sources = list(pairs_of(work)[0])

    def call():
        texts = translate(model, sources, start=START, stop=STOP, beams=BEAMS, max_length=work.length)
        check_lengths(texts, work.length)

    return call


def our_attention(work, name):
    """Return the call of our layer of attention."""
    common.select(name)
    import keras

    from keras_course import ops
    from keras_course.layers import MultiHeadAttention

    layer = MultiHeadAttention(work.shape["num_heads"])
    x = keras.ops.convert_to_tensor(features_of(work))
    layer.build(x.shape)
    attend = ops.jit(lambda x: layer(x), variables=layer.variables)

    def call():
        for _ in range(work.steps):
            y = attend(x)
        common.synchronize(y[0, 0, 0])

    return call


# The comparison ------------------------------------------------------------------------------------------------------

MAKERS = {  # name of a work: peer, maker of the peer, maker of ours, whether they can be compiled by PyTorch
    "translation_training": ("torch.nn.Transformer", torch_translation_training, our_translation_training, True),
    "vit_training": ("transformers ViT", torch_vit_training, our_vit_training, True),
    "beam_search": ("transformers.generate", transformers_beam_search, our_beam_search, False),
    "attention": ("torch.nn.MultiheadAttention", torch_attention, our_attention, False),
}


def comparison(name, work, with_compile=False):
    """Return `({peer: maker}, {backend: maker})` for `turns.compare`."""
    title, theirs, ours, can_compile = MAKERS[name]
    peers, fuse = {title: (theirs, work)}, (True,) if with_compile and can_compile else ()
    if fuse:
        peers[f"{title}, torch.compile"] = (theirs, work, True)
    return peers, {each: (ours, work, each, *fuse) for each in backend.available()}


def peak_memory(function, *arguments):
    """Return by how many MB the peak memory of a process of its own grows in two calls (Linux only)."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_growth, (function, arguments))


def _growth(function, arguments):
    call = function(*arguments)
    before = _peak()
    for _ in range(2):
        call()
    return (_peak() - before) / 1024


def _peak():
    """Return the peak in KB; the peak that `resource` reports includes the parent's."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.attention", description=__doc__.split("\n")[0])
    parser.add_argument("work", nargs="*", help=f"some of {', '.join(MAKERS)} (default all)")
    parser.add_argument("--rounds", type=int, default=5, help="timed calls of each implementation (default 5)")
    parser.add_argument("--compile", action="store_true", help="torch.compile for a peer and for ours on PyTorch")
    parser.add_argument("--gpu", action="store_true", help="larger training steps, too large for a CPU")
    parser.add_argument("--record", action="store_true", help="append the result to docs/results")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds} must be at least 1")
    if unknown := set(options.work) - set(MAKERS):
        parser.error(f"work {', '.join(sorted(unknown))} is none of {', '.join(MAKERS)}")
    if missing := [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]:
        sys.exit(
            f"This comparison needs {' and '.join(missing)}. Install with: pip install 'keras_course[torch,bench]'"
        )
    docs = records.docs_of_checkout() if options.record else None  # before minutes are spent on it
    for name in options.work or MAKERS:
        for work in works(options.gpu)[name]:
            fused = options.compile and MAKERS[name][3]
            peers, ours = comparison(name, work, options.compile)
            title = f"{work.title}_compiled" if fused else work.title
            rows = turns.compare(title, work.amount, work.unit, peers, ours, options.rounds)
            if name == "attention":
                for each, maker in {**peers, **ours}.items():
                    print(f"  {each:34}{peak_memory(*maker):>12,.0f} MB", flush=True)
            if docs is not None:
                records.record_speeds([{**row, **origin(row["backend"])} for row in rows], "attention", docs)


if __name__ == "__main__":
    main()
