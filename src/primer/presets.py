"""The named recipes, as plain Python values: `primer pretrain --preset NAME`, every option on top of it, and `primer
speedrun --preset NAME`, the whole way."""

from dataclasses import dataclass, replace
from pathlib import Path

from primer.core.config import changed
from primer.core.errors import ConfigError, suggest
from primer.core.files import read_json
from primer.model.families import ShapeOverrides
from primer.model.optim import OptimConfig
from primer.train.dpo import DPOConfig, DPOLoss
from primer.train.loop import LoopConfig
from primer.train.pretrain import PretrainConfig
from primer.train.rl import RLConfig
from primer.train.sft import SFTConfig

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
        neighbours=0,
        value_embeddings=False,
        batch_rows=32,
        optim=OptimConfig(matrix_lr=0.06, ngram_lr=0.03),
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
        ngrams=(),  # with them it learns the text by heart
        value_embeddings=False,
        dropout=0.1,
        noise=0.05,  # 1.4512 where 1,000 steps without it have 1.4822, and more steps are no better
        batch_rows=16,
        optim=OptimConfig(weight_decay=0.1),
        loop=LoopConfig(num_steps=2000),
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
        neighbours=0,
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


@dataclass(frozen=True)
class Speedrun:
    """Raw text to an assistant: the four stages of training, and how much is asked of each in the end."""

    base: PretrainConfig
    sft: SFTConfig
    dpo: DPOConfig
    rl: RLConfig
    tasks: tuple[str, ...] = ("curriculum",)
    """What every stage is examined in."""
    questions: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Questions of a task for base, SFT, DPO and RL (0: all; of the curriculum 200 a lesson)."""
    text: str = ""
    """What the base model reads; empty: the curriculum's prose."""
    documents: int = 0
    """Documents of the curriculum's prose."""


def longer(recipe: Speedrun, scale: float) -> Speedrun:
    """The recipe with base and SFT trained so many times as long. Raises ConfigError if it does not count their
    steps, or none would be left."""
    base, sft = recipe.base, recipe.sft
    if scale != 1 and min(round(stage.loop.num_steps * scale) for stage in (base, sft)) < 1:
        raise ConfigError(
            f"--scale {scale} leaves no steps to base or SFT, or this preset does not count them. Give another."
        )
    return replace(
        recipe,
        base=replace(base, loop=replace(base.loop, num_steps=round(base.loop.num_steps * scale))),
        sft=replace(sft, loop=replace(sft.loop, num_steps=round(sft.loop.num_steps * scale))),
        documents=round(recipe.documents * max(1.0, scale)),
    )


OTHERS_THAN_STORIES = (
    "curriculum:arithmetic,facts,follow_ups,harmless,known,letters,personas,recall,refusals,small_talk,spelling,"
    "story_questions,unknown,word_problems,wordplay"
)
LAPTOP = Speedrun(
    base=PretrainConfig(
        vocab_size=1536,
        depth=4,
        shape=ShapeOverrides(width=128),
        context=256,
        repeats=4,
        order="packed",
        batch_rows=8,
        optim=OptimConfig(matrix_lr=0.04, embed_lr=0.5),
        loop=LoopConfig(num_steps=100, warmup_steps=10),
        eval_every=0,
        save_every=0,
        sample_every=0,
        tensorboard=False,
    ),
    sft=SFTConfig(
        batch_rows=48, micro_rows=8, optim=OptimConfig(matrix_lr=0.055, embed_lr=0.7),
        loop=LoopConfig(num_steps=1060, warmup_steps=10, decay=0.8),
        cut_words=0.3, eval_every=0, save_every=250, tensorboard=False,
    ),
    dpo=DPOConfig(
        # What is true and what is asked for, twice; "I don't know" three times, for other pairs speak against it.
        data=("curriculum", "curriculum:facts,known,unknown,personas", "curriculum:unknown"),
        pairs=1100, batch_rows=64, preference=DPOLoss(beta=0.3, nll=3.0), merge=0.4,  # a mean of both costs nothing
        eval_every=0, save_every=0, tensorboard=False,
        optim=OptimConfig(matrix_lr=0.01, embed_lr=0.02, ngram_lr=0.004, head_lr=0.001),
    ),
    rl=RLConfig(
        tasks=("curriculum:stories",), prompts=6, max_tokens=160, eval_prompts=48, merge=0.7,
        replay=(OTHERS_THAN_STORIES,), replay_rows=24, replay_weight=8.0,  # long answers alone cost the others
        loop=LoopConfig(num_steps=36, warmup_steps=2), eval_every=0, save_every=0, tensorboard=False,
        optim=OptimConfig(matrix_lr=0.003, embed_lr=0.006, ngram_lr=0.0012, head_lr=0.0004),
    ),
    documents=6000,
    questions=(64, 3200, 3200, 3200),
)  # fmt: skip
HUB = Speedrun(
    base=PretrainConfig(
        vocab_size=32_768, depth=12, eval_tokens=5_242_880, save_every=500, optim=OptimConfig(weight_decay=0.05)
    ),
    sft=SFTConfig(
        data=("hf:HuggingFaceTB/smoltalk:all=10", "gsm8k=1", "curriculum=1"), on_bad="skip", tokens=200_000_000,
        batch_rows=64, compile="auto",
    ),
    dpo=DPOConfig(
        data=("hf:HuggingFaceH4/ultrafeedback_binarized:default:train_prefs",), on_bad="skip", batch_rows=64,
    ),
    rl=RLConfig(
        tasks=("gsm8k",), prompts=32, samples=16, max_tokens=256, batch_rows=512,
        loop=LoopConfig(num_steps=230, warmup_steps=5),
    ),
    tasks=("mmlu", "arc-easy", "arc-challenge", "gsm8k", "humaneval", "curriculum"),
    questions=(2000, 2000, 2000, 0),
    text="hf:HuggingFaceFW/fineweb-edu:sample-10BT",
)  # fmt: skip

SPEEDRUNS: dict[str, Speedrun] = {
    # Two cores with bfloat16 instructions, ten minutes, three gigabytes: the built-in lessons and nothing else.
    "laptop": LAPTOP,
    # The same in a minute: it shows that everything works, and learns next to nothing.
    "tiny": replace(
        LAPTOP,
        base=replace(
            LAPTOP.base, shape=ShapeOverrides(width=64), depth=2, batch_rows=16, loop=LoopConfig(num_steps=10)
        ),
        sft=replace(LAPTOP.sft, batch_rows=16, loop=LoopConfig(num_steps=30), eval_every=0),
        dpo=replace(LAPTOP.dpo, batch_rows=8, pairs=64),
        rl=replace(
            LAPTOP.rl,
            tasks=("curriculum:spelling",),
            prompts=4,
            samples=4,
            eval_prompts=8,
            max_tokens=48,
            loop=LoopConfig(num_steps=2),
        ),
        documents=600,
        questions=(32, 32, 32, 64),
    ),
    # One GPU: a model of 12 layers that reads 1.3 billion tokens of educational web text. No machine has run it yet.
    "gpu": HUB,
    # Eight H100s: 20 layers, the size of nanochat's $100 speedrun. No machine has run it yet.
    "8xh100": replace(HUB, base=replace(HUB.base, depth=20), sft=replace(HUB.sft, batch_rows=256)),
}


def find_recipe(name: str) -> Speedrun:
    """A preset by its name, or a recipe of one's own: a .json file that names a preset and what differs from it.

    {"preset": "laptop", "text": "books/", "base": {"vocab_size": 2048}, "sft": {"data": ["talks.jsonl", "gsm8k=0.5"]}}

    Raises ConfigError for a preset or an option that does not exist, UserError for a file that cannot be read.
    """
    values = read_json(Path(name)) if name.endswith(".json") else {"preset": name}
    if not isinstance(values, dict):
        raise ConfigError(f'{name} holds no recipe. Write it as {{"preset": "laptop", "text": "books/"}}.')
    preset = str(values.pop("preset", "laptop"))
    if preset not in SPEEDRUNS:
        raise ConfigError(f"there is no preset {preset!r}; {suggest(preset, SPEEDRUNS)}")
    return changed(SPEEDRUNS[preset], values)
