"""Facing applications: pools, endpoints, connections to them, tunnels.

The rule of this room: an endpoint may be buggy or hostile. Its connection is kept only while every
octet on it is accounted for, and nothing of its address gets out.
"""
