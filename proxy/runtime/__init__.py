"""From a configuration to a running data plane: build, runtime, plane; and to the next one: draft, carry.

The rule of this room: all that requests need is copied out of the configuration here; nothing reads
it later. What may fail fails before anything that serves is touched.
"""
