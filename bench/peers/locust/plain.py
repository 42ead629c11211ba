"""The plain cases of bench/compare: one request, again and again, without waiting.

The case comes from the environment: BENCH_PATH, BENCH_POST_BYTES, BENCH_CLOSE. Name the class to
run on Locust's command line: `Http` or `Fast`.
"""

import os

from locust import FastHttpUser, HttpUser, task

PATH = os.environ["BENCH_PATH"]
POST = "x" * int(os.environ.get("BENCH_POST_BYTES") or 0)
HEADERS = {"Connection": "close"} if os.environ.get("BENCH_CLOSE") else {}


class Http(HttpUser):
    def on_start(self):
        self.client.verify = False

    @task
    def request(self):
        if POST:
            self.client.post(PATH, POST, headers=HEADERS)
        else:
            self.client.get(PATH, headers=HEADERS)


class Fast(FastHttpUser):
    insecure = True

    @task
    def request(self):
        if POST:
            self.client.post(PATH, POST, headers=HEADERS)
        else:
            self.client.get(PATH, headers=HEADERS)
