"""SVAMP: word problems of one or two steps, worded so that keywords mislead (Patel et al. 2021, arXiv 2103.07191).

Published as a thousand test problems. As this is the size of problem that a small model can learn, four fifths of a
single file are to learn from, and the figures here are over the rest.
"""

import re
from collections.abc import Callable

from primer.tasks.gsm8k import FinalNumber, plain_number
from primer.tasks.rows import Row, Rows, RowTask
from primer.tasks.task import Question
from primer.text.chat import ToolCall, assistant, tool, user

KINDS = {"common-division": "division", "common-divison": "division"}  # as the data has it


def tidy(equation: str) -> str:
    """An equation as a person writes it.

    >>> tidy("( ( 121.0 - 105.0 ) + 170.0 )"), tidy("( 52.0 / 26.0 )"), tidy("( 2.5 * 4.0 )")
    ('(121 - 105) + 170', '52 / 26', '2.5 * 4')
    """
    tokens = [plain_number(token) for token in equation.split()]
    if tokens[:1] == ["("] and tokens[-1:] == [")"]:
        tokens = tokens[1:-1]
    return " ".join(tokens).replace("( ", "(").replace(" )", ")")


def num_steps(equation: str) -> int:
    """How many operations an equation has. The data spaces them out, so that a sign is none."""
    return len(re.findall(r"(?<= )[-+*/](?= )", equation))


def join(body: str, question: str) -> str:
    """The story and what is asked about it, as one text.

    >>> join("If Ann has 2 pens", "How many pens does she have?")
    'If Ann has 2 pens, how many pens does she have?'
    """
    if body[-1] in ".?!":
        return f"{body} {question}"
    return f"{body.rstrip(',')}, {question[0].lower()}{question[1:]}"


def svamp(row: Row) -> Question:
    """A problem, solved by one call of the calculator. Raises TaskError for an answer that is no number."""
    answer = plain_number(str(row.get("Answer")))
    if not re.fullmatch(r"-?\d+(\.\d+)?", answer):
        raise row.error(f"has the answer {answer!r}, which is no number")
    expression = tidy(row.text("Equation"))
    kind = row.text("Type").lower()
    return Question(
        prompt=(user(join(row.text("Body"), row.text("Question"))),),
        check=FinalNumber(answer),
        answer=(
            assistant("", ToolCall("calculator", {"expression": expression})),
            tool(answer),
            assistant(f"{expression} = {answer}."),
        ),
        group=KINDS.get(kind, kind),
    )


def open_svamp(name: str, place: str, wanted: Callable[[Row], bool] | None = None) -> RowTask[Question]:
    """SVAMP of the hub or a file, or a part of it."""
    return RowTask(name, Rows(place or "hf:ChilleD/SVAMP", divide=True), svamp, wanted)


TASKS = {
    "svamp": lambda place: open_svamp("svamp", place),
    "svamp-single": lambda place: open_svamp("svamp-single", place, lambda row: num_steps(row.text("Equation")) == 1),
}
