"""Mixed load for some minutes, and how memory grows under it: streams, long prompts, clients that leave, bad bodies, slow readers. See scripts/soak."""
import json
import random
import socket
import sys
import tempfile
import threading
import time
import pathlib

from http_test import head, post, read_response
from serving import Server, write_chat_model


def main():
    minutes = float(sys.argv[2]) if len(sys.argv) > 2 else 30
    with tempfile.TemporaryDirectory() as folder:
        server = Server("-m", write_chat_model(pathlib.Path(folder) / "toy"), "--detox", "mask=control:mask:0.3", "--kv-memory", 16, "-q")
        ends, counts = time.monotonic() + 60 * minutes, {}

        def work(number):
            numbers = random.Random(number)
            while time.monotonic() < ends:
                kind = numbers.choice(["plain", "stream", "leave", "bad", "long", "many", "slow"])
                counts[kind] = counts.get(kind, 0) + 1
                body = {"prompt": "x" * numbers.randint(1, 90), "max_tokens": numbers.randint(1, 60), "seed": numbers.randrange(1 << 30),
                        "stream": kind in ("stream", "leave"), "n": 4 if kind == "many" else 1, "logprobs": 2}
                if kind == "long":
                    body["prompt"] = "y" * 400
                try:
                    with server.connect() as connection, connection.makefile("rb") as stream:
                        if kind == "bad":
                            connection.sendall(post(numbers.randbytes(numbers.randint(1, 3000))))
                        elif kind == "slow":
                            connection.sendall(head(length=100) + b"{")
                            time.sleep(0.05)
                            continue
                        else:
                            connection.sendall(post(body))
                        if kind == "leave":
                            connection.recv(numbers.randint(1, 2000))
                        else:
                            read_response(stream)
                except OSError:
                    pass

        threads = [threading.Thread(target=work, args=[number]) for number in range(16)]
        for thread in threads:
            thread.start()
        samples = []
        while time.monotonic() < ends:
            time.sleep(min(5, max(0.1, ends - time.monotonic())))
            metrics = dict(line.rsplit(" ", 1) for line in server.request("GET", "/metrics")[2].decode().splitlines() if not line.startswith("#"))
            samples.append((time.monotonic(), (float(metrics["process_resident_memory_bytes"]) - float(metrics["limpid_kv_bytes"])) / 2**20))
        for thread in threads:
            thread.join()
        late = samples[len(samples) // 3:]
        mean_t, mean_m = (sum(values) / len(late) for values in zip(*late))
        slope = sum((t - mean_t) * (m - mean_m) for t, m in late) / max(1e-9, sum((t - mean_t) ** 2 for t, _ in late)) * 3600
        print(f"{minutes:g} minutes, {sum(counts.values())} requests {counts}; memory besides caches {samples[0][1]:.0f} MiB at first, {late[0][1]:.0f} after a third, "
              f"{samples[-1][1]:.0f} at the end: {slope:+.1f} MiB an hour over the last two thirds")
        return server.stop()


if __name__ == "__main__":
    sys.exit(main())
