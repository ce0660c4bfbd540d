"""The named recipes, as plain Python values: `primer pretrain --preset NAME`, every option on top of it."""

from pathlib import Path

from primer.model.families import ShapeOverrides
from primer.model.optim import OptimConfig
from primer.train.loop import LoopConfig
from primer.train.pretrain import PretrainConfig

PRETRAIN: dict[str, PretrainConfig] = {
    # nanoGPT's character benchmark, as a race: its text, split and context, to its CPU recipe's validation loss.
    "shakespeare-char": PretrainConfig(
        run=Path("runs/shakespeare-char"),
        data="tinyshakespeare",
        kind="char",
        depth=2,
        shape=ShapeOverrides(width=128),
        context=64,
        ngrams=(2, 3, 4),
        value_embeddings=False,
        batch_rows=32,
        optim=OptimConfig(matrix_lr=0.06, ngram_lr=0.05),
        loop=LoopConfig(num_steps=40, warmup_steps=2),
        eval_every=0,
        save_every=0,
        sample_every=0,
        tensorboard=False,
    ),
    # Towards the validation loss of nanoGPT's A100 recipe, at its context of 256: many epochs, so regularised.
    "shakespeare-char-quality": PretrainConfig(
        run=Path("runs/shakespeare-char-quality"),
        data="tinyshakespeare",
        kind="char",
        depth=4,
        shape=ShapeOverrides(width=256),
        context=256,
        ngrams=(2, 3),
        value_embeddings=False,
        dropout=0.15,
        batch_rows=16,
        optim=OptimConfig(weight_decay=0.1),
        loop=LoopConfig(num_steps=1000),
    ),
    # All of Shakespeare, in five to six minutes on two cores.
    "shakespeare": PretrainConfig(
        run=Path("runs/shakespeare"),
        data="shakespeare",
        vocab_size=4096,
        depth=4,
        shape=ShapeOverrides(width=192),
        context=256,
        ngrams=(2,),
        batch_rows=16,
        optim=OptimConfig(matrix_lr=0.03),
        loop=LoopConfig(num_steps=320),
        eval_every=80,
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
