"""Multiple choice, as data sets publish it: rows to `Choice`, and `Choice` to a question with letters.

Two ways to ask. *Cloze*: each option is put after the question, and the likeliest text wins; a small model can do
that. *Lettered*: the options stand in the question, and the likeliest letter wins; models below about a billion
parameters answer it by chance, but it is how chat models are asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from primer.tasks.rows import Row, Rows, RowTask
from primer.tasks.task import Choice, Question, final_text
from primer.text.chat import Message, assistant, user

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def cloze(context: str, options: Sequence[str], right: int, group: str = "") -> Choice:
    """Options that follow the context after a space, compared by log-probability per byte."""
    return Choice((context,), tuple(f" {option}" for option in options), right, group, normalize="bytes")


def lettered(question: str, options: Sequence[str], right: int, group: str = "") -> Choice:
    """Options in the question, letters to choose from.

    >>> print(lettered("Which is a fruit?", ["car", "plum"], 1).contexts[0])
    Question: Which is a fruit?
    Choices:
    A. car
    B. plum
    Answer:
    """
    lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]
    context = "\n".join([f"Question: {question}", "Choices:", *lines, "Answer:"])
    return Choice((context,), tuple(f" {letter}" for letter in LETTERS[: len(options)]), right, group)


@dataclass(frozen=True)
class Chooses:
    """The answer begins with the right letter, or is the option itself.

    >>> says = Chooses("B", "plum")
    >>> [says([assistant(text)]) for text in ("B", "b) because", "Plum.", "Both", "A, not B")]
    [1.0, 1.0, 1.0, 0.0, 0.0]
    """

    letter: str
    option: str

    def __call__(self, reply: Sequence[Message]) -> float:
        text = final_text(reply).strip().rstrip(".").lower()
        letter = self.letter.lower()
        is_letter = text.startswith(letter) and not text[1:2].isalnum()
        return float(is_letter or text == self.option.strip().rstrip(".").lower())


def as_question(choice: Choice) -> Question:
    """A choice as a chat model is asked it, and as it is taught. Letters stand in the question already, or are added.

    >>> question = as_question(cloze("The opposite of hot is", ["cold", "wet"], 0))
    >>> print(question.prompt[0].content, "->", question.answer[0].content)
    The opposite of hot is
    A. cold
    B. wet
    Answer with the letter. -> A
    """
    texts = [option.strip() for option in choice.options]
    ways = texts if len(texts) > 1 else [context.strip() for context in choice.contexts]
    if ways == list(LETTERS[: len(ways)]):
        prompt = choice.contexts[0].removesuffix("Answer:").rstrip()
    else:
        stem = choice.contexts[0].strip() if len(choice.contexts) == 1 else f"Which is right, before: {texts[0]}"
        prompt = "\n".join([stem, *(f"{letter}. {way}" for letter, way in zip(LETTERS, ways, strict=False))])
    letter = LETTERS[choice.right]
    return Question(
        prompt=(user(f"{prompt}\nAnswer with the letter."),),
        check=Chooses(letter, ways[choice.right]),
        answer=(assistant(letter),),
        group=choice.group,
    )


def read_choices(row: Row) -> tuple[list[str], int]:
    """The options of a row and the number of the right one, whichever way it writes them.

    `choices` (or `options`, `endings`) is a list, or, as ARC has it, {"text": […], "label": […]}. The key (`answer`,
    `answerKey`, `gold`, `label`) is a number from 0, a label, a letter, or the right text. Raises TaskError for a key
    that fits none.
    """
    found = row.get("choices", "options", "endings")
    labels: list[str] = []
    if isinstance(found, dict):
        labels, found = [str(label) for label in found.get("label", [])], found.get("text")
    if not isinstance(found, list) or not all(isinstance(option, str) for option in found):
        raise row.error("has choices that are no list of texts")
    if not 2 <= len(found) <= len(LETTERS):
        raise row.error(f"has {len(found)} choices, and should have 2 to {len(LETTERS)}")
    return found, find_right(row, row.get("answer", "answerKey", "gold", "label"), found, labels)


def find_right(row: Row, given: Any, options: list[str], labels: list[str]) -> int:
    """The number of the option that a key means. A label wins over a text, a text over a letter or a number."""
    text = str(given).strip()
    if isinstance(given, int) and not isinstance(given, bool) and not labels and 0 <= given < len(options):
        return given
    letters = list(LETTERS[: len(options)])
    for names in (labels, options, [] if labels else letters):
        if text in names:
            return names.index(text)
    if text.isdecimal() and not labels and int(text) < len(options):
        return int(text)
    allowed = ", ".join(labels or letters)
    raise row.error(
        f"has the answer key {given!r}, which is none of its {len(options)} choices: "
        f"{allowed}" + ("" if labels else f", 0 to {len(options) - 1}, or the text of one")
    )


def boolq(row: Row) -> Choice:
    """A passage and a yes-no question about it; as published, or as the CORE bundle has it."""
    if "query" in row.fields:
        options, right = read_choices(row)
        return cloze(f"{row.text('query')}\nAnswer:", options, right)
    answer = row.get("answer")
    if not isinstance(answer, bool):
        raise row.error(f"has the answer {answer!r}, and should have true or false")
    context = f"Passage: {row.text('passage')}\nQuestion: {row.text('question')}?\nAnswer:"
    return cloze(context, ["no", "yes"], int(answer))


def question_and_options(row: Row) -> Choice:
    """Any question with options, asked as a cloze."""
    options, right = read_choices(row)
    query = row.text("query") if "query" in row.fields else f"Question: {row.text('question', 'question_stem')}"
    return cloze(f"{query}\nAnswer:", options, right)


def sentence_and_endings(row: Row) -> Choice:
    """The beginning of a sentence, and several ends."""
    options, right = read_choices(row)
    return cloze(row.text("ctx", "question_stem", "query"), options, right)


def winogrande(row: Row) -> Choice:
    """A sentence with a gap, and two names that may fill it: whichever makes the rest likelier."""
    before, gap, after = row.text("sentence").partition("_")
    names = [row.text("option1"), row.text("option2")]
    if not gap or not after.strip():
        raise row.error("has no gap (_) in its sentence, or nothing after it")
    right = find_right(row, row.get("answer"), names, ["1", "2"])
    return Choice(tuple(f"{before}{name}" for name in names), (f" {after.strip()}",), right)


TASKS = {
    "boolq": lambda place: RowTask("boolq", Rows(place or "hf:google/boolq", True), boolq),
    "openbookqa": lambda place: RowTask(
        "openbookqa", Rows(place or "hf:allenai/openbookqa:main"), sentence_and_endings
    ),
    "commonsenseqa": lambda place: RowTask(
        "commonsenseqa", Rows(place or "hf:tau/commonsense_qa", True), question_and_options
    ),
    "hellaswag": lambda place: RowTask("hellaswag", Rows(place or "hf:Rowan/hellaswag", True), sentence_and_endings),
    "winogrande": lambda place: RowTask(
        "winogrande", Rows(place or "hf:allenai/winogrande:winogrande_xl", True), winogrande
    ),
}
