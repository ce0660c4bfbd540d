"""The named recipes, as plain Python values: `primer pretrain --preset NAME`, every option on top of it."""

from pathlib import Path

from primer.model.families import ShapeOverrides
from primer.model.optim import OptimConfig
from primer.train.loop import LoopConfig
from primer.train.pretrain import PretrainConfig

PRETRAIN: dict[str, PretrainConfig] = {
    # nanoGPT's character benchmark: the same text, split and context as its CPU recipe (4 × 128, context 64).
    "shakespeare-char": PretrainConfig(
        run=Path("runs/shakespeare-char"),
        data="tinyshakespeare",
        kind="char",
        depth=4,
        shape=ShapeOverrides(width=128),
        context=64,
        batch_rows=32,
        loop=LoopConfig(num_steps=60),
        eval_every=0,
    ),
    # All of Shakespeare, in about five minutes on two cores.
    "shakespeare": PretrainConfig(
        run=Path("runs/shakespeare"),
        data="shakespeare",
        vocab_size=4096,
        depth=4,
        context=256,
        batch_rows=16,
        loop=LoopConfig(num_steps=500),
    ),
    # nanoGPT's reproduction of GPT-2 (124M): about half a million tokens a step, 600,000 steps, AdamW, cosine.
    "gpt2-124m": PretrainConfig(
        run=Path("runs/gpt2-124m"),
        data="data/fineweb",
        family="gpt2",
        depth=12,
        shape=ShapeOverrides(width=768, num_heads=12),
        context=1024,
        batch_rows=480,
        optim=OptimConfig(optimizer="adamw", adamw_lr=6e-4, weight_decay=0.1),
        loop=LoopConfig(num_steps=600_000, schedule="cosine", warmup_steps=2000, final_lr=0.1),
        eval_every=2000,
        eval_tokens=10_485_760,
        save_every=1000,
    ),
}
