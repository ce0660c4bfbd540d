"""`primer chat`: talk to a trained model in the terminal; from a pipe, a reply a line."""

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from textwrap import indent
from time import perf_counter
from typing import Any

from primer.core.errors import ConfigError, Interrupted, UserError, suggest
from primer.core.files import explain_os_error
from primer.core.rundir import find_run
from primer.core.runtime import RuntimeConfig, start_runtime
from primer.engine.chat_models import ChatModels
from primer.engine.chat_pages import Page, Pipe, Terminal, describe
from primer.engine.dialogue import Answered, Called, Dialogue, Finished, Said
from primer.engine.sample import load_tokenizer
from primer.engine.sampling import SamplingConfig
from primer.engine.sandbox import describe_mechanism
from primer.model.prepared import Weights
from primer.model.weights import find_weights
from primer.text.chat import Message, ToolCall, assistant, system, tool, user

UNFINISHED = {
    "length": "the answer was cut off: /max-tokens, or what the model can see, is full.",
    "calls": "the answer was cut off: too many tool calls.",
}
CODE = "    "  # what each line of code begins with in Markdown
NUMBERS = {  # of the sampling, that commands change: such as which, and what that does
    "temperature": (0.7, "0 always the likeliest word, 1 as the model was trained"),
    "top-p": (0.9, "choose among the fewest tokens that together are so likely; 1: among all"),
    "top-k": (40, "choose among so many of the likeliest tokens; 0: among all"),
    "max-tokens": (200, "tokens of an answer at most"),
}


@dataclass(frozen=True)
class ChatConfig:
    """Talk to a trained model."""

    run: Path | None = None
    """Folder of the run; None: the newest under runs/."""
    system: str = ""
    """What the assistant is to be: a system prompt."""
    tools: str = "calculator"
    """Tools that the assistant may call, parted by commas: calculator, python; or none."""
    step: int | None = None
    """Step of the checkpoint; None: the best on the validation text, or the newest if none was evaluated."""
    weights: Weights = "auto"
    """What the weights are stored as: auto is the dtype of the computation; int8 is a quarter of float32's bytes to
    read, and on a CPU writes about twice as many tokens a second."""
    sampling: SamplingConfig = field(default_factory=lambda: SamplingConfig(temperature=0.3))
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main(config: ChatConfig) -> None:
    """Run the command. Replies go to standard output, everything about them to standard error.

    Raises UserError for a run, checkpoint or tokenizer that cannot be talked to, Interrupted on Ctrl-C if nobody is at
    a terminal.
    """
    run = find_run(config.run)
    checkpoint = find_weights(run.path, config.step)
    tokenizer = load_tokenizer(run)
    with start_runtime(config.runtime) as runtime:
        models = ChatModels(run.path, config.tools, runtime, config.weights)
        dialogue = models.dialogue(checkpoint, tokenizer)
        page = Terminal() if sys.stdin.isatty() and sys.stdout.isatty() else Pipe()
        page.note(f"{checkpoint} · {runtime.describe()}")
        if any(each.name == "python" for each in dialogue.tools):
            page.note(describe_mechanism())
        page.note("/help lists the commands. Ctrl-C stops an answer, Ctrl-D ends the chat.")
        try:
            Chat(dialogue, page, config.sampling, models, config.system).run()
        except KeyboardInterrupt as error:
            raise Interrupted("stopped.") from error


class Chat:
    """A conversation, and the commands that change it."""

    def __init__(
        self, dialogue: Dialogue, page: Page, sampling: SamplingConfig, models: ChatModels, system_prompt: str = ""
    ) -> None:
        self.dialogue, self.page, self.sampling, self.models = dialogue, page, sampling, models
        self.messages: list[Message] = [system(system_prompt)] if system_prompt else []
        self.num_asked = 0
        self.num_forgotten = 0
        numbers = {f"/{name}": (f"NUMBER: {NUMBERS[name][1]}", partial(self.set_number, name)) for name in NUMBERS}
        self.commands: dict[str, tuple[str, Callable[[str], None]]] = {
            "/help": ("list the commands", self.show_help),
            "/system": ("TEXT: what the assistant is to be; alone: show it; none: nothing", self.set_system),
            **numbers,
            "/model": ("NAME: go on with another run or stage; alone: list them", self.set_model),
            "/stop": ("typed while an answer comes: stop it, as Ctrl-C does", self.stop),
            "/regenerate": ("another answer to the last question", self.regenerate),
            "/undo": ("take back the last question and its answer", self.undo),
            "/clear": ("begin anew; the system prompt stays", self.clear),
            "/save": ("FILE: add the conversation to it, a .jsonl as training data has it, or an .md", self.save),
            "/quit": ("end the chat; so does Ctrl-D", lambda _: None),
        }

    def run(self) -> None:
        """Until the person leaves."""
        while (line := self.page.read()) is not None:
            text = line.strip()
            if text.split(" ")[0] in ("/quit", "/exit"):
                return
            try:
                if text.startswith("/"):
                    self.do(text)
                elif text:
                    self.say(text)
            except UserError as error:
                self.page.note(str(error))
            except KeyboardInterrupt:  # outside an answer: one more while it stops, or while a model is loaded
                if not self.page.is_interactive:
                    raise
                self.page.note("stopped.")

    def say(self, text: str) -> None:
        """Ask, and show the answer as it comes. Raises UserError for a question too long for the model."""
        self.ask([*self.messages, user(text)])

    def ask(self, asked: list[Message]) -> None:
        """Have a conversation that ends with a question answered. Raises as `say`."""
        try:
            room = min(self.sampling.max_tokens, self.dialogue.engine.context // 4)  # for the answer
            fitted, num_forgotten = self.dialogue.fit(asked, room)
            if num_forgotten > self.num_forgotten:
                self.page.note(f"the model sees no more of the first {num_forgotten} messages: the chat is too long.")
            self.num_forgotten = num_forgotten
            added = self.answer(fitted)
        finally:
            self.page.end()
        if added:  # if not, it was stopped before its first word: as if it had not been asked
            self.messages = [*asked, *added]

    def answer(self, messages: Sequence[Message]) -> list[Message]:
        """The messages that assistant and tools add; up to where it was stopped, if Ctrl-C stops it."""
        added: list[Message] = []
        said = ""
        began = perf_counter()
        self.num_asked += 1  # other chances each time: /undo and the same question may give another answer
        sampling = replace(self.sampling, seed=self.sampling.seed + self.num_asked)
        try:
            with closing(self.dialogue.stream(messages, sampling)) as events:
                for event in events:
                    match event:
                        case Said(piece):
                            said += piece
                            self.page.text(piece)
                        case Called(call):
                            added, said = with_call(added, said, call), ""
                            self.page.call(call)
                        case Answered(result):
                            added.append(tool(result))
                            self.page.result(result)
                        case Finished(reply):
                            if reply.finished != "stop":
                                self.page.note(UNFINISHED[reply.finished])
                            self.note_speed(sum(reply.generated), perf_counter() - began)
                            return list(reply.messages)
                    if self.page.wants_stop():
                        self.page.note("stopped.")
                        break
        except KeyboardInterrupt:
            if not self.page.is_interactive:
                raise
            self.page.note("stopped.")
        return [*added, assistant(said)] if said.strip() else added

    def note_speed(self, num_tokens: int, seconds: float) -> None:
        """For who watches: from the question to the last word."""
        if num_tokens and self.page.is_interactive:
            self.page.note(f"{num_tokens:,} tokens, {num_tokens / seconds:,.0f} tokens/s")

    # --- commands ---

    def do(self, line: str) -> None:
        """A command. Raises ConfigError for one that does not exist or was given the wrong thing."""
        name, _, given = line.partition(" ")
        if name not in self.commands:
            raise ConfigError(f"there is no command {name}; {suggest(name, self.commands)}")
        self.commands[name][1](given.strip())

    def show_help(self, _: str) -> None:
        """List the commands."""
        for name, (what, _run) in self.commands.items():
            self.page.note(f"{name:<13} {what}")
        self.page.note('A line that ends with \\ goes on in the next one; so does everything between """ and """.')

    def set_system(self, text: str) -> None:
        """Change the system prompt, or show it."""
        has_one = bool(self.messages) and self.messages[0].role == "system"
        if text:
            new = [] if text == "none" else [system(text)]
            self.messages = [*new, *self.messages[has_one:]]
        else:
            self.page.note(self.messages[0].content if has_one else "there is no system prompt.")

    def set_number(self, name: str, text: str) -> None:
        """Change one of NUMBERS, or show it."""
        option, example = name.replace("-", "_"), NUMBERS[name][0]
        if text:
            try:
                change: dict[str, Any] = {option: type(example)(text)}
            except ValueError as error:
                raise ConfigError(f"/{name} takes a number such as {example}, not {text!r}.") from error
            self.sampling = replace(self.sampling, **change)
        self.page.note(f"{name} is {getattr(self.sampling, option):g}.")

    def set_model(self, name: str) -> None:
        """Talk to another model, which reads the conversation so far; or list them. Raises as `ChatModels.open`."""
        if not name:
            for line in self.models.describe():
                self.page.note(line)
            return
        self.dialogue = self.models.open(name)
        self.num_forgotten = 0
        self.page.note(f"you now talk to {self.models.run}.")

    def stop(self, _: str) -> None:
        """It comes here only where no answer does."""
        raise ConfigError("there is nothing to stop. While an answer comes, type /stop and Enter, or press Ctrl-C.")

    def regenerate(self, _: str) -> None:
        """Ask the last question again. The old answer goes when there is a new one. Raises as `say`."""
        self.ask(self.messages[: self.last_question() + 1])

    def undo(self, _: str) -> None:
        """Take back the last exchange."""
        last = self.last_question()
        self.page.note(f"taken back: {self.messages[last].content}")
        self.messages = self.messages[:last]

    def last_question(self) -> int:
        """The place of the last message of the person. Raises ConfigError if there is none."""
        asked = [place for place, message in enumerate(self.messages) if message.role == "user"]
        if not asked:
            raise ConfigError("nothing has been asked yet.")
        return asked[-1]

    def clear(self, _: str) -> None:
        """Forget all but the system prompt."""
        self.messages = [message for message in self.messages[:1] if message.role == "system"]
        self.num_forgotten = 0
        self.page.note("a new conversation.")

    def save(self, text: str) -> None:
        """Add the conversation to a file. Raises UserError if that cannot be written."""
        if not text:
            raise ConfigError("/save needs the name of a file, such as chats.jsonl or chat.md.")
        if not any(message.role == "assistant" for message in self.messages):
            raise ConfigError("there is nothing to save yet.")
        path = Path(text).expanduser()
        saved = to_markdown(self.messages) if path.suffix.lower() == ".md" else to_row(self.messages)
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(saved)
        except OSError as error:
            raise explain_os_error(error, path) from error
        self.page.note(f"saved to {path}: {len(self.messages)} messages.")


def with_call(messages: Sequence[Message], said: str, call: ToolCall) -> list[Message]:
    """The messages with one more call, which belongs to the assistant's turn that is last, or to a new one."""
    last = messages[-1] if messages else None
    if last is not None and last.role == "assistant":
        return [*messages[:-1], replace(last, tool_calls=(*last.tool_calls, call))]
    return [*messages, assistant(said.strip(), call)]


def to_row(messages: Sequence[Message]) -> str:
    """A conversation as a line of a .jsonl file."""
    return json.dumps({"messages": [to_json(message) for message in messages]}, ensure_ascii=False) + "\n"


def to_markdown(messages: Sequence[Message]) -> str:
    """A conversation as Markdown, with what tools are told and say as code."""
    parts = ["# Conversation"]
    for message in messages:
        calls = [indent(describe(call), CODE) for call in message.tool_calls]
        said = indent(message.content, CODE) if message.role == "tool" else message.content
        parts += [f"## {message.role}", *filter(None, [said, *calls])]
    return "\n\n".join(parts) + "\n\n"


def to_json(message: Message) -> dict[str, Any]:
    """A message as OpenAI's protocol and most data sets write it."""
    row: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        row["tool_calls"] = [
            {"type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return row
