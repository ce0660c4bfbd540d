"""A calculator for models: a small language of numbers and words, read by a parser of its own and never by `eval`.

>>> for expression in ("12 + 7 × 3", "0.1 + 0.2", "20% of 50", "10 / 4", "2 / 3", "sqrt(2)^2", "count(r, strawberry)"):
...     print(expression, "=", calculate(expression))
12 + 7 × 3 = 33
0.1 + 0.2 = 0.3
20% of 50 = 10
10 / 4 = 2.5
2 / 3 = 0.666667
sqrt(2)^2 = 2
count(r, strawberry) = 3
>>> calculate("3 * (4 + 1"), calculate("1 / 0")
('error: a ) is missing at the end', 'error: division by zero')
>>> calculate("ascending(31, 9, 120)"), calculate("descending(fig, pear, apple)")
('9, 31, 120', 'pear, fig, apple')
>>> calculate("spell(kite)"), calculate("reverse( kite)"), calculate("join(k-i-t-e)")
('k-i-t-e', ' etik', 'kite')

    whole    = ("ascending" | "descending" | "spell" | "reverse" | "join") "(" words ")" | sum
    sum      = product (("+" | "-") product)*
    product  = signed (("*" | "/" | "of") signed)*         also × ÷ · and x; "20% of 50" is 20% * 50
    signed   = ("+" | "-") signed | power
    power    = atom "%"* ("^" signed)?                     also **; right to left, and before a sign: -2^2 = -4
    atom     = number | "(" sum ")" | name "(" arguments ")"

Numbers are fractions, so that nothing is lost: 0.1 + 0.2 is 0.3. What is irrational is exact to 50 digits. A percent
is a hundredth wherever it stands: 5% is 0.05, and 100 + 5% is 100.05. Arguments of `count` and `length` are words as
they stand in the question, bare or in quotation marks, so that a small model needs only to copy them; so are those
of the functions whose value is a text. `ascending` and `descending` put them in order: by size if all are numbers, else
by the alphabet. A text that is written after a space is given back after one: to a tokenizer " kite" and "kite" are
different words, and a model that asks with the one can copy it from the answer.
"""

import decimal
import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

MAX_CHARACTERS = 1000  # of an expression
MAX_NESTING = 50  # parentheses and signs within one another
MAX_BITS = 8192  # of a numerator or denominator on the way. The three together bound the time: a few milliseconds
LARGEST_EXPONENT = 10**15  # leaves 35 of the 50 digits of a power that is not computed exactly
MAX_DIGITS = 100  # of a whole number shown
EXACT_DECIMALS = 12  # a result with at most so many decimals is shown as it is
ROUNDED_DECIMALS = 6  # any other is rounded to so many; below 1 they count from the first that is not 0
SMALLEST = Fraction(1, 10**30)  # what is nearer to zero is shown as 0: the rest that sqrt(2)^2 - 2 leaves

NUMBER = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)
GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?", re.ASCII)  # 1,234,567.5
SIGNED_NUMBER = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
LETTERS = re.compile(r"[^\W\d_]+")
SPELLINGS = str.maketrans("−–×·÷", "--**/")
QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’"}
PRECISION = decimal.Context(prec=50, Emax=2500, Emin=-2500)  # 2**MAX_BITS is 10**2466


class CalculatorError(ValueError):
    """An expression that has no value; the message is for the model that wrote it."""


def calculate(expression: str) -> str:
    """The value of an expression in digits, or "error: " and the reason. Never raises."""
    try:
        value = evaluate(expression)
        return value if isinstance(value, str) else format_number(value)
    except CalculatorError as error:
        return f"error: {error}"


def evaluate(expression: str) -> Fraction | str:
    """The value of an expression: a number, or of the functions in `TEXTS` a text.

    Raises CalculatorError if it has none, or goes beyond the bounds.
    """
    if len(expression) > MAX_CHARACTERS:
        raise CalculatorError(f"the expression is longer than {MAX_CHARACTERS} characters")
    if not expression.strip():
        raise CalculatorError("the expression is empty")
    return Parser(expression).parse()


def format_number(value: Fraction) -> str:
    """Digits for a value: whole numbers and short decimals as they are, the rest rounded.

    >>> [format_number(Fraction(*pair)) for pair in ((10, 2), (1, 1024), (1, 3), (-2_000_000, 3), (1, 700_000))]
    ['5', '0.0009765625', '0.333333', '-666666.666667', '0.00000142857']

    Raises CalculatorError for a number with more than MAX_DIGITS digits before the point.
    """
    if abs(value) >= 10**MAX_DIGITS:
        raise CalculatorError(f"the result has more than {MAX_DIGITS} digits")
    if abs(value) < SMALLEST:
        return "0"
    decimals = EXACT_DECIMALS
    if (value * 10**decimals).denominator != 1:
        decimals = ROUNDED_DECIMALS
        while abs(value) * 10 ** (decimals - ROUNDED_DECIMALS + 1) < 1:
            decimals += 1
    shifted = rounded(abs(value) * 10**decimals).numerator
    digits = str(shifted).rjust(decimals + 1, "0")
    text = f"{digits[:-decimals]}.{digits[-decimals:]}".rstrip("0").rstrip(".")
    return f"-{text}" if value < 0 else text


class Parser:
    """Reads an expression from left to right, one method for each rule of the grammar."""

    def __init__(self, expression: str) -> None:
        self.given = expression
        self.text = expression.translate(SPELLINGS)  # letter for letter, so that a place in one is a place in both
        self.place = 0
        self.nesting = 0
        self.in_call = False  # there a comma parts arguments, and never thousands

    def parse(self) -> Fraction | str:
        """The value of the whole text."""
        name = self.take_word(*TEXTS)
        value = self.text_of(TEXTS[name.lower()]) if name else self.sum()
        if character := self.peek():
            starts_value = character in "(.'\"" or character.isalnum()
            raise CalculatorError(f"{'an operator is missing before' if starts_value else 'cannot read'} {self.rest()}")
        return value

    def sum(self) -> Fraction:
        """Products, added and subtracted."""
        value = self.product()
        while operator := self.take("+", "-"):
            other = self.product()
            value = bounded(value + other if operator == "+" else value - other)
        return value

    def product(self) -> Fraction:
        """Factors, multiplied and divided."""
        value = self.signed()
        while operator := self.take("*", "/") or self.take_word("x", "of"):
            other = self.signed()
            if operator == "/" and other == 0:
                raise CalculatorError("division by zero")
            value = bounded(value / other if operator == "/" else value * other)
        return value

    def signed(self) -> Fraction:
        """A power, with any number of signs before it. Whatever stands within something else passes through here."""
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise CalculatorError(f"more than {MAX_NESTING} parentheses or signs within one another")
        sign = self.take("+", "-")
        value = self.signed() if sign else self.power()
        self.nesting -= 1
        return -value if sign == "-" else value

    def power(self) -> Fraction:
        """A base and perhaps its exponent."""
        base = self.atom()
        while self.take("%"):
            base = bounded(base / 100)
        return raised(base, self.signed()) if self.take("**", "^") else base

    def atom(self) -> Fraction:
        """A number, a parenthesis or a call."""
        if self.take("("):
            value = self.sum()
            self.expect(")")
            return value
        if name := self.word_ahead():
            return self.call(name)
        match = None if self.in_call else GROUPED.match(self.text, self.place)
        match = match or NUMBER.match(self.text, self.place)
        if match is None:
            raise CalculatorError(f"a number is missing {f'before {self.rest()}' if self.peek() else 'at the end'}")
        self.place = match.end()
        return bounded(Fraction(match.group().replace(",", "")))

    def call(self, name: str) -> Fraction:
        """A function's value for its arguments, which are sums or words."""
        self.place += len(name)
        function = FUNCTIONS.get(name.lower())
        if name.lower() in TEXTS:
            raise CalculatorError(f"{name!r} stands alone")
        if function is None:
            raise CalculatorError(f"there is no {name!r}; the functions are {', '.join((*FUNCTIONS, *TEXTS))}")
        was_in_call, self.in_call = self.in_call, True
        self.expect("(")
        arguments: list[Any] = []
        if self.peek() != ")":
            arguments.append(self.word() if function.of_words else self.sum())
            while self.take(","):
                arguments.append(self.word() if function.of_words else self.sum())
        self.expect(")")
        self.in_call = was_in_call
        if not function.least <= len(arguments) <= function.most:
            raise CalculatorError(f"{function.usage} was given {len(arguments)} values")
        return bounded(function.run(*arguments))

    def text_of(self, function: "TextFunction") -> str:
        """What a function makes of its words."""
        self.expect("(")
        space = " " if self.given[self.place : self.place + 1] == " " else ""
        words = [self.word()]
        while self.take(","):
            words.append(self.word())
        self.expect(")")
        if len(words) > function.most:
            raise CalculatorError(f"{function.usage} was given {len(words)} words")
        return space + function.run([" ".join(word.split()) for word in words])  # an answer is a single line

    def word(self) -> str:
        """Text in quotation marks, or what stands before the next comma or parenthesis."""
        opening = self.peek()
        if opening and opening in QUOTES:
            end = self.given.find(QUOTES[opening], self.place + 1)
            if end < 0:
                raise CalculatorError(f"the quotation mark is never closed in {self.rest()}")
            text, self.place = self.given[self.place + 1 : end], end + 1
            return text
        start = self.place
        while self.place < len(self.given) and self.given[self.place] not in ",()":
            self.place += 1
        text = self.given[start : self.place].strip()
        if not text:
            raise CalculatorError("a word is missing")
        return text

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while self.text[self.place : self.place + 1].isspace():
            self.place += 1
        return self.text[self.place : self.place + 1]

    def take(self, *symbols: str) -> str:
        """The one of these symbols that comes next, and go past it; empty if none does."""
        self.peek()
        for symbol in symbols:
            # A * that begins ** is an exponent's, and not taken for a product's.
            if self.text.startswith(symbol, self.place) and not (
                symbol == "*" and self.text.startswith("**", self.place)
            ):
                self.place += len(symbol)
                return symbol
        return ""

    def take_word(self, *words: str) -> str:
        """The one of these words that comes next, and go past it; empty if none does."""
        word = self.word_ahead()
        if word.lower() not in words:
            return ""
        self.place += len(word)
        return word

    def word_ahead(self) -> str:
        """The letters that come next; the place stays."""
        self.peek()
        match = LETTERS.match(self.text, self.place)
        return match.group() if match else ""

    def expect(self, symbol: str) -> None:
        """Go past a symbol that must come now."""
        if not self.take(symbol):
            raise CalculatorError(f"a {symbol} is missing {f'before {self.rest()}' if self.peek() else 'at the end'}")

    def rest(self) -> str:
        """What has not been read, for a message."""
        rest = self.given[self.place :].strip()
        return repr(rest if len(rest) <= 20 else rest[:20] + "…")


def bounded(value: Fraction) -> Fraction:
    """The value itself. Raises CalculatorError if it takes more than MAX_BITS."""
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise CalculatorError("a number on the way is too large or too small")
    return value


def raised(base: Fraction, exponent: Fraction) -> Fraction:
    """A power: exact for whole exponents while it fits into MAX_BITS, to 50 digits otherwise."""
    if base == 0 and exponent < 0:
        raise CalculatorError("division by zero")
    if abs(exponent) > LARGEST_EXPONENT:
        raise CalculatorError("the exponent is too large")
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if exponent.denominator == 1 and bits * abs(exponent) <= MAX_BITS:
        return base**exponent.numerator
    if base < 0 and exponent.denominator != 1:
        raise CalculatorError("a negative number has no power that is not whole")
    try:
        with decimal.localcontext(PRECISION):
            return bounded(Fraction(as_decimal(base) ** as_decimal(exponent)))
    except (decimal.Overflow, decimal.InvalidOperation):
        raise CalculatorError("the power is too large") from None


def square_root(value: Fraction) -> Fraction:
    """A root: exact where there is one, to 50 digits otherwise."""
    if value < 0:
        raise CalculatorError("a negative number has no square root")
    root = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
    if root * root == value:
        return root
    with decimal.localcontext(PRECISION):
        return Fraction(as_decimal(value).sqrt())


def as_decimal(value: Fraction) -> decimal.Decimal:
    """To the precision of the context."""
    return decimal.Decimal(value.numerator) / decimal.Decimal(value.denominator)


def rounded(value: Fraction, decimals: Fraction = Fraction(0)) -> Fraction:
    """Rounded as at school, halves away from zero: 2.5 to 3, -2.5 to -3. (Python's `round` gives 2 and -2.)"""
    if decimals.denominator != 1 or abs(decimals) > MAX_DIGITS:
        raise CalculatorError(f"round takes a whole number of decimals up to {MAX_DIGITS}")
    scale = Fraction(10) ** decimals.numerator
    whole = math.floor(abs(value) * scale + Fraction(1, 2))
    return Fraction(whole if value >= 0 else -whole) / scale


def count(what: str, text: str) -> Fraction:
    """How often `what` stands in `text`, capital or small: r twice in Rory. Not counted twice where they overlap."""
    needle, hay = (unicodedata.normalize("NFC", word).lower() for word in (what, text))
    if not needle:
        raise CalculatorError("count needs something to count")
    return Fraction(hay.count(needle))


def length(text: str) -> Fraction:
    """Characters of a text, with the spaces inside it; é is one, however it is encoded."""
    return Fraction(len(unicodedata.normalize("NFC", text)))


def smallest(*values: Fraction) -> Fraction:
    """The least of the values."""
    return min(values)


def largest(*values: Fraction) -> Fraction:
    """The greatest of the values."""
    return max(values)


def in_order(words: list[str], reverse: bool = False) -> str:
    """Words by the alphabet, capital or small; numbers by size."""
    are_numbers = all(SIGNED_NUMBER.fullmatch(word) for word in words)
    return ", ".join(sorted(words, key=Fraction if are_numbers else str.casefold, reverse=reverse))


def spell(words: list[str]) -> str:
    """The letters of a text one by one."""
    return "-".join(letters_of(words[0]))


def reverse(words: list[str]) -> str:
    """A text from its end to its beginning."""
    return "".join(reversed(letters_of(words[0])))


def join(words: list[str]) -> str:
    """The word that letters make, which stand apart by hyphens, spaces or commas."""
    if joined := re.sub(r"[-\s]", "", "".join(words)):
        return joined
    raise CalculatorError("join needs letters")


def letters_of(text: str) -> list[str]:
    """The characters of a text as people count them: an accent belongs to its letter."""
    found: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        if found and unicodedata.combining(character):
            found[-1] += character
        else:
            found.append(character)
    return found


@dataclass(frozen=True)
class Function:
    """Something that can be called by name."""

    usage: str
    run: Callable[..., Fraction]
    least: int  # arguments
    most: int
    of_words: bool = False


@dataclass(frozen=True)
class TextFunction:
    """Something whose value is a text; it stands alone."""

    usage: str
    run: Callable[[list[str]], str]
    most: int = MAX_CHARACTERS  # words


TEXTS = {
    "ascending": TextFunction("ascending(a, b, …)", in_order),
    "descending": TextFunction("descending(a, b, …)", partial(in_order, reverse=True)),
    "spell": TextFunction("spell(word)", spell, 1),
    "reverse": TextFunction("reverse(word)", reverse, 1),
    "join": TextFunction("join(letters)", join),
}
FUNCTIONS = {
    "sqrt": Function("sqrt(x)", square_root, 1, 1),
    "abs": Function("abs(x)", abs, 1, 1),
    "round": Function("round(x, decimals)", rounded, 1, 2),
    "min": Function("min(a, b, …)", smallest, 1, MAX_CHARACTERS),
    "max": Function("max(a, b, …)", largest, 1, MAX_CHARACTERS),
    "count": Function("count(letter, word)", count, 2, 2, of_words=True),
    "length": Function("length(word)", length, 1, 1, of_words=True),
}
