"""Operations that PyTorch computes in one place and compiled loops in another.

A GPU, torch.compile and operations that share all cores are PyTorch's. Where a core works by itself, as in training on
a CPU, loops that numba compiles are up to 3 times as fast: `document_attention.py`, `training_loops.py`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

Rotary = tuple[Tensor, Tensor] | None  # cos and sin


def suits_loops(x: Tensor) -> bool:
    """Whether compiled loops can take x: in float32 or bfloat16 on a CPU, and nothing else is compiling."""
    return x.device.type == "cpu" and x.dtype in (torch.float32, torch.bfloat16) and not torch.compiler.is_compiling()


def trains_in_loops(x: Tensor) -> bool:
    """Whether its gradient is best computed in compiled loops, which use one core: where each micro-batch has one."""
    return x.requires_grad and torch.get_num_threads() == 1 and suits_loops(x)


def causal_attention(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """softmax(q kᵀ / √D) v for q (B, H, T, D) and k, v (B, K, T, D): each position sees the `window` up to its own."""
    (B, H, T, _), K = q.shape, k.size(1)
    if trains_in_loops(q):
        from primer.model.document_attention import attention

        return attention(q, k, v, np.array([(row, 0, T) for row in range(B)]), window)
    if window >= T:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=K != H)
    distance = torch.arange(T, device=q.device)[:, None] - torch.arange(T, device=q.device)
    return masked_attention(q, k, v, (distance >= 0) & (distance < window))


def masked_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """softmax(q kᵀ / √D + mask) v for q (B, H, T, D) and k, v (B, K, S, D); of truth values, where the mask is true."""
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=k.size(1) != q.size(1))


def gelu(x: Tensor) -> Tensor:
    """GPT-2's GELU, with tanh for the error function (arXiv 1606.08415)."""
    if trains_in_loops(x):
        from primer.model import training_loops

        return training_loops.gelu(x)
    return F.gelu(x, approximate="tanh")


def relu2(x: Tensor) -> Tensor:
    """Squared ReLU: cheap, and as good as gated units at this size (Primer, arXiv 2109.08668)."""
    if trains_in_loops(x):
        from primer.model import training_loops

        return training_loops.relu2(x)
    return F.relu(x).square()


def split_heads(
    qkv: Tensor, heads: tuple[int, ...], norms: tuple[nn.Module | None, nn.Module | None], rotary: Rotary
) -> tuple[Tensor, Tensor, Tensor]:
    """qkv (B, T, heads, D) as q, k and v of so many heads each; q and k normed and turned by their positions: cos and
    signed sin, (…, T, 1, D)."""
    in_loops = trains_in_loops(qkv) and (rotary is None or rotary[0].ndim == 3) and qkv.size(-1) % 2 == 0
    if in_loops and all(norm is None or (isinstance(norm, nn.LayerNorm) and norm.weight is None) for norm in norms):
        from primer.model import training_loops

        return training_loops.split_heads(qkv, heads, getattr(norms[0], "eps", None), rotary)
    q, k, v = qkv.split(heads, dim=2)
    q, k = (x if norm is None else norm(x) for x, norm in zip((q, k), norms, strict=True))
    return (q, k, v) if rotary is None else (rotate(q, *rotary), rotate(k, *rotary), v)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair of channels (i, i + D/2) of x (B, T, heads, D) by its position's angle.

    Rolling by D/2 swaps the halves and the sign sits in `sin`: three passes over x instead of seven.
    """
    return torch.addcmul(x * cos, x.roll(x.size(-1) // 2, dims=-1), sin)


def mix_neighbours(x: Tensor, gates: Tensor, preceded: Callable[[Tensor], Tensor] | None) -> Tensor:
    """x (B, T, C) plus, channel by channel, gates[i] × what stands i + 1 positions before; gates (n, C). `preceded`
    puts the n positions before x in front of it; None: nothing comes before."""
    if preceded is None and trains_in_loops(x):
        from primer.model import training_loops

        return training_loops.mix_neighbours(x, gates)
    n, T = len(gates), x.size(1)
    before = F.pad(x, (0, 0, n, 0)) if preceded is None else preceded(x)  # (B, n + T, C)
    for i, gate in enumerate(gates.to(x.dtype), 1):
        x = torch.addcmul(x, before[:, n - i : n - i + T], gate)
    return x


def in_groups(wanted: Tensor, size: int = 64) -> Tensor:
    """`wanted` (B, T) and some more, in whole groups: oneDNN makes a kernel for every number of rows that it meets."""
    others = wanted.flatten().logical_not().nonzero()[: -int(wanted.sum()) % size, 0]
    return wanted.flatten().index_fill(0, others, True).view_as(wanted)


def array(tensor: Tensor) -> NDArray[Any]:
    """The numbers of a tensor as loops read them, where they are; bfloat16 as the bits that numpy has no name for."""
    tensor = tensor.detach()
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()
