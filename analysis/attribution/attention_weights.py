"""The weights that a call of attention gives its keys, computed from the inputs of the call.

Rows over the keys sum to 1 and are those before dropout; a row whose keys are all masked is NaN, as PyTorch has it.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

Weights = Float[Tensor, "samples heads queries keys"]


@torch.no_grad()
def multihead_weights(
    module: nn.MultiheadAttention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> Weights:
    """Weights of the call `module(query, key, value, ...)`, by PyTorch's own slow path, without dropout.

    Inputs without a batch axis are one sample. How the caller wanted its own weights does not matter.
    """
    if module.batch_first and query.ndim == 3:
        query, key, value = (x.transpose(0, 1) for x in (query, key, value))
    same = module._qkv_same_embed_dim
    _, weights = nn.functional.multi_head_attention_forward(
        query, key, value, module.embed_dim, module.num_heads, module.in_proj_weight, module.in_proj_bias,
        module.bias_k, module.bias_v, module.add_zero_attn, 0.0, module.out_proj.weight, module.out_proj.bias,
        training=False, key_padding_mask=key_padding_mask, need_weights=True, attn_mask=attn_mask,
        use_separate_proj_weight=not same, q_proj_weight=None if same else module.q_proj_weight,
        k_proj_weight=None if same else module.k_proj_weight, v_proj_weight=None if same else module.v_proj_weight,
        average_attn_weights=False,
    )  # fmt: skip
    assert weights is not None
    return weights if weights.ndim == 4 else weights[None]


@torch.no_grad()
def dot_product_weights(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Weights:
    """Weights of the call `F.scaled_dot_product_attention(query, key, value, ...)`, without dropout."""
    scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
    return scores.softmax(-1)
