"""An echo server, by a library that is not ours: `python echo.py PORT`."""

import asyncio
import hashlib
import http
import re
import sys

from websockets.asyncio.server import serve

PIECES = ["piece %d, äöü; " % i * 5000 for i in range(20)]


async def echo(socket):
    """Answers until the other side leaves: a few words mean something, all else comes back."""
    async for message in socket:
        if message == "pieces":
            await socket.send(PIECES)  # one message, a frame for each
        elif message == "ping":
            await (await socket.ping(b"are you there"))
            await socket.send("ponged")
        elif message == "who":
            request = socket.request
            await socket.send(f"{request.path} {socket.subprotocol} {request.headers.get('Cookie')}")
        elif message == "leave":
            await socket.close()
        elif message == "fail":
            await socket.close(4001, "as you wish")
        else:
            await socket.send(message)


def digest_is_right(line, path):
    """Whether an `Authorization` answers the challenge below (RFC 7616, section 3.4.1)."""
    said = dict(re.findall(r'(\w+)="?([^",]*)', line))

    def md5(*parts):
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    who, what = md5("me", "cellar", "pw"), md5("GET", path)
    nonce = said.get("nonce", ""), said.get("nc", ""), said.get("cnonce", "")
    return said.get("response") == md5(who, *nonce, "auth", what)


def admit(connection, request):
    """Refuses some paths; `None` goes on with the handshake."""
    if request.path == "/refused":
        return connection.respond(http.HTTPStatus.FORBIDDEN, "not here\n")
    if request.path.startswith("/digest"):
        line = request.headers.get("Authorization", "")
        if not digest_is_right(line, request.path):
            response = connection.respond(http.HTTPStatus.UNAUTHORIZED, "who are you?\n")
            challenge = 'Digest realm="cellar", nonce="n1", qop="auth"'
            response.headers["WWW-Authenticate"] = challenge
            return response
    return None


def choose(connection, subprotocols):
    """The server's favourite among those that the client speaks; without one it goes on."""
    return next((known for known in ["v2.chat", "v1.chat"] if known in subprotocols), None)


async def main():
    server = serve(
        echo,
        "127.0.0.1",
        int(sys.argv[1]),
        process_request=admit,
        select_subprotocol=choose,
        max_size=4_000_000,
    )
    async with server as running:
        await running.serve_forever()


asyncio.run(main())
