"""E-mail, phone, card and IBAN: found, and not confused with other numbers."""

import pytest

from primer.serve.safety import load_safety


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Write to a.b+c@mail.example.org!", "Write to [e-mail]!"),
        ("Card 4111 1111 1111 1111, soon", "Card [card], soon"),
        ("378282246310005 11/29", "[card] 11/29"),
        ("to DE89 3704 0044 0532 0130 00 please", "to [IBAN] please"),
        ("GB29NWBK60161331926819.", "[IBAN]."),
        ("GB29 NWBK 6016 1331 9268 19", "[IBAN]"),
        ("+49 (0)30 901820-0 in Berlin", "[phone] in Berlin"),
        ("My phone is 5551234567", "My phone is [phone]"),
        ("ask 0171/1234567", "ask [phone]"),
    ],
)
def test_redacted(text: str, redacted: str) -> None:
    assert load_safety(None).check(text, "input").text == redacted


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112", "DE89 3704 0044 0532 0130 01", "1234567 * 7654321 = 9372390114141", "3.14159265358979",
        "10.0.19045.3803", "192.168.178.21", "2024-02-29T12:00:00Z", "ISBN 978-3-16-148410-0", "order 5551234567",
        "1 2 3 4 5 6 7 8 9 10 11 12 13", "149,597,870,700 metres", "@name", "user@host", "AB12 CD34",
    ],
)  # fmt: skip
def test_other_numbers_stay(text: str) -> None:
    assert load_safety(None).check(text, "input").text == text
