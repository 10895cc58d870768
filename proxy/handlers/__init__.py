"""What makes responses, one file for each kind: static files, forwarding, redirects, fixed answers.

The rule of this room: a handler holds an `Exchange` and never imports `downstream`.
"""
