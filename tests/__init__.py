"""A package: REDbot brings one named `tests` into site-packages, which would stand before a mere folder."""
