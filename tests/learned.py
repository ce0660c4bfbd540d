"""A model that has a few conversations by heart, in the folder of a run: what it is asked has one right answer."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

from primer.core.rundir import RunDir
from primer.engine.tools import Tool
from primer.model.families import family
from primer.model.gpt import GPT, IGNORE
from primer.model.optim import OptimConfig, build_optimizer
from primer.text.chat import ChatFormat, Message, Rendered, ToolCall, assistant, tool, user
from primer.text.tokenizer import Tokenizer, train_tokenizer
from primer.train.batches import pad_rows
from primer.train.checkpoint import Progress, save_checkpoint

CONTEXT = 320


def calculate(expression: str) -> ToolCall:
    """A call of the calculator."""
    return ToolCall("calculator", {"expression": expression})


LEARNED: list[list[Message]] = [
    [user("hi"), assistant("Hello, good day! 你好é")],
    [user("3+4?"), assistant("", calculate("3+4")), tool("7"), assistant("It is 7.")],
    [user("two?"), assistant("Both:", calculate("2*2"), calculate("9-1")), tool("4"), tool("8"), assistant("4 and 8.")],
    [user("weather?"), assistant("", ToolCall("weather", {"city": "Bern"})), tool("sun"), assistant("Sun in Bern.")],
    [user("mail?"), assistant("Write to ann@example.org today.")],
]


WEATHER = Tool("weather", "Tells it.", {"type": "object"}, lambda arguments: "sun")


@cache
def tokenizer() -> Tokenizer:
    """330 tokens."""
    return train_tokenizer(
        ["Hello, good day! It is 7. user assistant tool calculator expression name arguments " * 4], 330
    )


def learned_run(folder: Path) -> Path:
    """The folder of a model that was trained until it knew them: about 100 steps, 5 s."""
    chat = ChatFormat(tokenizer())
    rendered = [chat.render(messages, [WEATHER] if messages[0] == user("weather?") else ()) for messages in LEARNED]
    model = by_heart(rendered, CONTEXT)
    run = RunDir(folder)
    tokenizer().save(folder)
    run.write_config({"stage": "sft", "tokenizer_fingerprint": tokenizer().fingerprint})
    save_checkpoint(run, model, build_optimizer(model, OptimConfig()), Progress(), keep=1)
    return folder


def by_heart(rendered: Sequence[Rendered], context: int) -> GPT:
    """A model that was trained until it knew these conversations, in which ids are below 384."""
    torch.manual_seed(0)
    size = family(
        "primer", vocab_size=384, context=context, num_layers=2, num_heads=2, num_kv_heads=2, width=64, head_dim=32,
        mlp_width=128, ngram_buckets=256,
    )  # fmt: skip
    model = GPT(size)
    inputs, targets = pad_rows([(each.ids, each.trained) for each in rendered], pad_id=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    loss = torch.tensor(9.0)
    while loss > 0.03:
        loss = model.token_losses(inputs, targets).sum() / (targets != IGNORE).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model
