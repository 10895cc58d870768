"""What is written down about exchanges and about the program itself.

The rule of this room: serving never waits for a log.
"""
