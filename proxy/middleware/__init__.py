"""What stands around a route's handler, whichever that is; each is a `Handler` that holds another one.

The rule of this room: a middleware that a route does not ask for costs it nothing.
"""
