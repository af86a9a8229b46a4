"""The same seed and request many times, at random load, batch, order and chunking: one text each. By hand or by a script: minutes.

    python determinism_check.py PROGRAM [RUNS]
"""
import concurrent.futures
import json
import pathlib
import random
import sys
import tempfile

from serving import Server, write_chat_model

DETOX = ["--detox", "mask=control:mask:0.3", "--detox", "cool=control:temperature:0"]
SETTINGS = [[], ["--threads", 2], ["--prefill-chunk", 7], ["--rows", 3], ["--kv-memory", 1, "--rows", 16]]


def main():
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    numbers = random.Random(1)
    bodies = [{"prompt": f"Text {i} " + "y" * (11 * i % 90), "max_tokens": 24, "seed": i, "logprobs": 1, "detox": [0.3, False, None, 0.7][i % 4]} for i in range(8)]
    texts = {i: set() for i in range(len(bodies))}
    with tempfile.TemporaryDirectory() as folder:
        model = write_chat_model(pathlib.Path(folder) / "toy")
        for settings in SETTINGS:
            server = Server("-m", model, *DETOX, *settings)
            def ask(job):
                number, body = job
                answer = server.post("/v1/completions", body)[1]
                if number is not None:
                    texts[number].add(json.dumps(answer["choices"]))
            jobs = []
            for _ in range(runs // len(SETTINGS)):
                jobs += [(i, body | {"cache_prompt": numbers.random() < 0.5}) for i, body in enumerate(bodies)]
                jobs += [(None, {"prompt": "z" * numbers.randint(1, 200), "max_tokens": numbers.randint(1, 80), "n": numbers.randint(1, 5)}) for _ in range(3)]
            numbers.shuffle(jobs)
            with concurrent.futures.ThreadPoolExecutor(24) as pool:
                list(pool.map(ask, jobs))
            server.stop()
    print({i: len(found) for i, found in texts.items()}, "distinct answers of", runs, "runs each")
    return 0 if all(len(found) == 1 for found in texts.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
