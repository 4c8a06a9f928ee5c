"""The transformers of other libraries, in the sizes of our builders, for `benchmarks.peers.attention`.

Notation: source and target (B, T) tokens, token 0 is padding; logits (B, T, V).
"""

import numpy as np

START, STOP = 1, 2


def torch_transformer(vocab_size, context_length, hidden_dim, num_layers, num_heads):
    """Return the encoder-decoder as one writes it around `torch.nn.Transformer`: logits `(B, T, V)`."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = hidden_dim**0.5
            self.tokens = nn.Embedding(vocab_size, hidden_dim)
            nn.init.normal_(self.tokens.weight, std=hidden_dim**-0.5)
            angles = torch.arange(context_length)[:, None] * 1e4 ** (-torch.arange(0, hidden_dim, 2) / hidden_dim)
            self.register_buffer("positions", torch.stack([angles.sin(), angles.cos()], -1).flatten(1))
            sizes = (hidden_dim, num_heads, num_layers, num_layers, 4 * hidden_dim)
            self.transformer = nn.Transformer(*sizes, dropout=0.0, batch_first=True)
            self.transformer.encoder.norm = self.transformer.decoder.norm = None  # as in the paper

        def forward(self, source, target):
            padding, length = source == 0, target.shape[1]
            future = torch.ones(length, length, dtype=torch.bool, device=target.device).triu(1)
            sides = (self.scale * self.tokens(x) + self.positions[: x.shape[1]] for x in (source, target))
            masks = {"src_key_padding_mask": padding, "memory_key_padding_mask": padding}
            h = self.transformer(*sides, tgt_mask=future, tgt_is_causal=True, **masks)
            return nn.functional.linear(h, self.tokens.weight)

    return Network()


def transformers_vit(input_shape, num_classes, patch_size, hidden_dim, num_layers, num_heads):
    import transformers

    config = transformers.ViTConfig(
        image_size=input_shape[0], num_channels=input_shape[2], patch_size=patch_size, hidden_size=hidden_dim,
        num_hidden_layers=num_layers, num_attention_heads=num_heads, intermediate_size=4 * hidden_dim,
        num_labels=num_classes,
    )  # fmt: skip
    return transformers.ViTForImageClassification(config)


def transformers_marian(vocab_size, context_length, hidden_dim, num_layers, num_heads):
    import transformers

    sides = {"layers": num_layers, "attention_heads": num_heads, "ffn_dim": 4 * hidden_dim}
    sides = {f"{side}_{key}": value for side in ("encoder", "decoder") for key, value in sides.items()}
    config = transformers.MarianConfig(
        vocab_size=vocab_size, d_model=hidden_dim, max_position_embeddings=context_length, scale_embedding=True,
        activation_function="relu", pad_token_id=0, decoder_start_token_id=START, eos_token_id=STOP,
        forced_eos_token_id=None, bos_token_id=None, init_std=hidden_dim**-0.5, dropout=0.0, **sides,
    )  # fmt: skip
    return transformers.MarianMTModel(config)


def kernel(arrays, *names):
    """Return kernels (out, in) of several layers as one kernel (in, out)."""
    return np.concatenate([arrays[f"{name}.weight"].T for name in names], axis=-1)


def pair(arrays, *names):
    """Return the kernel of several layers, and their bias."""
    return [kernel(arrays, *names), np.concatenate([arrays[f"{name}.bias"] for name in names])]


def copy_marian(theirs, model):
    """Copy the arrays of the `state_dict` of a `MarianMTModel` into a model built by our `transformer`.

    Its sinusoidal positions have all sines before all cosines, where ours alternate: the same network with the features
    of the residual stream in another order, in which the weights that read or write the stream have to follow.
    """
    width = theirs["model.shared.weight"].shape[1]
    order = np.arange(width).reshape(2, width // 2).T.ravel()  # ours i is theirs order[i]

    def reads(*names):
        weight, bias = pair(theirs, *names)
        return [weight[order], bias]

    def writes(name):
        weight, bias = pair(theirs, name)
        return [weight[:, order], bias[order]]

    def norm(name):
        return [theirs[f"{name}.weight"][order], theirs[f"{name}.bias"][order]]

    model.get_layer("token_embedding").set_weights([theirs["model.shared.weight"][:, order]])
    for side in ("encoder", "decoder"):
        for i in range(sum(f"model.{side}.layers." in name and "fc1.bias" in name for name in theirs)):
            block, start = model.get_layer(f"{side}_{i}"), f"model.{side}.layers.{i}"
            block.self_attention.qkv.set_weights(reads(*(f"{start}.self_attn.{x}_proj" for x in "qkv")))
            block.self_attention.projection.set_weights(writes(f"{start}.self_attn.out_proj"))
            block.norms["self_attention"].set_weights(norm(f"{start}.self_attn_layer_norm"))
            if side == "decoder":
                cross = block.cross_attention
                cross.query.set_weights(reads(f"{start}.encoder_attn.q_proj"))
                cross.key_value.set_weights(reads(f"{start}.encoder_attn.k_proj", f"{start}.encoder_attn.v_proj"))
                cross.projection.set_weights(writes(f"{start}.encoder_attn.out_proj"))
                block.norms["cross_attention"].set_weights(norm(f"{start}.encoder_attn_layer_norm"))
            block.mlp_in.set_weights(reads(f"{start}.fc1"))
            block.mlp_out.set_weights(writes(f"{start}.fc2"))
            block.norms["mlp"].set_weights(norm(f"{start}.final_layer_norm"))
