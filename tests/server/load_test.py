"""Many clients at once: none lost, none mixed, slow ones in nobody's way. Any server that speaks as `limpid serve` does.

    python load_test.py PROGRAM
"""
import concurrent.futures
import json
import socket
import struct
import threading
import time

from http_test import MIB, Raw, head, post, read_response
from serving import main


class Load(Raw):
    ARGUMENTS = ["--rows", 16, "--queue", 3000, "--api-key", "healthy", "--api-key", "slow"]
    HEALTHY, SLOWLY = "X-API-Key: healthy", "X-API-Key: slow"  # clients of their own, so that neither waits behind the other
    CLIENTS, SLOW = 1000, 500

    def nonce(self, number):
        """Asks for the log-probabilities of a text that nobody else asks of, which come with the text."""
        text = f"nonce {number * 7919}"
        with self.server.connect() as connection, connection.makefile("rb") as stream:
            connection.sendall(post({"prompt": text, "max_tokens": 4, "seed": number, "echo": True, "stream": number % 2 == 0}, self.HEALTHY))
            status, _, body = read_response(stream)
        if number % 2 == 0:
            events = [json.loads(line[6:]) for line in body.decode().split("\n\n") if line.startswith("data: {")]
            return status == 200 and "".join(event["choices"][0]["text"] for event in events if event["choices"]).startswith(text)
        return status == 200 and json.loads(body)["choices"][0]["text"].startswith(text)

    def test_a_thousand_clients_get_their_own_answers(self):
        with concurrent.futures.ThreadPoolExecutor(self.CLIENTS) as pool:
            self.assertEqual(sum(pool.map(self.nonce, range(self.CLIENTS))), self.CLIENTS)

    def throughput(self, seconds=2.0):
        """Requests a second of four healthy clients, and the slowest of a hundred /health."""
        ends, counts = time.monotonic() + seconds, []
        def work(number):
            done = 0
            with self.server.connect() as connection, connection.makefile("rb") as stream:
                while time.monotonic() < ends:
                    connection.sendall(post({"prompt": "healthy", "max_tokens": 4, "seed": number}, self.HEALTHY))
                    if read_response(stream)[0] == 200:
                        done += 1
            counts.append(done)
        threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        waits = []
        for _ in range(50):
            began = time.monotonic()
            self.assertEqual(self.server.get("/health")[0], 200)
            waits.append(time.monotonic() - began)
        for thread in threads:
            thread.join()
        return sum(counts) / seconds, sorted(waits)[-2]

    def test_slow_senders_and_readers_are_in_nobodys_way(self):
        before, _ = self.throughput()
        slow = []
        for number in range(self.SLOW):
            connection = self.server.connect()
            connection.sendall(head("/v1/completions", "POST", 1000, self.SLOWLY) + b"{" if number % 2 else b"POST /v1/comp")
            slow.append(connection)
        big = json.dumps({"prompt": "x" * 100, "max_tokens": 400, "n": 16, "logprobs": 20, "stream": True, "ignore_eos": True}).encode()
        for _ in range(8):
            connection = self.server.connect()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(head("/v1/completions", "POST", len(big), self.SLOWLY) + big)
            slow.append(connection)
        time.sleep(1.5)  # their answers are written until nothing more is taken
        after, wait = self.throughput()
        for connection in slow:
            connection.close()
        print(f"\n{before:.0f} requests/s alone, {after:.0f} beside {self.SLOW} slow senders; /health {1000 * wait:.0f} ms at the 98th percentile")
        self.assertGreater(after, 0.1 * before)  # figures are for a quiet machine; here only that nobody is shut out
        self.assertLess(wait, 2)

    def test_clients_may_leave_at_any_byte(self):
        request = post({"prompt": "a text of some length", "max_tokens": 30, "stream": True, "n": 3}, self.HEALTHY)
        for place in list(range(0, len(request), 7)) + [len(request)] * 20:
            connection = self.server.connect()
            connection.sendall(request[:place])
            if place == len(request):
                connection.recv(1 + place % 900)
            if place % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        self.assertTrue(self.nonce(1))
        self.alive()


if __name__ == "__main__":
    main()
