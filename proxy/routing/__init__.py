"""Which route answers a request: conditions, and the table that tries them in order."""
