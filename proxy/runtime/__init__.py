"""From a configuration to a running data plane: build, runtime, plane.

The rule of this room: all that requests need is copied out of the configuration here; nothing reads
it later.
"""
