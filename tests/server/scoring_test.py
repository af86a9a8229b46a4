"""Moderation, comments, embeddings, the guard, metrics and the log of `limpid serve`. Those that need the built-in scorer are skipped where its encoder is
not pulled (limpid models pull minilm-l6).

    python scoring_test.py PROGRAM
"""
import base64
import math
import struct
import subprocess
import unittest

from serving import PROGRAM, Case, Server, main, text_of

MODELS = subprocess.run([PROGRAM, "models"], capture_output=True, text=True).stdout.splitlines()
HAS_SCORER = any("minilm-l6" in line and "/" in line.split("|")[-2] for line in MODELS if line.count("|") > 3)
needs_scorer = unittest.skipUnless(HAS_SCORER, "the scorer's encoder is not pulled")
TOXIC = "You are a stupid idiot and everybody hates you."


class Unscored(Case):
    def test_metrics_are_there_from_the_start(self):
        text = self.server.request("GET", "/metrics")[2].decode()
        for name in ("limpid_build_info", "limpid_requests_total", "limpid_request_duration_seconds", "limpid_requests_running", "limpid_requests_waiting",
                     "limpid_rows_running", "limpid_connections", "limpid_rejected_total", "limpid_cancelled_total", "limpid_prompt_tokens_total",
                     "limpid_cached_tokens_total", "limpid_generated_tokens_total", "limpid_queue_seconds", "limpid_time_to_first_token_seconds",
                     "limpid_time_per_output_token_seconds", "limpid_kv_bytes", "limpid_kv_bytes_limit", "limpid_prefix_cache_bytes", "limpid_preemptions_total",
                     "limpid_detox_requests_total", "limpid_detox_strength", "limpid_guard_checks_total", "limpid_guard_rewinds_total",
                     "limpid_guard_refusals_total", "limpid_guard_rewound_tokens_total", "limpid_scored_texts_total", "limpid_score_seconds",
                     "limpid_row_failures_total", "process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total", "process_start_time_seconds"):
            self.assertTrue(f"# TYPE {name} " in text, name)
        self.server.request("GET", "/a-secret-path")
        self.complete(max_tokens=7, ignore_eos=True)
        after = self.server.request("GET", "/metrics")[2].decode()
        self.assertIn('limpid_requests_total{route="other",status="404"} 1', after)
        self.assertNotIn("secret", after)
        try:
            from prometheus_client.parser import text_string_to_metric_families
        except ImportError:
            self.skipTest("Prometheus's parser is not installed (scripts/setup --peers)")
        families = {family.name: family for family in text_string_to_metric_families(after)}
        self.assertEqual(families["limpid_generated_tokens"].samples[0].value, 7)

    def test_the_log_has_a_line_a_request_and_nothing_of_what_was_said(self):
        self.server.request("POST", "/v1/completions?secretquery=1", {"prompt": "secretprompt", "max_tokens": 3},
                            {"X-Request-Id": "id-1", "X-Api-Key": "secretkey", "X-Other": "secretheader"})
        self.server.request("POST", "/v1/completions", '{"prompt": "secretbody" nonsense}')
        for _ in range(50):
            if any(" id-1 " in line for line in self.server.log) and any("/v1/completions 400" in line for line in self.server.log):
                break
            self.server.get("/health")
        log = "\n".join(self.server.log)
        self.assertRegex(log, r"id-1 /v1/completions 200 prompt 12 new \d ")
        self.assertNotIn("secret", log)

    def test_quiet_logs_no_request_and_prompts_are_logged_on_one_line_where_that_was_asked_for(self):
        for arguments, logs_requests, logs_prompts in (([], True, False), (["--log-prompts"], True, True), (["--log-prompts", "-q"], False, False)):
            server = Server("-m", self.model, *arguments)
            try:
                server.request("POST", "/v1/completions", {"prompt": "two\nlines\u009b", "max_tokens": 3, "seed": 1})
            finally:
                server.stop()  # what was logged has come by then
            log = "\n".join(server.log)
            self.assertEqual("/v1/completions 200" in log, logs_requests, log)
            self.assertEqual("prompt: two\\nlines\\xc2\\x9b" in log, logs_prompts, log)
            self.assertEqual("--log-prompts" in log, bool(arguments), log)


@needs_scorer
class Scored(Case):
    ARGUMENTS = ["--detox", "mask=control:mask:0"]

    def test_moderations_have_all_categories(self):
        answer = self.succeed("/v1/moderations", {"input": ["You are kind.", TOXIC]})
        kind, toxic = answer["results"]
        self.assertFalse(kind["flagged"])
        self.assertTrue(toxic["flagged"])
        self.assertEqual(len(toxic["categories"]), 14)
        self.assertEqual(toxic["category_applied_input_types"]["violence"], [])
        self.assertEqual(toxic["category_applied_input_types"]["harassment"], ["text"])
        alone = self.succeed("/v1/moderations", {"input": TOXIC})
        self.assertEqual(alone["results"][0]["category_scores"], toxic["category_scores"])

    def test_a_benign_beginning_hides_nothing(self):
        calm = "The river runs past the old mill and the fields behind it. " * 40
        score = lambda text: self.succeed("/v1/moderations", {"input": text})["results"][0]["category_scores"]["toxicity"]
        self.assertGreater(score(calm + TOXIC), score(calm) + 0.05)

    def test_comments_have_spans_in_utf16(self):
        text = "You are kind 😀. " + TOXIC
        answer = self.succeed("/v1alpha1/comments:analyze", {"comment": {"text": text}, "requestedAttributes": {"TOXICITY": {}}, "spanAnnotations": True, "languages": ["en"]})
        spans = answer["attributeScores"]["TOXICITY"]["spanScores"]
        units = text.encode("utf-16-le")
        self.assertEqual([units[2 * span["begin"]:2 * span["end"]].decode("utf-16-le") for span in spans], ["You are kind 😀.", TOXIC])
        whole = self.succeed("/v1/moderations", {"input": text})["results"][0]["category_scores"]["toxicity"]
        self.assertEqual(answer["attributeScores"]["TOXICITY"]["summaryScore"]["value"], whole)
        status, error = self.server.post("/v1alpha1/comments:analyze", {"comment": {"text": ""}, "requestedAttributes": {"TOXICITY": {}}})
        self.assertEqual((status, error["error"]["status"], error["error"]["details"][0]["errorType"]), (400, "INVALID_ARGUMENT", "COMMENT_EMPTY"))

    def test_embeddings_are_the_same_alone_and_in_a_list(self):
        both = self.succeed("/v1/embeddings", {"input": ["hello", "another text of several words"]})
        alone = self.succeed("/v1/embeddings", {"input": "hello", "encoding_format": "base64"})
        data = base64.b64decode(alone["data"][0]["embedding"])
        vector = list(struct.unpack(f"<{len(data) // 4}f", data))
        floats = [struct.unpack("<f", struct.pack("<f", value))[0] for value in both["data"][0]["embedding"]]
        self.assertTrue(vector == floats)
        self.assertAlmostEqual(math.fsum(value * value for value in vector), 1, delta=1e-5)

    def test_what_the_encoder_does_not_read_is_refused(self):
        self.refuse(400, "context_length_exceeded", "/v1/embeddings", {"input": "bread " * 600}, "input")
        self.refuse(400, "invalid_value", "/v1/embeddings", {"input": ["bread", ""]}, "input[1]")
        self.refuse(400, "invalid_value", "/v1/embeddings", {"input": "bread", "dimensions": 5}, "dimensions")
        self.refuse(404, "model_not_found", "/v1/embeddings", {"input": "bread", "model": "text-embedding-3-small"}, "model")

    def test_a_score_does_not_depend_on_what_else_is_scored(self):
        texts = ["You are kind.", TOXIC, "The river runs past the old mill. " * 30, "", TOXIC + " The mill is old." * 30]
        score = lambda *texts: [result["category_scores"] for result in self.succeed("/v1/moderations", {"input": texts})["results"]]
        self.assertEqual(score(*texts), [score(text)[0] for text in texts])

    def test_models_that_clients_fix_are_answered_by_the_scorer(self):
        model = self.succeed("/v1/moderations", {"input": TOXIC, "model": "omni-moderation-latest"})["model"]
        self.assertTrue(model.startswith("minilm-l6/"))
        self.succeed("/v1/moderations", {"input": TOXIC, "model": model})
        self.refuse(404, "model_not_found", "/v1/moderations", {"input": TOXIC, "model": "gpt-4"}, "model")

    def test_scoring_goes_on_beside_generation_and_changes_no_byte(self):
        alone = self.complete(max_tokens=60)["choices"]
        with self.server.connect() as connection:  # asks, and leaves before there is an answer
            body = b'{"input":"%s"}' % (b"The river runs past the old mill. " * 500)
            connection.sendall(b"POST /v1/moderations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            self.assertEqual(self.complete(max_tokens=60)["choices"], alone)
        self.succeed("/v1/moderations", {"input": TOXIC})

    def test_the_official_client_reads_moderations_and_vectors(self):
        try:
            import openai
        except ImportError:
            self.skipTest("the package openai is not installed (scripts/setup --peers)")
        client = openai.OpenAI(base_url=f"http://{self.server.host}:{self.server.port}/v1", api_key="none", max_retries=0)
        vector = client.embeddings.create(model="minilm-l6", input="hello").data[0].embedding
        for a, b in zip(vector, self.succeed("/v1/embeddings", {"input": "hello"})["data"][0]["embedding"], strict=True):
            self.assertAlmostEqual(a, b, places=6)
        result = client.moderations.create(model="omni-moderation-latest", input=TOXIC).results[0]
        self.assertTrue(result.flagged and result.categories.harassment and not result.categories.violence)

    def test_a_guard_that_never_trips_changes_no_byte_and_one_that_does_releases_nothing_above_its_threshold(self):
        plain = self.complete(max_tokens=40, detox=False)["choices"][0]
        guarded = self.complete(max_tokens=40, detox=False, guard={"threshold": 1.0})["choices"][0]
        self.assertEqual(guarded["text"], plain["text"])
        self.assertEqual(guarded["limpid"]["guard"]["rewinds"], 0)
        body = {"prompt": "The weather", "max_tokens": 60, "seed": 2, "detox": 0.1, "guard": {"threshold": 0.1, "rewinds": 3}}
        strict = self.succeed("/v1/completions", body)["choices"][0]
        score = self.succeed("/v1/moderations", {"input": strict["text"] or " "})["results"][0]["category_scores"]["toxicity"]
        self.assertLessEqual(score, 0.1)
        self.assertEqual(text_of(self.server.stream("/v1/completions", body)), strict["text"])
        self.assertEqual(self.succeed("/v1/completions", body)["choices"][0], strict)


@needs_scorer
class CommentsWithKeys(Case):
    ARGUMENTS = ["--api-key", "key"]

    def analyze(self, body, key="key"):
        return self.server.post("/v1alpha1/comments:analyze?key=" + key, body)

    def test_the_key_may_be_in_the_query(self):
        body = {"comment": {"text": "You are kind."}, "requestedAttributes": {"TOXICITY": {}}}
        self.assertEqual(self.analyze(body)[0], 200)
        status, answer = self.analyze(body, key="other")
        self.assertEqual((status, answer["error"]["code"], answer["error"]["status"]), (401, 401, "UNAUTHENTICATED"))

    def test_what_is_no_json_is_refused_in_the_services_form(self):
        status, answer = self.analyze("{")
        self.assertEqual((status, answer["error"]["status"]), (400, "INVALID_ARGUMENT"))


@needs_scorer
class Guarded(Case):
    ARGUMENTS = ["--guard", "--guard-threshold", 0.4]

    def test_a_request_may_lower_the_threshold_and_not_raise_it(self):
        self.complete(guard={"threshold": 0.2})
        self.refuse(400, "guard_required", "/v1/completions", {"prompt": "a", "guard": False})
        self.refuse(400, "guard_required", "/v1/completions", {"prompt": "a", "guard": {"threshold": 0.9}})
        self.assertIn("guard", self.complete()["choices"][0]["limpid"])


if __name__ == "__main__":
    main()
