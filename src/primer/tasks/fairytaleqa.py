"""FairytaleQA: questions that teachers wrote on passages of tales (Xu et al. 2022, arXiv 2203.13947)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from primer.tasks.curriculum.checks import words_of
from primer.tasks.rows import Row, Rows, RowTask
from primer.tasks.task import Question, final_text
from primer.text.chat import Message, assistant, user

ARTICLES = {"a", "an", "the"}


def overlap(answer: str, wanted: str) -> float:
    """F1 of the words that two texts share, articles aside (SQuAD's measure, Rajpurkar et al. 2016).

    >>> overlap("They went to the palace.", "back to the palace"), overlap("home", "back to the palace")
    (0.5714285714285714, 0.0)
    """
    said, right = (Counter(word for word in words_of(text) if word not in ARTICLES) for text in (answer, wanted))
    shared = (said & right).total()
    return 2 * shared / (said.total() + right.total()) if shared else 0.0


@dataclass(frozen=True)
class SameWords:
    """How much of the wording of a right answer is met: from 0 to 1."""

    wanted: tuple[str, ...]

    def __call__(self, reply: Sequence[Message]) -> float:
        text = final_text(reply)
        return max(overlap(text, wanted) for wanted in self.wanted)


def fairytaleqa(row: Row) -> Question:
    """A passage and a question. Rows of the hub may have a second answer."""
    answers = [row.text("answer", "answer1")]
    if str(row.fields.get("answer2") or "").strip():
        answers.append(row.text("answer2"))
    story = row.text("story", "story_section", "content").replace("\r", "")
    return Question(
        prompt=(user(f"{story}\n\n{row.text('question')}"),),
        check=SameWords(tuple(answers)),
        answer=(assistant(answers[0]),),
        group=str(row.fields.get("kind") or row.fields.get("attribute") or ""),
    )


TASKS = {
    "fairytaleqa": lambda place: RowTask("fairytaleqa", Rows(place or "hf:WorkInTheDark/FairytaleQA"), fairytaleqa)
}
