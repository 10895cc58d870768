"""A real site behind the proxy, to look at: `python -m proxy.demo`. Nothing else imports this."""
