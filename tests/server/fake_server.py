"""What `limpid serve` says, from a server without a model: for tests of its page.

The page and its headers are those of the program given to `FakeServer`. What a prompt asks for decides what is written: a prompt with
"slow" is answered slowly, one with "break" breaks off, one with "guarded" trips the guard. Requests are kept in `requests`.
"""
import http.server
import json
import math
import threading
import time

PLAIN = ["Well", ",", " my", " neigh", "bour", " is", " a", " stu", "pid", " old", " fool", " and", " a", " pain", " in", " the", " bu", "tt", ".", " Caf", "é",
         " 🦊", "."]
DETOXIFIED = ["Well", ",", " my", " neigh", "bour", " is", " a", " kind", ",", " old", " man", " and", " a", " fine", " sort", " of", " bu", "tler", ".", " Caf",
              "é", " 🦊", "."]
MODEL = {"id": "toy-135m-instruct", "object": "model", "created": 1790000000, "owned_by": "limpid", "max_model_len": 8192,
         "meta": {"n_vocab": 49152, "n_ctx_train": 8192, "n_embd": 576, "n_params": 134515008, "size": 98000000}}


def detoxifier(name, method, strength, span, meaning, default=False):
    return {"id": name, "object": "detoxifier", "method": method, "default": default, "strength": strength, "range": span, "meaning": meaning,
            "file": f"{name}.detox.safetensors", "sha256": "00" * 32}


DETOXIFIERS = [
    detoxifier("calm", "fusion/contrast", 0.5, [0, 10], "how much of the safe calibrator's difference from the toxic one is added", True),
    detoxifier("steer", "sasa", 0, [0, 1000], "how strongly tokens are weighed by the subspace's margin"),
]


def error(message, kind, param, code):
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


class FakeServer:
    def __init__(self, page, key=None, has_scorer=True, detoxifiers=DETOXIFIERS, loading=0):
        self.page, self.key, self.has_scorer, self.detoxifiers, self.loading = page, key, has_scorer, detoxifiers, loading
        self.requests, self.aborted = [], 0
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            server = None

            def log_message(self, *_):
                pass

            def do_GET(self):
                fake.get(self)

            def do_POST(self):
                fake.post(self)

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}/"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def say(self, handler, status, body, headers=None):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def may(self, handler):
        if self.key is None or handler.headers.get("Authorization") == f"Bearer {self.key}":
            return True
        self.say(handler, 401, error("no API key, or one that is not known", "invalid_request_error", None, "invalid_api_key"),
                 {"WWW-Authenticate": "Bearer"})
        return False

    def get(self, handler):
        if handler.path == "/":
            return self.say(handler, 200, self.page["body"], self.page["headers"])
        if not self.may(handler):
            return None
        if self.loading > 0:
            self.loading -= 1
            return self.say(handler, 503, error("Loading model", "unavailable_error", None, "loading"))
        lists = {"/v1/models": [MODEL], "/v1/detoxifiers": self.detoxifiers}
        if handler.path in lists:
            return self.say(handler, 200, {"object": "list", "data": lists[handler.path]})
        return self.say(handler, 404, error("there is no such route", "invalid_request_error", None, "route_not_found"))

    def post(self, handler):
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        if not self.may(handler):
            return None
        self.requests.append((handler.path, body))
        if handler.path == "/v1/moderations":
            return self.moderate(handler, body)
        if not 0 <= body.get("temperature", 1) <= 2:
            return self.say(handler, 400, error(f"temperature is {body['temperature']}, expected 0 to 2", "invalid_request_error", "temperature", "invalid_value"))
        if body.get("guard") and not self.has_scorer:
            return self.say(handler, 404, error('"guard" needs a scorer, which this server started without', "invalid_request_error", "guard", "not_loaded"))
        if "busy" in prompt_of(body):
            return self.say(handler, 429, error("256 requests wait", "rate_limit_error", None, "queue_full"), {"Retry-After": "7"})
        return self.stream(handler, body)

    def moderate(self, handler, body):
        if not self.has_scorer:
            return self.say(handler, 404, error("no scorer is loaded", "invalid_request_error", None, "not_loaded"))
        results = []
        for text in body["input"]:
            score = 0.87 if "fool" in text else 0.031
            results.append({"flagged": score > 0.49, "categories": {"toxicity": score > 0.49}, "category_scores": {"toxicity": score, "harassment": score}})
        return self.say(handler, 200, {"id": "modr-1", "model": "toy", "results": results, "limpid": {"threshold": 0.49}})

    def stream(self, handler, body):
        handler.send_response(200)
        for name, value in {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache", "Transfer-Encoding": "chunked"}.items():
            handler.send_header(name, value)
        handler.end_headers()

        def write(data):
            data = data.encode()
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            handler.wfile.flush()

        try:
            for event in events_of(body):
                if event is None:  # breaks off
                    handler.close_connection = True
                    return
                write(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n")
                time.sleep(0.2 if "slow" in prompt_of(body) else 0.01)
            handler.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.aborted += 1
            handler.close_connection = True


def prompt_of(body):
    return body["messages"][-1]["content"] if "messages" in body else body["prompt"]


def explanation(i, token, plain):
    differs = token != plain
    kl = 0.0 if i == 0 else 2.1 if i == 7 else 0.7 if differs else 0.004 + 0.06 * (i % 4)
    return {"token": token, "id": 100 + i, "logprob": -0.4, "base_logprob": -4.2 if differs else -0.6, "base_token": plain,
            "base_id": 900 + i if differs else 100 + i, "kl": kl}


def events_of(body):
    """Yields the events of an answer, as docs/serving.md has them; the last token is two that make one character."""
    chat = "messages" in body
    acting = [entry for entry in body["detox"] or [] if entry["strength"] != 0]
    tokens = DETOXIFIED if acting else PLAIN
    frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk" if chat else "text_completion", "created": 1790000000, "model": MODEL["id"],
             "system_fingerprint": "lp_1"}
    said = {"limpid": {"detox": acting, "seed": body["seed"]}}

    def event(text, extras=None, reason=None, **more):
        delta = {"delta": {"content": text} if text is not None else more.pop("delta", {})} if chat else {"text": text or ""}
        choice = {"index": 0, **delta, "logprobs": None, "finish_reason": reason} | ({"limpid": extras} if extras else {})
        out = frame | {"choices": [choice], "usage": None} | said
        said.clear()
        return out

    if chat:
        yield event(None, delta={"role": "assistant", "content": ""})
    count = min(len(tokens), body.get("max_tokens", 100))
    guarded = bool(body.get("guard"))
    kls = []
    for i in range(count):
        if "break" in prompt_of(body) and i == 6:
            yield None
        extras = {}
        if body.get("explain"):
            entries = [explanation(i, tokens[i], PLAIN[i])]
            if tokens[i] == " 🦊":  # a character in parts
                entries = [entries[0] | {"token": " \ufffd"}, entries[0] | {"token": "\ufffd", "kl": 0.0}]
            kls += [entry["kl"] for entry in entries]
            extras = {"explain": {"tokens": entries}}
        if guarded and "guarded" in prompt_of(body) and i == 12:
            break
        yield event(tokens[i], extras)
    refused = guarded and "guarded" in prompt_of(body)
    if refused and chat:
        yield event(None, delta={"refusal": "I can't continue with this."})
    last = {"explain": {"mean_kl": math.fsum(kls) / max(1, len(kls)), "tokens": []}} if body.get("explain") else {}
    if guarded:
        last["guard"] = {"threshold": 0.49, "checks": 4, "rewinds": 2 if refused else 0, "rewound_tokens": 19 if refused else 0, "refused": refused,
                         "score": 0.03, "strength": 1.0 if refused else 0.5}
    yield event(None, last, "content_filter" if refused else "length" if count < len(tokens) else "stop")
    if body.get("stream_options", {}).get("include_usage"):
        yield frame | {"choices": [], "usage": {"prompt_tokens": 31, "completion_tokens": count, "total_tokens": 31 + count}}
    yield "[DONE]"
