"""`torch.nn.Transformer` with the same weights: outputs of encoder and decoder, pre- and post-norm, with padding."""

import keras
import numpy as np
import pytest
from oracles import run_oracle

from keras_course.attention import EncoderDecoderBlock, transformer

ORACLE = """
import sys
import numpy as np, torch
torch.manual_seed(0)
found = {}
for norm_first in (False, True):
    network = torch.nn.Transformer(12, 3, 2, 2, 24, dropout=0.0, batch_first=True, norm_first=norm_first).eval()
    with torch.no_grad():
        for weight in network.parameters():  # so that biases are not zeros
            weight.add_(0.2 * torch.randn_like(weight))
    if not norm_first:  # torch normalizes once more at the end of each stack, the paper does not
        network.encoder.norm = network.decoder.norm = None
    source, target = torch.randn(2, 6, 12), torch.randn(2, 5, 12)
    padding = torch.arange(6) >= torch.tensor([[4], [6]])
    y = network(source, target, tgt_mask=torch.ones(5, 5).triu(1).bool(), src_key_padding_mask=padding,
                memory_key_padding_mask=padding)
    weights = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    arrays = {"source": source.numpy(), "target": target.numpy(), "padding": padding.numpy(), "y": y.detach().numpy()}
    found |= {f"{norm_first} {name}": value for name, value in (weights | arrays).items()}
np.savez(sys.argv[1], **found)
"""


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    path = tmp_path_factory.mktemp("torch") / "transformer.npz"
    run_oracle(ORACLE, path)
    return dict(np.load(path))


def dense(layer, weight, bias):
    layer.kernel.assign(weight.T)
    layer.bias.assign(bias)


def copy_block(block, theirs, prefix):
    """Copy the weights of one layer of torch into a block."""

    def at(name):
        return theirs[f"{prefix}.{name}"]

    dense(block.self_attention.qkv, at("self_attn.in_proj_weight"), at("self_attn.in_proj_bias"))
    dense(block.self_attention.projection, at("self_attn.out_proj.weight"), at("self_attn.out_proj.bias"))
    norms = ["self_attention", "mlp"]
    if block.is_decoder:
        norms.insert(1, "cross_attention")
        weight, bias = at("multihead_attn.in_proj_weight"), at("multihead_attn.in_proj_bias")
        dense(block.cross_attention.query, weight[:12], bias[:12])
        dense(block.cross_attention.key_value, weight[12:], bias[12:])
        dense(
            block.cross_attention.projection, at("multihead_attn.out_proj.weight"), at("multihead_attn.out_proj.bias")
        )
    for i, branch in enumerate(norms, 1):
        block.norms[branch].set_weights([at(f"norm{i}.weight"), at(f"norm{i}.bias")])
    dense(block.mlp_in, at("linear1.weight"), at("linear1.bias"))
    dense(block.mlp_out, at("linear2.weight"), at("linear2.bias"))


@pytest.mark.parametrize("norm_first", [False, True])
def test_equal_to_transformer_of_torch(oracle, norm_first):
    """The blocks and norms of our model, called on features, as torch has no embeddings."""
    theirs = {name.split(" ")[1]: value for name, value in oracle.items() if name.startswith(f"{norm_first} ")}
    model = transformer(7, 8, hidden_dim=12, num_heads=3, mlp_dim=24, norm_first=norm_first)
    mask, streams = ~theirs["padding"], {}
    for side in ("encoder", "decoder"):
        h = theirs["source" if side == "encoder" else "target"]
        for i in range(2):
            block = model.get_layer(f"{side}_{i}")
            copy_block(block, theirs, f"{side}.layers.{i}")
            context = {"context": streams["encoder"], "context_mask": mask} if side == "decoder" else {}
            h = block(h, attention_mask=None if context else mask, **context)
        if norm_first:
            norm = model.get_layer(f"{side}_norm")
            norm.set_weights([theirs[f"{side}.norm.weight"], theirs[f"{side}.norm.bias"]])
            h = norm(h)
        streams[side] = h
    np.testing.assert_allclose(keras.ops.convert_to_numpy(streams["decoder"]), theirs["y"], atol=1e-4)


def test_the_blocks_are_all_that_a_model_has_beside_embeddings_and_norms():
    """What the comparison leaves out: one embedding, positions without weights, and both final norms."""
    model = transformer(7, 8, hidden_dim=12, num_heads=3, norm_first=True)
    rest = [layer for layer in model.layers if layer.weights and not isinstance(layer, EncoderDecoderBlock)]
    assert sorted(layer.name for layer in rest) == ["decoder_norm", "encoder_norm", "token_embedding"]
    assert not model.get_layer("encoder_positions").weights
