"""The calculator against Python's own fractions, on random expressions, and its manners with what is no expression."""

import math
import random
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primer.engine.calculator import MAX_BITS, TEXTS, calculate, evaluate, format_number

WORDS = st.text("abcdefghijklmnopqrstuvwxyzABCéß", min_size=1, max_size=12)


def random_expression(rng: random.Random, depth: int = 0) -> tuple[str, Fraction]:
    """An expression with parentheses wherever they could matter, and its value by Python's operators."""
    if depth == 4 or rng.random() < 0.3:
        whole, decimals = rng.randint(0, 999), rng.choice(["", ".5", ".25", ".125", ".07"])
        return f"{whole}{decimals}", Fraction(f"{whole}{decimals}")
    left, a = random_expression(rng, depth + 1)
    right, b = random_expression(rng, depth + 1)
    kind = rng.randrange(7)
    if kind == 0:
        return f"({left}) {rng.choice(['*', '×', '·', 'x', 'of'])} ({right})", a * b
    if kind == 1 and b:
        return f"({left}) {rng.choice(['/', '÷'])} ({right})", a / b
    if kind == 2:
        return f"{left} {rng.choice(['-', '−', '–'])} ({right})", a - b
    if kind == 3:
        power = rng.randint(0, 3)
        return f"({left}) {rng.choice(['^', '**'])} {power}", a**power
    if kind == 4:
        return f"({left})%", a / 100
    if kind == 5:
        return f"max({left}, abs({right})) - min(-({left}), 7)", max(a, abs(b)) - min(-a, Fraction(7))
    return f"{left} + {right}", a + b


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**9))
def test_random_expressions_have_the_value_that_python_gives_them(seed: int) -> None:
    expression, value = random_expression(random.Random(seed))
    fits = max(value.numerator.bit_length(), value.denominator.bit_length()) * 8 < MAX_BITS
    if fits:  # and so do the powers on the way
        assert evaluate(expression) == value
    else:
        assert isinstance(calculate(expression), str)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from("+-*/"), st.integers(1, 50)), max_size=8))
def test_products_come_before_sums_and_both_from_left_to_right(steps: list[tuple[str, int]]) -> None:
    terms = [Fraction(7)]  # of the sum, each a product
    for operator, number in steps:
        if operator in "+-":
            terms.append(Fraction(number if operator == "+" else -number))
        else:
            terms[-1] *= Fraction(number) if operator == "*" else Fraction(1, number)
    assert evaluate("7" + "".join(f" {operator} {number}" for operator, number in steps)) == sum(terms)


@settings(max_examples=200)
@given(st.fractions(min_value=-(10**12), max_value=10**12, max_denominator=10**9))
def test_what_is_shown_is_near_and_plain(value: Fraction) -> None:
    shown = format_number(value)
    assert set(shown) <= set("-0123456789.")
    assert not shown.endswith(".")
    assert not ("." in shown and shown.endswith("0"))
    assert abs(Fraction(shown) - value) <= max(abs(value), Fraction(1)) / 10**6
    if (value * 10**12).denominator == 1:
        assert Fraction(shown) == value
    assert evaluate(shown) == Fraction(shown)


@settings(max_examples=100)
@given(st.fractions(min_value=0, max_value=10**9, max_denominator=10**6))
def test_square_roots_are_those_of_decimal(value: Fraction) -> None:
    root = evaluate(f"sqrt({value.numerator} / {value.denominator})")
    assert math.isclose(root, (Decimal(value.numerator) / Decimal(value.denominator)).sqrt(), rel_tol=1e-15)
    assert evaluate(f"sqrt(({value.numerator}/{value.denominator})^2)") == value


@settings(max_examples=100)
@given(WORDS, WORDS)
def test_words_are_counted_as_python_counts_them(what: str, text: str) -> None:
    assert calculate(f"count({what}, {text})") == str(text.lower().count(what.lower()))
    assert calculate(f'count("{what}", "{text}")') == str(text.lower().count(what.lower()))
    assert calculate(f"length({text})") == calculate(f"length('{text}')") == str(len(text))


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=40),
        st.text("0123456789.,()+-*/^% sqrtmaxcount'\"", max_size=60),
        st.builds("{}({}".format, st.sampled_from(list(TEXTS)), st.text(max_size=20)),
    )
)
def test_anything_gets_an_answer(text: str) -> None:
    answer = calculate(text)
    is_text = text.strip().lower().startswith(tuple(TEXTS))
    assert is_text or answer.startswith("error: ") or Fraction(answer) is not None
    assert "\n" not in answer


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("0.1 + 0.2", "0.3"), ("10 / 4", "2.5"), ("1 / 3", "0.333333"), ("2 / 3 * 3", "2"),
        ("1000000 / 3", "333333.333333"), ("1 / 8", "0.125"), ("3 - 5", "-2"), ("-0", "0"), ("12 + 7 * 3", "33"),
        ("(12 + 7) * 3", "57"), ("8 / 2 / 2", "2"), ("2x3", "6"), ("2 x 3", "6"), ("6 × 7", "42"), ("9 ÷ 3", "3"),
        ("5 − 3", "2"), ("1,234,567 + 1", "1234568"), ("20% of 50", "10"), ("50 * 20%", "10"),
        ("200 - 15% of 200", "170"), ("100 + 5%", "100.05"), ("1/2 of 9", "4.5"), ("2^10", "1024"), ("2**-1", "0.5"),
        ("-2^2", "-4"), ("(-2)^3", "-8"), ("2^3^2", "512"), ("2^0.5", "1.414214"), ("8^(1/3)", "2"), ("0^0", "1"),
        ("(1 + 0.04/12)^360", "3.313498"), ("2^100", str(2**100)), ("0.5^5000", "0"), ("sqrt(16)", "4"),
        ("sqrt(2)", "1.414214"), ("sqrt(2)^2 - 2", "0"), ("sqrt(0.25)", "0.5"), ("abs(-3)", "3"), ("round(2.5)", "3"),
        ("round(-2.5)", "-3"), ("round(2.345, 2)", "2.35"), ("round(1234, -2)", "1200"), ("max(1,000, 3)", "3"),
        ("min(3, 1, 2) + 1", "2"), ("MAX(1, 2)", "2"), ("--3", "3"), ("3 + -2", "1"), ("count(r, strawberry)", "3"),
        ("count(R, rory)", "2"), ("count(ss, Mississippi)", "2"), ("count(t, don't)", "1"),
        ("count('l', \"hello, (world)\")", "3"), ("count(“a”, ‘banana’)", "3"), ("length(strawberry) * 2", "20"),
        ("length(ice cream)", "9"), ("count(é, cafe\u0301)", "1"), ("length(cafe\u0301)", "4"), ("length('')", "0"),
        ("ascending(31, 9, 120)", "9, 31, 120"), ("descending(31, -9, 1.5)", "31, 1.5, -9"),
        ("ascending(pear, Fig, apple)", "apple, Fig, pear"), ("ascending(10, 9, x)", "10, 9, x"),
        ("Descending('a, b', c)", "c, a, b"), ("ascending(1)", "1"), ("ascending(-, 1)", "-, 1"),
        ("ascending( pear, fig)", " fig, pear"), ("spell(kite)", "k-i-t-e"), ("spell( Kite)", " K-i-t-e"),
        ("SPELL('a b')", "a- -b"), ("spell(cafe\u0301)", "c-a-f-é"), ("spell(n\u0308o)", "n\u0308-o"),
        ("reverse( kite)", " etik"), ("reverse(n\u0308o)", "on\u0308"), ("reverse(ice cream)", "maerc eci"),
        ("join(k-i-t-e)", "kite"), ("join( k, i - t e)", " kite"), ("join(kite)", "kite"),
    ],
)  # fmt: skip
def test_results(expression: str, result: str) -> None:
    assert calculate(expression) == result


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "the expression is empty"), (" ", "the expression is empty"), ("1 / 0", "division by zero"),
        ("0^-1", "division by zero"), ("3 +", "a number is missing at the end"),
        ("3 + * 4", "a number is missing before '* 4'"), ("3 + (4", "a ) is missing at the end"),
        ("3)", "cannot read ')'"), ("2 3", "an operator is missing before '3'"),
        ("2(3)", "an operator is missing before '(3)'"), ("7 % 3", "an operator is missing before '3'"),
        ("three + 4", "there is no 'three'; the functions are sqrt, abs, round, min, max, count, length, "
         "ascending, descending, spell, reverse, join"),
        ("__import__('os')", "a number is missing before \"__import__('os')\""),
        ("sqrt(-1)", "a negative number has no square root"),
        ("(-8)^(1/3)", "a negative number has no power that is not whole"), ("sqrt 4", "a ( is missing before '4'"),
        ("sqrt(1, 2)", "sqrt(x) was given 2 values"), ("min()", "min(a, b, …) was given 0 values"),
        ("count(a)", "count(letter, word) was given 1 values"), ("count(, a)", "a word is missing"),
        ("count('', a)", "count needs something to count"),
        ("length('abc)", "the quotation mark is never closed in \"'abc)\""),
        ("round(1, 0.5)", "round takes a whole number of decimals up to 100"),
        ("10^1000", "the result has more than 100 digits"), ("9^9^9", "the power is too large"),
        ("9^9^9^9^9", "the power is too large"), ("2^(10^16)", "the exponent is too large"),
        ("9" * 1001, "the expression is longer than 1000 characters"),
        ("1.2.3", "an operator is missing before '.3'"),
        ("(" * 60 + "1" + ")" * 60, "more than 50 parentheses or signs within one another"),
        ("ascending()", "a word is missing"), ("ascending(a", "a ) is missing at the end"),
        ("ascending(2, 1) + 1", "cannot read '+ 1'"), ("1 + ascending(2, 1)", "'ascending' stands alone"),
        ("spell(a, b)", "spell(word) was given 2 words"), ("reverse()", "a word is missing"),
        ("join(-)", "join needs letters"), ("2 * spell(a)", "'spell' stands alone"),
        ("½", "there is no '½'; the functions are sqrt, abs, round, min, max, count, length, "
         "ascending, descending, spell, reverse, join"),
        ("٣", "a number is missing before '٣'"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(expression: str, message: str) -> None:
    assert calculate(expression) == f"error: {message}"


def test_the_costliest_expressions_stay_within_bounds() -> None:
    for expression in (
        "9^" * 480 + "9",
        "%" * 990,
        "1" + "%" * 990,
        "7^2500*" * 120 + "1",
        "sqrt(" * 45 + "2" + ")" * 45,
    ):
        assert isinstance(calculate(expression), str)  # comes back at once: numbers never grow beyond MAX_BITS
