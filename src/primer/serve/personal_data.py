"""E-mail addresses, phone, card and account numbers, found where they stand so that they can be redacted.

Cards and accounts count only if their checksums hold (python-stdnum: Luhn; IBAN's mod 97 and the lengths of each
country), phones only if they are written as phones are: +49 …, (212) 555-0147, 0171/1234567, or after a word such as
"call". A bare row of digits is a number, not a phone: the calculator writes many.
"""

import re
from collections.abc import Callable, Iterator

from primer.serve.safety_rules import Match
from primer.serve.safety_text import Atom

MOST_ATOMS = 12  # of one number: an IBAN in groups of four has at most nine
LONGEST_NUMBER = 45  # characters: an IBAN's 34 and the spaces between its groups
WORDS_BEFORE = 4  # "my phone number is"

EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,24}(?![\w-])")
GROUP = re.compile(r"[A-Za-z0-9]+")
IBAN_BEGINS = re.compile(r"[A-Z]{2}\d{2}")
# First digits and lengths: Visa, Mastercard (twice), American Express, Discover, Diners, JCB.
CARD = re.compile(
    r"4\d{12}(?:\d{3})?|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|3[47]\d{13}|6(?:011|5\d\d)\d{12}|"
    r"3(?:0[0-5]|[68]\d)\d{11}|35\d{14}"
)
PHONES = (
    re.compile(r"(?<![\w+.])(?<!\d[ -])(?:\+|00)[1-9](?:[ .\-/()]{0,3}\d){6,14}(?![\w,])"),  # international
    re.compile(r"(?<![\w.,])(?<!\d[ -])(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])\d{3}[ .-]\d{4}(?![\w,])"),  # North America
    re.compile(
        r"(?<![\w.,/-])(?<!\d )\(?0\d{2,5}\)?[ /-](?:\d[ -]?){4,8}\d(?![\w.,:]\d)(?!\w)"
    ),  # with the 0 of a trunk call
)
BARE_PHONE = re.compile(r"(?<!\w)\d(?:[ -]?\d){6,13}(?!\w)")
PHONE_WORD = re.compile(
    r"\b(?:phone|telephone|tel|mobile|cell|whatsapp|call|ring|text|dial|handy|fax)\b", re.IGNORECASE
)
ORDER_WORD = re.compile(r"\b(?:order|invoice|ticket|serial|part)\b", re.IGNORECASE)


class PersonalReader:
    """Atoms in, personal data out. Numbers may go over several atoms: "DE89 3704 0044 …"."""

    def __init__(self) -> None:
        self.before: list[str] = []  # the words before the number
        self.number = ""  # atoms in a row that can be parts of a number, with the white space between them
        self.num_atoms = 0
        self.start = 0  # of `number`

    def read(self, atom: Atom) -> list[Match]:
        """What this atom completes: an address, or the number before it."""
        matches = []
        if self.number and (len(atom.gap) > 2 or "\n" in atom.gap or not self.goes_on(atom.text)):
            matches += self.finish()
        if self.number:
            self.number += atom.gap + atom.text
        elif not atom.text.isalpha() and any(char.isdigit() for char in atom.text):
            self.number, self.start = atom.text, atom.start
        else:
            self.before = [*self.before[1 - WORDS_BEFORE :], atom.text]
        if self.number:
            self.num_atoms += 1
            if self.num_atoms == MOST_ATOMS:
                matches += self.finish()
        if "@" in atom.text:
            matches += [found("e-mail", atom.start, match.span()) for match in EMAIL.finditer(atom.text)]
        return matches

    def goes_on(self, text: str) -> bool:
        """Whether an atom can be a further part of a number: digits, a group of an IBAN, or a sign."""
        return any(char.isdigit() for char in text) or (text.isupper() and len(text) <= 4) or text in "-/()."

    def finish(self) -> list[Match]:
        """What the number is that has ended here."""
        number, self.number, self.num_atoms = self.number, "", 0
        words, self.before = " ".join(self.before), []
        taken = [
            found(name, self.start, span)
            for name, test in (("IBAN", is_iban), ("card", is_card))
            for span in checked(number, test)
        ]
        about_phones = PHONE_WORD.search(words) is not None and not ORDER_WORD.search(words)
        for pattern in (*PHONES, BARE_PHONE) if about_phones else PHONES:
            for match in pattern.finditer(number):
                phone = found("phone", self.start, match.span())
                if 7 <= sum(char.isdigit() for char in match[0]) <= 15 and not any(phone.meets(one) for one in taken):
                    taken.append(phone)
        return taken

    @property
    def open_from(self) -> int | None:
        """Where a number begins that may go on."""
        return self.start if self.number else None


def checked(number: str, test: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """The longest stretches of whole groups that pass a test, from left to right."""
    groups = [match.span() for match in GROUP.finditer(number)]
    done = 0
    for first, (start, _) in enumerate(groups):
        if start < done:
            continue
        ends = [end for _, end in groups[first:] if end - start <= LONGEST_NUMBER]
        for end in reversed(ends):
            if test(number[start:end]):
                yield start, end
                done = end
                break


def is_card(text: str) -> bool:
    """Whether it is written as a card's number is, and its Luhn digit is right."""
    from stdnum import luhn

    digits = text.replace(" ", "").replace("-", "")
    return CARD.fullmatch(digits) is not None and bool(luhn.is_valid(digits))


def is_iban(text: str) -> bool:
    """Whether it is an account number of a country that has IBANs, with right length and check digits."""
    if len(text) < 15 or not IBAN_BEGINS.match(text):
        return False
    from stdnum import iban

    return bool(iban.is_valid(text, check_country=False))  # without the national checks that few banks make


def found(name: str, start: int, span: tuple[int, int]) -> Match:
    """Personal data at a place of the whole text."""
    return Match("private_data", name, "personal data", start + span[0], start + span[1], label=f"[{name}]")
