"""A running `limpid serve` for tests: a toy model over bytes that chats, and plain HTTP to talk to it."""
import http.client
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import toy_model

PROGRAM = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else pathlib.Path("build/limpid").resolve()
TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
CHAT_TOKENS = ["<|im_start|>", "<|im_end|>"]  # ids 257 and 258


def write_chat_model(folder, context=512):
    """The toy model with a chat template and its two control tokens."""
    shapes = dict(toy_model.SHAPES)
    size = toy_model.CONFIG["vocab_size"] + len(CHAT_TOKENS)
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        shapes[name] = [size, 32]
    numbers = toy_model.random.Random(1)
    values = {name: [1 + 0.1 * numbers.gauss(0, 1) if len(shape) == 1 else 0.3 * numbers.gauss(0, 1) for _ in range(shape[0] * (shape + [1])[1])]
              for name, shape in shapes.items()}
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(toy_model.CONFIG | {"vocab_size": size, "max_position_embeddings": context}))
    tokenizer = toy_model.byte_tokenizer()
    end = tokenizer["added_tokens"][0]
    tokenizer["added_tokens"] += [end | {"id": 257 + i, "content": token} for i, token in enumerate(CHAT_TOKENS)]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE, "eos_token": "<|im_end|>"}))
    toy_model.write_safetensors(folder / "model.safetensors", {name: (shapes[name], values[name]) for name in shapes})
    return folder


class Server:
    """`limpid serve` on a free port; its log is in `log`."""

    def __init__(self, *arguments, wait=True):
        self.process = subprocess.Popen([PROGRAM, "serve", *([] if "--port" in arguments else ["--port", "0"]), *([] if "--threads" in arguments else ["--threads", "1"]), *map(str, arguments)], stderr=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, text=True)
        self.log = []
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))
            if match := re.search(r"listening on http://(.*):(\d+)$", line):
                self.host, self.port = match[1], int(match[2])
                break
        else:
            raise AssertionError(f"exit code {self.process.wait()}: {self.log}")
        threading.Thread(target=self._follow, daemon=True).start()
        while wait and self.request("GET", "/health")[0] != 200:
            assert self.process.poll() is None, self.log

    def _follow(self):
        try:
            for line in self.process.stderr:
                self.log.append(line.rstrip("\n"))
        except ValueError:  # closed
            pass

    def connect(self):
        return socket.create_connection((self.host, self.port), timeout=30)

    def request(self, method, path, body=None, headers=None):
        """Returns status, headers and body."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            data = body if isinstance(body, (bytes, str, type(None))) else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"} | (headers or {}))
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def get(self, path, **keywords):
        status, _, body = self.request("GET", path, **keywords)
        return status, json.loads(body)

    def post(self, path, body, **keywords):
        status, _, answer = self.request("POST", path, body, **keywords)
        return status, json.loads(answer)

    def stream(self, path, body, **keywords):
        """Returns the events of a stream, parsed; "[DONE]" as it is."""
        status, _, answer = self.request("POST", path, body | {"stream": True}, **keywords)
        assert status == 200, answer
        events = [line[6:] for line in answer.decode().split("\n\n") if line.startswith("data: ")]
        return [event if event == "[DONE]" else json.loads(event) for event in events]

    def stop(self, number=15):
        self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        self.process.stderr.close()
        return code


class Case(unittest.TestCase):
    maxDiff = None
    ARGUMENTS = []

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.model = write_chat_model(pathlib.Path(cls.folder.name) / "toy")
        cls.server = Server("-m", cls.model, *cls.ARGUMENTS)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    def succeed(self, path, body, **keywords):
        status, answer = self.server.post(path, body, **keywords)
        self.assertEqual(status, 200, answer)
        return answer

    def complete(self, **body):
        return self.succeed("/v1/completions", {"prompt": "The weather", "max_tokens": 12, "seed": 1} | body)

    def chat(self, content="Hi", **body):
        return self.succeed("/v1/chat/completions", {"messages": [{"role": "user", "content": content}], "max_tokens": 12, "seed": 1} | body)

    def refuse(self, status, code, path, body, param=..., **keywords):
        found, answer = self.server.post(path, body, **keywords)
        self.assertEqual((found, answer["error"]["code"]), (status, code), answer)
        self.assertEqual(set(answer["error"]), {"message", "type", "param", "code"})
        if param is not ...:
            self.assertEqual(answer["error"]["param"], param)
        return answer["error"]


def text_of(events, choice=0):
    """The text of one choice of a stream's events."""
    parts = []
    for event in events:
        if event != "[DONE]":
            parts += [part.get("text") or part.get("delta", {}).get("content") or "" for part in event["choices"] if part["index"] == choice]
    return "".join(parts)


def main():
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
