"""Calculations as lessons show them: exact values, and the calculator asked for them.

The lessons work their sums out for themselves: a task knows no engine, and a second way to calculate is what the
calculator's own tests are glad of.
"""

import ast
import operator
from collections.abc import Callable
from fractions import Fraction

from primer.tasks.curriculum.draw import SMALLEST_DIVIDED, Draw, is_held_out
from primer.text.chat import Message, ToolCall, assistant, tool

OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def value(expression: str) -> Fraction:
    """What whole numbers with + - * / and parentheses come to, exactly.

    >>> value("(3 + 4) * 5 / 2")
    Fraction(35, 2)
    """

    def of(node: ast.expr) -> Fraction:
        match node:
            case ast.Constant(value=int(number)):
                return Fraction(number)
            case ast.BinOp(left, sign, right):
                return OPERATORS[type(sign)](of(left), of(right))
        raise AssertionError(f"not a sum: {expression}")

    return of(ast.parse(expression, mode="eval").body)


def written(number: Fraction) -> str:
    """A number the way the calculator writes it: whole ones plain, others as short decimals.

    >>> written(Fraction(84)), written(Fraction(5, 2))
    ('84', '2.5')
    """
    return str(number) if number.denominator == 1 else f"{float(number):.10g}"


def terminates(number: Fraction) -> bool:
    """Whether it has at most two decimals, so that it can be written down."""
    return (number * 100).denominator == 1


def teachable(draw: Draw, number: Fraction) -> bool:
    """Whether a result may be shown: in training none that is kept for the examination."""
    return draw.held_out or abs(number) < SMALLEST_DIVIDED or not is_held_out(written(abs(number)))


def pretty(expression: str) -> str:
    """The expression as it is printed in books.

    >>> pretty("12 * 7 / 2")
    '12 × 7 ÷ 2'
    """
    return expression.replace("*", "×").replace("/", "÷")


def calculated(expression: str, result: str, sentence: str) -> tuple[Message, ...]:
    """The calculator asked for the expression, what it answers, and what the assistant says then."""
    return assistant("", ToolCall("calculator", {"expression": expression})), tool(result), assistant(sentence)


def told_by_calculator(function: str, words: str, text: str, sentence: str) -> tuple[Message, ...]:
    """The calculator asked about words, for a text. The space before both makes their tokens those that they have in a
    question and in a sentence, so that they can be copied."""
    return calculated(f"{function}( {words})", f" {text}", sentence)


def slip(draw: Draw, expression: str) -> str:
    """The expression with one sign or one digit wrong, as when it is copied without care."""
    signs = [i for i, c in enumerate(expression) if c in "+-*/"]
    digits = [i for i, c in enumerate(expression) if c.isdigit()]
    at = draw.pick(signs if draw.chance(0.5) else digits)
    others = "+-*" if expression[at] in "+-*/" else "123456789"
    return expression[:at] + draw.pick([c for c in others if c != expression[at]]) + expression[at + 1 :]
