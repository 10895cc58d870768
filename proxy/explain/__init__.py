"""Why does a request go where it goes? Answered without traffic, by the data plane itself.

    question   a request as a user writes it down, and its octets
    rehearsal  has the real data plane take them, between a client and endpoints of our own
    stand_in   such an endpoint: it notes what it is asked and answers with a sample
    account    what came of it, as JSON can hold it
    fields     what became of header fields on their way, and why
    words      the same for people

The rule of this room: nothing is decided here. What parses, routes, picks, rewrites and compresses is the
code that serves traffic; this room looks on and puts it into words.
"""
