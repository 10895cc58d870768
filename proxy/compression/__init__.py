"""Content codings: what is worth one, and the octets of it. Knows no HTTP message, and does no I/O."""
