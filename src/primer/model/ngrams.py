"""What a token's embedding knows of the ids before it: which n-gram ends there, and whether it has stood there before.

Legend of shapes: B rows, T positions, P ids before them (-1 where there are none).
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def hash_ngrams(ids: Tensor, lengths: tuple[int, ...], buckets: int) -> Tensor:
    """Row in the n-gram table for ids (B, T + longest - 1): (B, T, len(lengths)), one range of rows a length.

    A polynomial hash modulo the prime 2³¹ - 1 of the last n ids, kept below 2⁶³ by taking the remainder each time.
    """
    T = ids.size(1) - max(lengths) + 1
    rows, hashed = list[Tensor](), torch.zeros_like(ids[:, :T])
    for n in range(1, max(lengths) + 1):
        start = max(lengths) - n
        hashed = (hashed * 1_000_003 + ids[:, start : start + T] + 1) % 2_147_483_647
        if n in lengths:
            rows.append(hashed % buckets + len(rows) * buckets)
    return torch.stack(rows, dim=-1)


def count_repeats(ids: Tensor, num_positions: int, longest: int) -> Tensor:
    """How many ids, at most `longest`, that end at each of the last T positions of ids (B, P + T) stood together
    somewhere before: (B, T).

    >>> count_repeats(torch.tensor([[5, 6, 7, 5, 6, 9, 6]]), 7, 4).tolist()
    [[0, 0, 0, 1, 2, 0, 1]]
    """
    if ids.device.type != "cpu" or torch.compiler.is_compiling():
        return compare_all(ids, num_positions, longest)
    from primer.model.loops import count_rows_repeats  # brings numba, half a second

    counts = ids.new_empty(len(ids), num_positions)
    count_rows_repeats(ids.contiguous().numpy(), longest, counts.numpy())
    return counts


def compare_all(ids: Tensor, num_positions: int, longest: int) -> Tensor:
    """`count_repeats` by comparing every id with every other, as a GPU does fast."""
    S = ids.size(1)
    wide = F.pad(ids, (longest - 1, 0), value=-1)
    same = torch.ones(num_positions, S, dtype=torch.bool, device=ids.device).tril(S - num_positions - 1)
    count = torch.zeros_like(ids[:, S - num_positions :])
    for n in range(longest):
        shifted = wide[:, longest - 1 - n : longest - 1 - n + S]  # the ids n before
        same = same & (shifted[:, S - num_positions :, None] == shifted[:, None]) & (shifted >= 0)[:, None]
        count += same.any(dim=-1)
    return count
