"""HTTP as `limpid serve` speaks it, looked at through raw sockets.

    python http_test.py PROGRAM
"""
import concurrent.futures
import json
import random
import socket
import struct
import threading
import time
import unittest

from serving import Case, Server, main

MIB = 1 << 20


def head(path="/v1/completions", method="POST", length=None, *lines, host="Host: localhost", kind="Content-Type: application/json"):
    parts = [f"{method} {path} HTTP/1.1", *([host] if host else []), *([kind] if kind else []), *lines]
    if length is not None:
        parts.append(f"Content-Length: {length}")
    return "\r\n".join(parts).encode() + b"\r\n\r\n"


def post(body, *lines, path="/v1/completions"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head(path, "POST", len(body), *lines) + body


def read_response(stream):
    """Returns status, headers and body of one response of a socket's file; None at the end."""
    line = stream.readline()
    if not line:
        return None
    status = int(line.split()[1])
    headers = {}
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(stream.readline(), 16):
            body += stream.read(size)
            stream.readline()
        stream.readline()
    else:
        body = stream.read(int(headers.get("content-length", 0)))
    return status, headers, body


class Raw(Case):
    ARGUMENTS = ["--detox", "mask=control:mask:0.3"]
    SMALL = {"prompt": "a", "max_tokens": 2, "seed": 1}

    def exchange(self, data, answers=1, server=None):
        """Sends bytes; returns the responses, and whether the server then closes."""
        with (server or self.server).connect() as connection, connection.makefile("rb") as stream:
            connection.sendall(data)
            found = [read_response(stream) for _ in range(answers)]
            connection.settimeout(2)
            try:
                closes = stream.read(1) == b""
            except TimeoutError:
                closes = False
            except ConnectionResetError:
                closes = True
            return found, closes

    def refused(self, status, data, code=None):
        [found], closes = self.exchange(data)
        self.assertIsNotNone(found, data[:80])
        self.assertEqual(found[0], status, (data[:80], found))
        error = json.loads(found[2])["error"]
        self.assertEqual(set(error), {"message", "type", "param", "code"})
        self.assertIn("x-request-id", found[1])
        if code:
            self.assertEqual(error["code"], code)
        return found, closes

    def alive(self):
        self.assertEqual(self.server.get("/health")[0], 200)


class Messages(Raw):
    def test_routes_methods_and_heads(self):
        self.assertEqual(self.server.request("GET", "/nowhere")[0], 404)
        status, headers, body = self.server.request("GET", "/v1/chat/completions")
        self.assertEqual((status, headers["Allow"], json.loads(body)["error"]["code"]), (405, "POST", "method_not_allowed"))
        self.assertEqual(self.server.request("OPTIONS", "/v1/models")[0], 405)
        self.assertEqual(self.server.request("GET", "/v1/models/")[0], 404)
        status, headers, body = self.server.request("HEAD", "/health")
        self.assertEqual((status, body), (200, b""))
        self.assertEqual(self.server.request("GET", "/health?x=1")[0], 200)

    def test_a_request_id_is_kept_when_it_is_one(self):
        self.assertEqual(self.server.request("GET", "/health", headers={"X-Request-Id": "mine-1"})[1]["X-Request-Id"], "mine-1")
        self.assertNotEqual(self.server.request("GET", "/health", headers={"X-Request-Id": "two words"})[1]["X-Request-Id"], "two words")
        self.assertEqual(len({self.server.request("GET", "/health")[1]["X-Request-Id"] for _ in range(5)}), 5)

    def test_bodies_are_json(self):
        self.assertEqual(self.server.request("POST", "/v1/completions", "{}", {"Content-Type": "text/plain"})[0], 415)
        self.refused(415, head("/v1/completions", "POST", 2, "Content-Encoding: gzip") + b"{}", "unsupported_media_type")

    def test_pipelined_requests_are_answered_in_order(self):
        requests = b"".join(post(self.SMALL | {"seed": i, "max_tokens": 9 - i}) for i in range(8))
        found, closes = self.exchange(requests, 8)
        self.assertEqual([json.loads(body)["limpid"]["seed"] for _, _, body in found], list(range(8)))
        self.assertFalse(closes)

    def test_http_1_0_closes_and_streams_without_chunks(self):
        body = json.dumps(self.SMALL | {"stream": True}).encode()
        with self.server.connect() as connection:
            connection.sendall(b"POST /v1/completions HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        self.assertNotIn(b"Transfer-Encoding", answer)
        self.assertTrue(answer.endswith(b"data: [DONE]\n\n"))

    def test_a_client_that_expects_to_be_told_is_told_to_go_on(self):
        body = json.dumps(self.SMALL).encode()
        with self.server.connect() as connection, connection.makefile("rb") as stream:
            connection.sendall(head("/v1/completions", "POST", len(body), "Expect: 100-continue"))
            self.assertEqual(stream.readline(), b"HTTP/1.1 100 Continue\r\n")
            stream.readline()
            connection.sendall(body)
            self.assertEqual(read_response(stream)[0], 200)

    def test_chunked_bodies(self):
        body = json.dumps(self.SMALL).encode()
        chunks = b"".join(b"%x;note=1\r\n%c\r\n" % (1, byte) for byte in body) + b"0\r\nTrailer: x\r\n\r\n"
        [found], _ = self.exchange(head("/v1/completions", "POST", None, "Transfer-Encoding: chunked") + chunks)
        self.assertEqual(found[0], 200)

    def test_what_could_be_read_in_two_ways_is_refused(self):
        body = b'{"prompt":"a","max_tokens":1}'
        length = len(body)
        lines = [f"Content-Length: {length}\r\nContent-Length: {length + 1}", f"Content-Length: +{length}", "Content-Length: 0x5", "Content-Length: -1",
                 f"Content-Length: {length}\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                 f"Content-Length: {length}\r\nX-Folded: a\r\n b", f"Content-Length: {length}\r\nBad Name: x", f"Content-Length: {length}\r\nName : x",
                 f"Content-Length: {length}\r\n: x", f"Content-Length: {length}\r\nX: a\x01b", f"Content-Length: {length}\r\nHost: again",
                 "Content-Length: 99999999999999999999999x"]
        for line in lines:
            _, closes = self.refused(400, head("/v1/completions", "POST", None, line) + body, "bad_request")
            self.assertTrue(closes, line)
        for coded in ("xyz\r\n", "-1\r\n", "fffffffffffffffff\r\n", "1\r\nab\r\n"):
            self.refused(400, head("/v1/completions", "POST", None, "Transfer-Encoding: chunked") + coded.encode() + body)
        self.refused(400, head(host=None, length=length) + body, "bad_request")
        self.refused(501, head("/v1/completions", "POST", None, "Transfer-Encoding: gzip") + body)
        self.refused(400, b"GET /health HTTP/1.1\nHost: localhost\n\n")
        self.refused(400, b"nonsense\r\n\r\n")
        self.refused(400, b"GET /health HTTP/3.0\r\nHost: localhost\r\n\r\n")
        self.alive()

    def test_heads_and_bodies_have_limits(self):
        self.refused(431, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", "header_too_large")
        self.refused(431, b"GET /" + b"a" * 9000, "header_too_large")
        self.refused(431, head("/health", "GET", None, "X: " + "a" * 8200))
        self.refused(431, head("/health", "GET", None, *(f"X{i}: a" for i in range(101))))
        self.refused(431, head("/health", "GET", None, *(f"X{i}: " + "a" * 8000 for i in range(9))))
        _, closes = self.refused(413, head("/v1/completions", "POST", 9 * MIB) + b"x" * 1000, "request_too_large")
        self.assertTrue(closes)
        self.refused(413, head("/v1/completions", "POST", None, "Transfer-Encoding: chunked") + b"%x\r\n" % (9 * MIB) + b"x" * 1000)
        self.alive()

    def test_a_refusal_arrives_although_the_client_goes_on_sending(self):
        for _ in range(5):
            with self.server.connect() as connection, connection.makefile("rb") as stream:
                connection.sendall(head("/v1/completions", "POST", 20 * MIB))
                try:
                    connection.sendall(b"x" * (900 << 10))
                except ConnectionError:
                    pass
                self.assertEqual(read_response(stream)[0], 413)

    def test_a_malformed_corpus_crashes_nothing(self):
        numbers = random.Random(1)
        sound = post(self.SMALL)
        def send(number):
            data = bytearray(sound)
            for _ in range(numbers.randint(1, 6)):
                place = numbers.randrange(len(data))
                kind = number % 4
                if kind == 0:
                    data[place] = numbers.randrange(256)
                elif kind == 1:
                    del data[place:place + numbers.randint(1, 9)]
                elif kind == 2:
                    data[place:place] = numbers.choice([b"\r\n", b"\n", b"\0", b":", b"{", b"\"", b"9" * 30, b"[" * 100])
                else:
                    del data[place:]
                if not data:
                    data = bytearray(b"x")
            with self.server.connect() as connection:
                connection.sendall(bytes(data))
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(20)
                try:
                    while connection.recv(65536):
                        pass
                except ConnectionResetError:
                    pass
        for number in range(400):
            send(number)
        self.alive()


class Clients(Raw):
    ARGUMENTS = ["--rows", 4, "--queue", 3, "--read-timeout", 1.0, "--idle-timeout", 1.5, "--write-timeout", 1.0]
    LONG = {"prompt": "a", "max_tokens": 400, "ignore_eos": True, "seed": 1}

    def rows(self):
        return self.value("limpid_rows_running")

    def value(self, name):
        for line in self.server.request("GET", "/metrics")[2].decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise AssertionError(name)

    def test_slow_senders_are_told_and_closed(self):
        for data in (b"POST /v1/comp", head(length=50) + b"{", head("/v1/completions", "POST", None, "Transfer-Encoding: chunked") + b"5\r\nab"):
            began = time.monotonic()
            with self.server.connect() as connection, connection.makefile("rb") as stream:
                connection.sendall(data)
                self.assertEqual(read_response(stream)[0], 408)
                self.assertEqual(stream.read(), b"")
            self.assertGreater(time.monotonic() - began, 0.9)

    def test_a_deadline_is_not_put_off_by_sending_a_little(self):
        with self.server.connect() as connection, connection.makefile("rb") as stream:
            began = time.monotonic()
            try:
                for byte in head("/health", "GET", None, "X: " + "a" * 200):
                    connection.sendall(bytes([byte]))
                    time.sleep(0.05)
            except ConnectionError:
                pass
            self.assertLess(time.monotonic() - began, 9)  # all of it would take ten seconds

    def test_idle_connections_are_closed(self):
        with self.server.connect() as connection:
            connection.settimeout(5)
            self.assertEqual(connection.recv(1), b"")
        with self.server.connect() as connection, connection.makefile("rb") as stream:
            connection.sendall(head("/health", "GET"))
            self.assertEqual(read_response(stream)[0], 200)
            self.assertEqual(stream.read(), b"")

    def test_the_queue_is_bounded_and_says_when_to_come_again(self):
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda seed: self.server.request("POST", "/v1/completions", self.LONG | {"seed": seed}), range(20)))
        statuses = [status for status, _, _ in answers]
        self.assertIn(429, statuses)
        self.assertIn(200, statuses)
        for status, headers, body in answers:
            if status == 429:
                self.assertEqual(json.loads(body)["error"]["code"], "queue_full")
                self.assertTrue(1 <= int(headers["Retry-After"]) <= 60)

    def test_clients_that_go_free_their_rows(self):
        for goes in ("close", "half", "reset", "stream"):
            connections = []
            for seed in range(4):
                connection = self.server.connect()
                connection.sendall(post(self.LONG | {"seed": seed, "n": 4, "stream": goes == "stream"}))
                connections.append(connection)
            time.sleep(0.05)
            for connection in connections:
                if goes == "half":
                    connection.shutdown(socket.SHUT_WR)
                else:
                    if goes == "reset":
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.close()
            began = time.monotonic()
            while (status := self.server.post("/v1/completions", self.SMALL)[0]) == 429 and time.monotonic() - began < 10:
                time.sleep(0.01)  # the queue is full until the server has noticed
            self.assertEqual(status, 200, goes)
            for connection in connections:
                connection.close()


class Keys(Raw):
    ARGUMENTS = ["--api-key", "first", "--api-key", "second", "--allow-origin", "https://example.org", "--allow-host", "my.host"]

    def setUp(self):
        self.auth = {"Authorization": "Bearer second"}

    def test_every_route_but_the_health_checks_needs_a_key(self):
        for path in ("/v1/models", "/nowhere", "/version"):
            status, headers, body = self.server.request("GET", path)
            self.assertEqual((status, headers["WWW-Authenticate"], json.loads(body)["error"]["code"]), (401, "Bearer", "invalid_api_key"))
        for path in ("/health", "/v1/health", "/ready"):
            self.assertEqual(self.server.request("GET", path)[0], 200)
        self.assertEqual(self.server.request("GET", "/v1/models", headers=self.auth)[0], 200)
        self.assertEqual(self.server.request("GET", "/v1/models", headers={"X-API-Key": "first"})[0], 200)
        self.assertEqual(self.server.request("GET", "/v1/models", headers={"Authorization": "Bearer third"})[0], 401)
        self.assertEqual(self.server.request("GET", "/v1/models?key=first")[0], 401)
        self.assertEqual(self.server.request("GET", "/nowhere", headers=self.auth)[0], 404)

    def test_other_names_of_the_host_get_nothing(self):
        for name, status in (("localhost", 200), ("127.0.0.1:80", 200), ("[::1]:9", 200), ("my.host:1", 200), ("evil.example", 403), ("localhost.evil", 403)):
            self.assertEqual(self.server.request("GET", "/health", headers={"Host": name})[0], status, name)

    def test_pages_of_other_origins_are_told_nothing(self):
        preflight = {"Access-Control-Request-Method": "POST"}
        status, headers, _ = self.server.request("OPTIONS", "/v1/completions", headers=preflight | {"Origin": "https://example.org"})
        self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (204, "https://example.org"))
        self.assertNotIn("Access-Control-Allow-Credentials", headers)
        for origin in ("https://evil.example", "null", "https://example.org.evil"):
            status, headers, _ = self.server.request("OPTIONS", "/v1/completions", headers=preflight | self.auth | {"Origin": origin})
            self.assertEqual(status, 405)
            self.assertFalse([name for name in headers if name.startswith("Access-Control")])


class Ends(Raw):
    """Servers that begin and end within a test."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()

    def test_too_many_connections_are_told(self):
        server = Server("-m", self.model, "--connections", 5)
        held = [server.connect() for _ in range(5)]
        time.sleep(0.2)
        with server.connect() as connection, connection.makefile("rb") as stream:
            status, _, body = read_response(stream)
            self.assertEqual((status, json.loads(body)["error"]["code"]), (503, "too_many_connections"))
        for connection in held:
            connection.close()
        time.sleep(0.2)
        self.assertEqual(server.get("/health")[0], 200)
        server.stop()

    def test_a_server_that_ends_lets_answers_go_on_and_then_ends_them(self):
        server = Server("-m", self.model, "--drain", 1, "--rows", 1)
        body = {"prompt": "a", "max_tokens": 500, "ignore_eos": True, "stream": True, "n": 100}
        with server.connect() as connection, connection.makefile("rb") as stream:
            connection.sendall(post(body))
            stream.readline()
            time.sleep(0.2)
            began = time.monotonic()
            server.process.terminate()
            time.sleep(0.2)
            status, answer = server.post("/v1/completions", self.SMALL)
            self.assertEqual((status, answer["error"]["code"]), (503, "shutting_down"))
            self.assertEqual(server.get("/ready")[0], 503)
            rest = stream.read()
            self.assertEqual(server.process.wait(timeout=5), 0)
            self.assertLess(time.monotonic() - began, 5)
            self.assertNotIn(b"[DONE]", rest)
            self.assertIn(b"shutting_down", rest)

    def test_ctrl_c_ends_with_130(self):
        server = Server("-m", self.model)
        self.assertEqual(server.stop(2), 130)

    def test_slips_in_the_command_line_end_with_2_and_a_port_in_use_with_1(self):
        import subprocess
        from serving import PROGRAM
        def code(*arguments):
            return subprocess.run([PROGRAM, "serve", "-m", self.model, *map(str, arguments)], capture_output=True, timeout=60).returncode
        self.assertEqual(code("--host", "0.0.0.0", "--port", 0), 2)
        self.assertEqual(code("--port", 0, "--detox", "a=control:mask", "--detox", "a=control:temperature"), 2)
        self.assertEqual(code("--port", 0, "--detox", "a=control:mask:7"), 2)
        self.assertEqual(code("--port", self.server.port), 1)


if __name__ == "__main__":
    main()
