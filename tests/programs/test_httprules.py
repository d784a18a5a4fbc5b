"""When pages are fetched and restarts asked for, over virtual time."""

import pytest

from ncolony.core.errors import ConfigError
from ncolony.programs.httprules import HttpWish, Score, answered, begin, http_wish_of, tick

WISH = HttpWish("http://127.0.0.1:1/", period=10.0, timeout=5.0, grace=3.0, max_bad=1)
KEY = {"url": "http://127.0.0.1:1/", "period": 10, "timeout": 5, "grace": 3, "maxBad": 1}


def test_the_first_fetch_comes_when_the_grace_is_over():
    """Counted in periods; the bound itself is inside."""
    score = begin(WISH, 100.0)
    assert tick(score, WISH, 130.0) == (score, "nothing")
    assert tick(score, WISH, 130.1) == (Score(140.1, 0, under_way=True), "fetch")


def test_never_two_at_a_time():
    """However late the answer is."""
    score = Score(140.0, 0, under_way=True)
    assert tick(score, WISH, 1000.0) == (score, "nothing")
    assert tick(answered(score, good=True), WISH, 1000.0)[1] == "fetch"


def test_a_restart_after_more_bad_ones_than_are_borne():
    """In place of the next check; then all begins anew."""
    score = Score(0.0)
    for now, bad in ((10.1, 1), (20.2, 2)):
        score, what = tick(score, WISH, now)
        assert what == "fetch"
        score = answered(score, good=False)
        assert score.bad == bad
    assert tick(score, WISH, 30.2) == (score, "nothing")
    assert tick(score, WISH, 30.3) == (Score(60.3), "restart")


def test_a_good_one_wipes_the_slate():
    """Only those in a row count."""
    assert answered(Score(0.0, 5, under_way=True), good=True) == Score(0.0)


def test_the_key_is_read():
    """The timeout is the period at most."""
    assert http_wish_of({"ncolony.httpcheck": KEY}) == WISH
    assert http_wish_of({"ncolony.httpcheck": {**KEY, "timeout": "1m"}}).timeout == 10.0
    assert http_wish_of({}) is None


@pytest.mark.parametrize(
    "url",
    [
        "", 3, "127.0.0.1", "ftp://x/", "http://", "http:///x", "http://x:y/", "http://x:70000/", "http://x:0/",
        "http://[::1/", "http://a b/", "http://x/\n", "http://ä/", "http://user:pass@x/", "http://x/\u0000",
    ],
)  # fmt: skip
def test_what_is_no_url_is_refused(url):
    """Before anything is fetched."""
    with pytest.raises(ConfigError, match=r"^ncolony\.httpcheck\.url: found "):
        http_wish_of({"ncolony.httpcheck": {**KEY, "url": url}})


@pytest.mark.parametrize("url", ["http://x", "http://[::1]:80/a?b=c#d", "HTTP://localhost:8080/%C3%A4"])
def test_what_is_a_url_is_taken(url):
    """With a port or without, names and numbers."""
    assert http_wish_of({"ncolony.httpcheck": {**KEY, "url": url}}).url == url


def test_all_that_is_wrong_is_told_at_once():
    """Nobody likes to be told one after the other."""
    with pytest.raises(ConfigError) as caught:
        http_wish_of({"ncolony.httpcheck": {"period": 0, "timeout": None, "maxbad": 3, "grace": "x"}})
    assert str(caught.value).count("ncolony.httpcheck.") == 5
    assert 'ncolony.httpcheck.maxBad: found no such key, but "maxbad"' in str(caught.value)
