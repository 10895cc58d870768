"""See the package map in `proxy`."""
