"""Bytes of the protocols, taken apart and put together. No I/O, no clock, no state beyond a message.

The rule of this room: take the grammar literally and refuse the rest; nothing is repaired.
"""
