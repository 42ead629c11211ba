"""The scenario of bench/peers/README.md, for both of Locust's clients.

Name the class to run on Locust's command line: `Http` or `Fast`.
"""

import random

from locust import FastHttpUser, HttpUser


def browse(user):
    item = str(random.randint(1, 1000))
    with user.client.get(f"/item/{item}", name="/item/[id]", catch_response=True) as answer:
        if item not in answer.text:
            answer.failure("not the item asked for")


def cart(user):
    with user.client.get("/cookies", catch_response=True) as answer:
        if "session" not in answer.text:
            answer.failure("the session cookie was not sent")


def pay(user):
    user.client.post("/pay", "amount=1")


# Locust collects `@task` methods from users only, not from a class that two users share.
TASKS = {browse: 10, cart: 3, pay: 1}


class Http(HttpUser):
    tasks = TASKS

    def on_start(self):
        self.client.post("/login", {"user": "bench"})


class Fast(FastHttpUser):
    tasks = TASKS

    def on_start(self):
        self.client.post("/login", {"user": "bench"})
