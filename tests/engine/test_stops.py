"""Stop strings against the whole text cut by hand."""

from hypothesis import given, settings
from hypothesis import strategies as st

from primer.engine.request import Token
from primer.engine.stops import Piece, StopText, TokenText
from primer.text.tokenizer import train_tokenizer

TOKENIZER = train_tokenizer(["ab ba aab 你好é " * 9], 280)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("ab", max_size=4), max_size=12), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3))
def test_what_is_shown_is_what_comes_before_the_first_stop(pieces: list[str], stops: list[str]) -> None:
    text, shown = StopText(stops), ""
    whole = ""
    for piece in pieces:
        shown += text.push(Piece(piece)).text
        whole += piece
        places = [place for stop in stops if (place := whole.find(stop)) >= 0]
        if places:
            assert (text.is_met, shown) == (True, whole[: min(places)])
            return
        held = whole[len(shown) :]
        assert whole.startswith(shown)
        assert not held or any(stop.startswith(held) for stop in stops)  # nothing is held for no reason
    assert not text.is_met
    assert shown + text.finish().text == whole


@settings(max_examples=50, deadline=None)
@given(st.text("ab 你好é", max_size=20), st.lists(st.text("ab 你é", min_size=1, max_size=3), max_size=2))
def test_tokens_come_with_their_text_and_characters_whole(said: str, stops: list[str]) -> None:
    tokens = [Token(0, id) for id in TOKENIZER.encode(said)]
    text = TokenText(TOKENIZER, stops)
    pieces = [text.push(token) for token in tokens] + [text.finish()]
    shown, given = "".join(p.text for p in pieces), [token for p in pieces for token in p.tokens]
    assert "\ufffd" not in shown
    assert given == tokens[: len(given)]
    assert TOKENIZER.decode([token.id for token in given]).startswith(shown)
    assert text.stop.is_met or (shown, given) == (said, tokens)
