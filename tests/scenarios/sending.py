"""Applications that name files for the proxy to send: Flask by X-Sendfile, Django by X-Accel-Redirect.

They trust their users with any name, as careless ones do. FOLDER is where the files are.
"""

import os
from urllib.parse import quote

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from flask import Flask, send_file

FOLDER = os.environ["FOLDER"]

flask = Flask(__name__)
flask.config["USE_X_SENDFILE"] = True


@flask.route("/file/<path:name>")
def file(name):
    return send_file(f"{FOLDER}/{name}", as_attachment=True, max_age=60)


def accel(request, name):
    answer = HttpResponse(headers={"X-Accel-Redirect": "/protected/" + quote(name)})
    del answer["Content-Type"]  # as its users do: the server knows better
    answer["X-Port"] = request.META["REMOTE_PORT"]
    answer.set_cookie("seen", "1")
    return answer


def raw(request):
    """Whatever the client wishes."""
    return HttpResponse("own", headers={"X-Accel-Redirect": request.GET["uri"]})


settings.configure(SECRET_KEY="none", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"])
urlpatterns = [path("file/<path:name>", accel), path("raw", raw)]
django = get_wsgi_application()
