"""What every protocol and handler shares: exchange, handler, response heads, bodies, the peer.

The rule of this room: nothing here knows which HTTP version a client speaks, or where an answer
comes from.
"""
