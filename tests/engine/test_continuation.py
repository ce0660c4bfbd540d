"""Raw text against what the engine writes."""

import torch

from primer.engine.continuation import Continuation
from primer.engine.dialogue import AnswerOptions, Event, Finished, Said
from primer.engine.engine import Engine
from primer.engine.sampling import SamplingConfig
from primer.model.families import family
from primer.model.gpt import GPT
from primer.text.tokenizer import train_tokenizer

TOKENIZER = train_tokenizer(["the quick brown fox 你好é " * 9], 290)
SAMPLING = SamplingConfig(temperature=1.0, max_tokens=30)


def run(options: AnswerOptions) -> tuple[str, list[Event]]:
    torch.manual_seed(0)
    shape = {"vocab_size": 320, "context": 64, "num_layers": 1, "num_heads": 2, "num_kv_heads": 2, "width": 32,
             "head_dim": 16, "mlp_width": 32}  # fmt: skip
    engine = Engine(GPT(family("llama", **shape)).eval(), TOKENIZER.vocab_size)
    asked = Continuation(TOKENIZER, TOKENIZER.encode("the"), SAMPLING, options, (TOKENIZER.document_id,))
    events = [event for token in engine.run([asked.request]) for event in asked.push(token)] + asked.finish()
    return "".join(event.text for event in events if isinstance(event, Said)), events


def test_it_is_what_the_engine_writes() -> None:
    text, events = run(AnswerOptions())
    last = events[-1]
    assert isinstance(last, Finished)
    assert (last.reply.messages, last.reply.finished, len(last.reply.ids)) == ((), "length", 30)
    assert text == TOKENIZER.decode(last.reply.ids)
    stop = text[7:10]
    cut, events = run(AnswerOptions(stop=(stop,)))
    assert cut == text[: text.index(stop)]
    assert isinstance(events[-1], Finished)
    assert events[-1].reply.finished == "stop"
