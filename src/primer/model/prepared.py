"""Stand-ins for the parts of a model that only generates, on a CPU: same numbers (int8: nearly), less time.

One new token is one row against every matrix, and costs what reading the weights costs: 49 MB for a 6 × 384 llama with
4,096 ids. So the matrices are read by all cores at once, or are a quarter as large.

Legend of shapes: N rows (all leading dimensions together), I inputs, O outputs of a linear map, P parts of its outputs.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from primer.core.errors import ConfigError
from primer.model.gpt import GPT, Linear, RMSNorm

Weights = Literal["auto", "float32", "bfloat16", "int8"]

INT8_BACKEND = "fbgemm"  # of PyTorch's quantized kernels, the one for x86
STEPS = 63  # of an activation to each side of 0: with 127, two products overflow the 16 bits that AVX2 adds them in
WORTH_INT8 = 2**12  # weights of a matrix: below, as in the gates, there is nothing to read faster


def prepare_to_generate(model: GPT, weights: Weights = "auto") -> GPT:
    """Make a model, in place, faster to generate with and unfit to train: same numbers (int8: nearly), other storage.

    `weights`: auto casts them to the model's compute dtype, once and not at every token; float32 and bfloat16 set that
    dtype; int8 reads a quarter of the bytes, on x86 (of a 1 M model's bits per byte it changes 0.02 %).

    Raises ConfigError for int8 where there are no kernels for it.
    """
    if weights != "auto":
        model.compute_dtype = torch.bfloat16 if weights == "bfloat16" else torch.float32
    on_cpu = model.embed.weight.device.type == "cpu"
    if weights == "int8" and not (on_cpu and INT8_BACKEND in torch.backends.quantized.supported_engines):
        raise ConfigError("--weights int8 is for x86 processors. Use --weights auto, and --device cpu for int8.")
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Linear):
                setattr(parent, name, prepared_linear(child, model.compute_dtype, weights == "int8"))
            elif isinstance(child, RMSNorm) and on_cpu and model.compute_dtype == torch.float32:
                setattr(parent, name, OneRowRMSNorm(child))
    return model


def prepared_linear(linear: Linear, dtype: torch.dtype, int8: bool) -> nn.Module:
    """The stand-in of a linear map, or itself with its weights cast."""
    if int8 and linear.weight.numel() >= WORTH_INT8:
        return Int8Linear(linear)
    if dtype == torch.float32 and linear.weight.device.type == "cpu":
        return SplitLinear(linear, torch.get_num_threads())
    linear.weight = nn.Parameter(linear.weight.detach().to(dtype), requires_grad=False)
    return linear


class SplitLinear(nn.Module):
    """A float32 linear map whose outputs are shared out among the cores when there is one row.

    MKL multiplies one row on one core, whatever the number of threads; as a batch of parts it takes all of them
    (4,096 × 768: 387 against 637 µs on two). Matrices that widen are stored column by column, which it reads faster.
    """

    def __init__(self, linear: nn.Linear, num_threads: int) -> None:
        super().__init__()
        O, I = linear.weight.shape
        weight = linear.weight.detach().float()
        self.weight = nn.Buffer(weight.t().contiguous().t() if O > I else weight)
        self.bias = None if linear.bias is None else nn.Buffer(linear.bias.detach().float())
        self.num_parts = max(n for n in range(1, num_threads + 1) if O % n == 0)
        self.parts = nn.Buffer(self.weight.unflatten(0, (self.num_parts, -1)).transpose(1, 2))  # (P, I, O/P), a view

    def forward(self, x: Tensor) -> Tensor:
        """x (…, I) to (…, O)."""
        if self.num_parts == 1 or x.numel() != x.size(-1):
            return F.linear(x, self.weight, self.bias)
        y = torch.bmm(x.view(1, 1, -1).expand(self.num_parts, 1, -1), self.parts).view(*x.shape[:-1], -1)
        return y if self.bias is None else y + self.bias


class Int8Linear(nn.Module):
    """A linear map with weights of 8 bits, a scale for each output, and activations of 7 bits, a scale for each row.

    Rows are scaled to ±1 first, so that the kernel's one scale for all fits each of them, and a row's result does not
    depend, not even by rounding, on the rows beside it: whole numbers add up the same in any order.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        scales = weight.abs().amax(dim=1).clamp(min=1e-12) / 127
        self.bias = None if linear.bias is None else nn.Buffer(linear.bias.detach().float())
        with warnings.catch_warnings(), int8_backend():
            warnings.simplefilter("ignore")  # quantized tensors are to move into a package of their own
            quantized = torch.quantize_per_channel(weight, scales, torch.zeros(len(scales)).long(), 0, torch.qint8)
            self.packed = torch.ops.quantized.linear_prepack(quantized, None)
        # `_op`: past a search of the arguments for traced objects, as long as multiplying a 384 × 384 matrix.
        self.multiply = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32.default._op

    def forward(self, x: Tensor) -> Tensor:
        """x (…, I) to (…, O)."""
        largest = torch.linalg.vector_norm(x, torch.inf, dim=-1, keepdim=True).clamp_(min=1e-12)
        y: Tensor = self.multiply(x / largest, 1 / STEPS, STEPS + 1, self.packed)
        return y.mul_(largest) if self.bias is None else torch.addcmul(self.bias, y, largest)


@contextmanager
def int8_backend() -> Iterator[None]:
    """Pack weights for this backend; packed, they know their kernels."""
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = INT8_BACKEND
    try:
        yield
    finally:
        torch.backends.quantized.engine = before


class OneRowRMSNorm(nn.Module):
    """RMSNorm in four operations: PyTorch's takes eight on a CPU (27 against 13 µs for one row of 384).

    x / √(mean x² + ε) × weight = x × √C weight / hypot(‖x‖, √(C ε)), for C channels.
    """

    def __init__(self, norm: nn.RMSNorm) -> None:
        super().__init__()
        assert norm.weight is not None
        assert norm.eps is not None
        C = norm.weight.numel()
        self.weight = nn.Buffer(norm.weight.detach() * C**0.5)
        self.floor = nn.Buffer(torch.tensor((C * norm.eps) ** 0.5))

    def forward(self, x: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return (x * self.weight).div_(length.hypot_(self.floor))
