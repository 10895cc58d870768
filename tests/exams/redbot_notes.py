"""Prints what REDbot's engine says about a URL, as JSON: [part, level, note, what it says] for each note.

A program of its own, since the engine has a loop of its own, one per process. `part` is the answer
itself, or the check (of conditions, ranges, negotiation) that asked again.
"""

import json
import sys
from configparser import ConfigParser

import thor
from redbot.resource import HttpResource


def examine(url):
    """The resource, once all of its checks are done."""
    parser = ConfigParser()
    parser.read_dict({"redbot": {"enable_local_access": "True"}})
    resource = HttpResource(parser["redbot"])
    resource.set_request(url)
    thor.events.on(resource, "check_done")(thor.stop)
    resource.check()
    thor.run()
    return resource


def notes(resource):
    if resource.fetch_error is not None:
        yield "answer", "bad", type(resource.fetch_error).__name__, str(resource.fetch_error)
    for part, answer in (("answer", resource), *resource.subreqs.items()):
        for note in answer.response.notes:
            yield part, note.level.value, type(note).__name__, str(note.summary)


if __name__ == "__main__":
    print(json.dumps(list(notes(examine(sys.argv[1])))))
