"""Facing clients: listeners, connections, and what a slow client has not taken yet.

The rule of this room: it holds a `Switch` and never imports a handler.
"""
