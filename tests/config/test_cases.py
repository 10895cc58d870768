import pytest

from proxy.config.cases import Case, Misplaced, Wanted, parse
from proxy.config.errors import ConfigErrors
from proxy.config.load import loads

CONFIG = """\
listen: 127.0.0.1:0
pools: {{web: {{endpoints: [127.0.0.1:8001]}}}}
routes:
  - {{name: the shop, reverse_proxy: web}}
tests:
  - GET / -> pool web
  - {}
"""


def errors_of(line):
    with pytest.raises(ConfigErrors) as raised:
        loads(CONFIG.format(line), "c.yaml")
    return [str(error) for error in raised.value.errors]


def test_all_that_can_be_said():
    line = ('POST https://a.example/x?y=1,2 from 2001:db8::1 with Cookie "a=b; \\"c\\"" and X-B: yes body '
            '2KiB -> route "the shop", header X-A, sends X-B "a, b", pool web')
    assert parse(line) == Case(
        line, "POST", "https://a.example/x?y=1,2",
        (Wanted("route", "the shop"), Wanted("header", "X-A"), Wanted("sends", "X-B", "a, b"),
         Wanted("pool", "web")),
        "2001:db8::1", (("Cookie", 'a=b; "c"'), ("X-B", "yes")), 2048)


@pytest.mark.parametrize("url", [
    "https://a.example", "https://[::1]:8443/", "http://a.example:81/x?y"])
def test_urls_say_by_which_scheme_a_client_comes(url):
    assert parse(f"GET {url} -> pool web").url == url


@pytest.mark.parametrize("line, wanted", [
    ("GET / -> static, 200", (Wanted("static"), Wanted("status", "200"))),
    ("GET / -> static css/a.css", (Wanted("static", "css/a.css"),)),
    ("GET / -> redirect /new/, 308", (Wanted("redirect", "/new/"), Wanted("status", "308"))),
    ("GET / -> respond", (Wanted("respond"),)),
    ("OPTIONS * -> refused,404", None),
    ("GET / -> 404", (Wanted("status", "404"),)),
    ('GET / with X "->" -> refused', (Wanted("refused"),)),
])
def test_outcomes(line, wanted):
    if wanted is None:
        with pytest.raises(Misplaced):
            parse(line)
    else:
        assert parse(line).wanted == wanted


@pytest.mark.parametrize("line, at, message", [
    ("GET /", 0, "a test says what shall become of a request"),
    ("GET -> 200", 4, "a URL is missing here"),
    ("GET / ->", 8, "what shall become of it is missing here"),
    ("GET / -> ,", 9, "what shall become of it is missing here"),
    ("G/T / -> 200", 0, "'G/T' is not a method"),
    ("GET cart -> 200", 4, "'cart' is neither a path"),
    ("GET htps://a.example/ -> 200", 4, "'htps://a.example/' is neither a path"),
    ("GET / form 1.2.3.4 -> 200", 6, "'form' is not understood; did you mean 'from'? (from, with, body, "),
    ("GET / from here -> 200", 11, "'here' is not an address"),
    ("GET / with X -> 200", 13, "the field's value is missing here"),
    ("GET / with X: 1 and -> 200", 20, "a field's name is missing here"),
    ('GET / with "a b" 1 -> 200', 11, "'a b' is not a field's name"),
    ('GET / with X "1 -> 200', 13, 'a " that is not closed'),
    ("GET / body 1MB -> 200", 11, "'1MB' is not a size; did you mean 1MiB?"),
    ("GET / body 65MiB -> 200", 11, "'65MiB' is more than a test can make (64MiB)"),
    ("GET / -> sttic", 9, "'sttic' is not an outcome; did you mean 'static'?"),
    ("GET / -> 99", 9, "99 is not a status (100 to 599)"),
    ("GET / -> pool", 13, "the name of the pool is missing here"),
    ("GET / -> pool web api", 18, "'api' is one word too many; a comma separates"),
    ("GET / -> pool web, static", 19, "'static' beside 'pool'; one can be"),
    ("GET / -> 200, pool web", 9, "what a pool answers with is its application's matter"),
    ("GET / -> pool web, 200", 19, "what a pool answers with is its application's matter"),
])
def test_what_is_wrong_and_where(line, at, message):
    with pytest.raises(Misplaced) as raised:
        parse(line)
    assert str(raised.value).startswith(message)
    assert raised.value.at == at


@pytest.mark.parametrize("line, column", [
    ("GET / frm 1.2.3.4 -> 200", 11),
    ("'GET / frm 1.2.3.4 -> 200'", 12),
    ('"GET / frm 1.2.3.4 -> 200"', 12),
    ("GET /\n      frm 1.2.3.4 -> 200", 5),
])
def test_an_error_has_its_place_in_the_file(line, column):
    (error,) = errors_of(line)
    assert error.startswith(f"c.yaml:7:{column}: tests[1]: 'frm' is not understood; did you mean 'from'?")


@pytest.mark.parametrize("line, message", [
    ("GET / -> pool wep", "'wep' is not a pool; did you mean 'web'? (web)"),
    ("GET / -> route shop", "'shop' is not a route; did you mean 'the shop'? ('the shop')"),
    ("7", "a test says what shall become of a request"),
    ("[GET]", "a list is not a test, such as GET / -> pool web"),
])
def test_names_are_checked(line, message):
    (error,) = errors_of(line)
    assert error.startswith(f"c.yaml:7:5: tests[1]: {message}")


def test_a_file_may_have_none():
    assert loads(CONFIG.format("GET / -> pool web")).tests[1].wanted == (Wanted("pool", "web"),)
    assert loads("listen: 127.0.0.1:0\nroutes: [{respond: {}}]\n").tests == []
