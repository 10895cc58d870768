"""What the operator sees and orders over HTTP, far off the path of visitors' requests.

`table` names every operation once, with the models of what it takes and gives; the routes and the
OpenAPI document are both made from it. `guard` decides who may ask.
"""
