"""A reverse proxy and load balancer for Python web applications."""
__version__ = "0.1.0"
