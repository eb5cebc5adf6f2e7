# SPDX-License-Identifier: LGPL-2.1-or-later
"""A tour of the inside: real packages at work, and walls where walls should be.

LISTENER=host:port names a server that was reachable outside a moment ago.
"""

import os
import sys
from pathlib import Path

import flask
import numpy
import pandas
import requests


def work() -> None:
    """Uses each package for something small."""
    samples = numpy.random.default_rng(1).normal(20, 4, 365)
    weather = pandas.DataFrame({"month": numpy.arange(365) // 31 + 1, "degrees": samples})
    warmest = weather.groupby("month")["degrees"].mean().idxmax()
    print(f"numpy {numpy.__version__} and pandas {pandas.__version__}: the warmest month is {warmest}")

    application = flask.Flask("tour")
    application.add_url_rule("/", view_func=lambda: f"month {warmest}")
    page = application.test_client().get("/").get_data(as_text=True)
    print(f"flask served '{page}' to itself; requests {requests.__version__} is ready")


def reach(listener: str) -> bool:
    host, port = listener.rsplit(":", 1)
    try:
        requests.get(f"http://{host}:{port}/", timeout=3)
    except requests.RequestException:
        return False
    return True


def read_keys() -> bool:
    try:
        return bool(os.listdir(Path.home() / ".ssh"))
    except OSError:
        return False


def main() -> int:
    print(f"Python {sys.version.split()[0]} at {sys.prefix}")
    work()
    listener = os.environ.get("LISTENER", "")
    holes = 0
    if listener:
        reached = reach(listener)
        holes += reached
        print(f"network: {listener} is {'REACHABLE' if reached else 'out of reach'} from inside")
    readable = read_keys()
    holes += readable
    print(f"secrets: ~/.ssh is {'READABLE' if readable else 'not there'} inside")
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
