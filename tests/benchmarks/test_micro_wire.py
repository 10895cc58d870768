from itertools import islice

from benchmarks import micro_wire
from proxy.upstream.answer import AnswerMemo
from proxy.upstream.disguise import Disguise
from proxy.wire.headers import split_fields


def test_no_two_sections_of_a_varied_stream_are_alike():
    sections = list(islice(micro_wire.varied(micro_wire.FIREFOX), 100))
    assert len(set(sections)) == 100


def test_fresh_octets_are_equal_but_not_the_same_object():
    first, second = islice(micro_wire.fresh(b"octets"), 2)
    assert first == second
    assert first is not second


def test_both_browsers_send_14_fields():
    sections = map(micro_wire.section, (micro_wire.CHROME, micro_wire.FIREFOX))
    assert [len(split_fields(raw, 100)) for raw in sections] == [14, 14]


def test_the_answer_is_one_that_we_pass_on():
    head = AnswerMemo(Disguise([("127.0.0.1", 8001)])).parse(micro_wire.ANSWER)
    assert (head.status, head.length) == (200, 850)
