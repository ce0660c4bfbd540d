"""GSM8K: word problems of grade-school maths, two to eight steps each (Cobbe et al. 2021, arXiv 2110.14168).

Its answers mark what a calculator did, `48/2 = <<48/2=24>>24`, and end in `#### 72`. Here a mark becomes a call of the
tool and its result, so that a model learns to ask where the annotators asked.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from primer.tasks.rows import Row, Rows, RowTask
from primer.tasks.task import Question, final_text
from primer.text.chat import Message, ToolCall, assistant, tool, user

MARK = re.compile(r"<<([^<>=]+)=([^<>]+)>>")
NUMBER = re.compile(r"-?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)")


def plain_number(text: str) -> str:
    """A number as the calculator writes it; text that is none stays as it is.

    >>> plain_number(".50"), plain_number("1,200"), plain_number("9.00"), plain_number("3/4")
    ('0.5', '1200', '9', '3/4')
    """
    try:
        value = Decimal(text.replace(",", ""))
        return f"{value.quantize(Decimal(1)) if value == value.to_integral() else value.normalize():f}"
    except InvalidOperation:
        return text


def last_number(text: str) -> str | None:
    """The number after the last ####, or else the last number; None if there is none.

    >>> last_number("6 * 7 = 42\\n#### 42 apples in 1 box"), last_number("It is $1,200."), last_number("none")
    ('42', '1200', None)
    """
    _, marked, final = text.rpartition("####")
    found = NUMBER.findall(final)
    return plain_number(found[0 if marked else -1]) if found else None


@dataclass(frozen=True)
class FinalNumber:
    """The number that the answer comes to is this one."""

    value: str

    def __call__(self, reply: Sequence[Message]) -> float:
        return float(last_number(final_text(reply)) == self.value)


def with_tool(solution: str) -> tuple[Message, ...]:
    """A solution with its marks as calls of the calculator.

    >>> for message in with_tool("He has 2+3 = <<2+3=5>>5 eggs.\\n#### 5"):
    ...     print(message.role, repr(message.content), *(call.arguments for call in message.tool_calls))
    assistant 'He has 2+3 = ' {'expression': '2+3'}
    tool '5'
    assistant '5 eggs.\\n#### 5'
    """
    messages, end = [], 0
    for mark in MARK.finditer(solution):
        call = ToolCall("calculator", {"expression": mark[1].strip().replace("//", "/")})
        messages += [assistant(solution[end : mark.start()], call), tool(plain_number(mark[2].strip()))]
        end = mark.end()
    return (*messages, assistant(solution[end:]))


def gsm8k(row: Row) -> Question:
    """A problem, its solution in steps, and the number to come to."""
    solution = row.text("answer")
    value = last_number(solution)
    if "####" not in solution or value is None:
        raise row.error("has an answer that does not end in #### and a number")
    return Question(prompt=(user(row.text("question")),), check=FinalNumber(value), answer=with_tool(solution))


TASKS = {"gsm8k": lambda place: RowTask("gsm8k", Rows(place or "hf:openai/gsm8k:main"), gsm8k)}
