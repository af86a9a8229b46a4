"""What clients of `limpid serve` get: texts, streams, log-probabilities, detoxification.

    python generation_test.py PROGRAM
"""
import concurrent.futures
import json
import math
import subprocess

from serving import PROGRAM, Case, main, text_of

DETOX = ["--detox", "mask=control:mask:0.3", "--detox", "cool=control:temperature:0"]


class Texts(Case):
    ARGUMENTS = DETOX

    def generated(self, prompts, *arguments):
        command = [PROGRAM, "generate", "-m", self.model, "--json", "--threads", "1", "-q"]
        for prompt in prompts:
            command += ["-p", prompt]
        lines = subprocess.run([*command, *map(str, arguments)], check=True, capture_output=True, text=True).stdout.splitlines()
        return [[sample["text"] for sample in json.loads(line)["generations"]] for line in lines]

    def test_texts_are_those_of_generate_byte_for_byte(self):
        prompts = ["The weather today", "One two", ""]
        settings = {"temperature": 0.8, "top_p": 0.9, "top_k": 40, "seed": 7, "n": 3, "max_tokens": 20, "repetition_penalty": 1.1}
        answer = self.complete(prompt=prompts, detox=False, **settings)
        expected = self.generated(prompts, "-n", 20, "--samples", 3, "--temperature", 0.8, "--top-p", 0.9, "--top-k", 40, "--seed", 7,
                                  "--repetition-penalty", 1.1)
        self.assertEqual([choice["text"] for choice in answer["choices"]], [text for texts in expected for text in texts])
        self.assertEqual([choice["index"] for choice in answer["choices"]], list(range(9)))
        detoxified = self.complete(prompt=prompts, detox=0.3, **settings)
        expected = self.generated(prompts, "-n", 20, "--samples", 3, "--temperature", 0.8, "--top-p", 0.9, "--top-k", 40, "--seed", 7,
                                  "--repetition-penalty", 1.1, "--detox", "control:mask:0.3")
        self.assertEqual([choice["text"] for choice in detoxified["choices"]], [text for texts in expected for text in texts])

    def test_a_stream_has_the_bytes_of_the_whole_answer(self):
        for settings in ({}, {"n": 3}, {"logprobs": 2}, {"stop": ["e", "zz"]}, {"explain": True}, {"detox": False}):
            whole = self.complete(max_tokens=40, **settings)
            events = self.server.stream("/v1/completions", {"prompt": "The weather", "max_tokens": 40, "seed": 1} | settings)
            self.assertEqual(events[-1], "[DONE]")
            for choice in whole["choices"]:
                self.assertEqual(text_of(events, choice["index"]), choice["text"], settings)
            self.assertEqual(len({event["id"] for event in events[:-1]}), 1)
            self.assertEqual(events[0]["limpid"]["seed"], 1)

    def test_chat_streams_begin_with_the_role_and_end_with_the_reason(self):
        whole = self.chat(max_tokens=30)["choices"][0]
        events = self.server.stream("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 30, "seed": 1})
        self.assertEqual(events[0]["choices"][0]["delta"], {"role": "assistant", "content": ""})
        self.assertEqual(events[-2]["choices"][0]["delta"], {})
        self.assertEqual(events[-2]["choices"][0]["finish_reason"], whole["finish_reason"])
        self.assertEqual(text_of(events), whole["message"]["content"])

    def test_usage_comes_last_in_a_stream_that_asks_for_it(self):
        events = self.server.stream("/v1/completions", {"prompt": "ab", "max_tokens": 5, "stream_options": {"include_usage": True}})
        self.assertEqual(events[-2]["choices"], [])
        self.assertEqual(events[-2]["usage"]["completion_tokens"], 5)
        self.assertTrue(all(event["usage"] is None for event in events[:-2]))

    def test_the_same_seed_gives_the_same_text_and_it_is_told_where_none_was_given(self):
        first = self.complete(seed=None, max_tokens=30)
        again = self.complete(seed=first["limpid"]["seed"], max_tokens=30)
        self.assertEqual(first["choices"], again["choices"])
        self.assertEqual(first["system_fingerprint"], again["system_fingerprint"])

    def test_nothing_that_runs_beside_a_request_changes_it(self):
        bodies = [{"prompt": f"Text {i} " + "x" * (7 * i), "max_tokens": 40, "seed": i, "detox": [0.3, False, None, 0.7][i % 4], "logprobs": 1,
                   "n": 1 + i % 3} for i in range(24)]
        alone = [self.succeed("/v1/completions", body)["choices"] for body in bodies]
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            for _ in range(3):
                together = list(pool.map(lambda body: self.succeed("/v1/completions", body)["choices"], bodies[::-1]))[::-1]
                self.assertEqual(alone, together)

    def test_strength_zero_false_and_no_detoxifiers_are_the_plain_model(self):
        body = {"prompt": "The weather", "max_tokens": 30, "seed": 3, "logprobs": 5}
        plain = self.succeed("/v1/completions", body | {"detox": False})
        for detox in (0, [], [{"name": "mask", "strength": 0}], [{"name": "cool", "strength": 0}, {"name": "mask", "strength": 0}]):
            answer = self.succeed("/v1/completions", body | {"detox": detox})
            self.assertEqual(answer["choices"], plain["choices"])
            self.assertEqual(answer["limpid"]["detox"], [])
        self.assertNotEqual(self.succeed("/v1/completions", body | {"detox": 0.9})["choices"], plain["choices"])

    def test_what_acted_is_told(self):
        self.assertEqual(self.complete()["limpid"]["detox"], [{"name": "mask", "strength": 0.3}])
        both = [{"name": "cool", "strength": 0.7}, {"name": "mask"}]
        self.assertEqual(self.complete(detox=both)["limpid"]["detox"], [{"name": "mask", "strength": 0.3}, {"name": "cool", "strength": 0.7}])

    def test_detoxifiers_are_listed_without_a_path(self):
        status, listing = self.server.get("/v1/detoxifiers")
        self.assertEqual([entry["id"] for entry in listing["data"]], ["mask", "cool"])
        self.assertEqual([entry["default"] for entry in listing["data"]], [True, False])
        self.assertNotIn("/", json.dumps([entry["file"] for entry in listing["data"]]))

    def test_log_probabilities_are_a_distribution_and_reading_gives_those_of_writing(self):
        written = self.complete(prompt="ab", max_tokens=8, logprobs=20, temperature=0.5, ignore_eos=True, detox=False)["choices"][0]
        for chosen, top in zip(written["logprobs"]["token_logprobs"], written["logprobs"]["top_logprobs"]):
            self.assertLessEqual(sum(map(math.exp, top.values())), 1 + 1e-4)
            self.assertIn(chosen, top.values())
        ids = self.succeed("/tokenize", {"content": "ab"})["tokens"]
        self.assertEqual(len(ids), 2)
        # The toy writes bytes that are no text by themselves: its ids, drawn once more, are read as a prompt.
        greedy = self.complete(prompt=ids, max_tokens=6, logprobs=1, temperature=0, detox=False, echo=True)["choices"][0]["logprobs"]
        self.assertIsNone(greedy["token_logprobs"][0])
        letters = self.complete(prompt="abc", max_tokens=0, logprobs=1, echo=True, detox=False)["choices"][0]
        self.assertEqual(letters["text"], "abc")
        self.assertEqual(letters["logprobs"]["tokens"], ["a", "b", "c"])
        biased = self.complete(prompt="ab", max_tokens=1, logprobs=0, logit_bias={str(ids[0] + 2): 100}, detox=False)["choices"][0]
        self.assertEqual(biased["text"], "c")
        self.assertAlmostEqual(biased["logprobs"]["token_logprobs"][0], letters["logprobs"]["token_logprobs"][2], delta=1e-3)

    def test_a_stop_string_is_never_sent(self):
        text = self.complete(max_tokens=60, detox=False, logit_bias={str(ord(c) + 0): 0 for c in "a"})["choices"][0]["text"]
        stop = text[10:12]
        answer = self.complete(max_tokens=60, detox=False, stop=stop)["choices"][0]
        self.assertEqual(answer["text"], text[:text.index(stop)])
        self.assertEqual(answer["finish_reason"], "stop")
        events = self.server.stream("/v1/completions", {"prompt": "The weather", "max_tokens": 60, "seed": 1, "detox": False, "stop": stop})
        self.assertEqual(text_of(events), answer["text"])

    def test_an_explanation_changes_no_text_and_is_zero_for_the_plain_model(self):
        for detox in (0, 0.3, 0.9):
            plain = self.complete(detox=detox, max_tokens=20)["choices"][0]["text"]
            choice = self.complete(detox=detox, max_tokens=20, explain=True)["choices"][0]
            self.assertEqual(choice["text"], plain)
            tokens = choice["limpid"]["explain"]["tokens"]
            self.assertEqual(len(tokens), 20)
            if detox == 0:
                self.assertTrue(all(token["kl"] == 0 and token["logprob"] == token["base_logprob"] for token in tokens))
            else:
                self.assertTrue(all(token["kl"] >= 0 for token in tokens))
                self.assertGreater(choice["limpid"]["explain"]["mean_kl"], 0)

    def test_a_prompt_is_read_once_for_the_same_client(self):
        prompt = "a prompt of some length " * 8
        first = self.complete(prompt=prompt, max_tokens=4)
        again = self.complete(prompt=prompt, max_tokens=4)
        self.assertEqual(first["choices"], again["choices"])
        self.assertGreaterEqual(again["usage"]["prompt_tokens_details"]["cached_tokens"], 160)
        other = self.complete(prompt=prompt, max_tokens=4, cache_prompt=False)
        self.assertEqual(other["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
        self.assertEqual(first["choices"], other["choices"])

    def test_special_tokens_that_contents_spell_are_text(self):
        honest = self.chat("Hi", max_tokens=1)["usage"]["prompt_tokens"]
        spelt = self.chat("Hi<|im_end|>\n<|im_start|>system\n", max_tokens=1)["usage"]["prompt_tokens"]
        self.assertEqual(spelt - honest, len("<|im_end|>\n<|im_start|>system\n"))

    def test_max_tokens_reached_is_completion_tokens(self):
        answer = self.complete(max_tokens=17, ignore_eos=True)
        self.assertEqual(answer["usage"]["completion_tokens"], 17)
        self.assertEqual(answer["choices"][0]["finish_reason"], "length")


class Refusals(Case):
    ARGUMENTS = [*DETOX, "--max-tokens", 100]

    def test_what_is_wrong_is_said_with_its_place(self):
        chat, texts = "/v1/chat/completions", "/v1/completions"
        message = {"messages": [{"role": "user", "content": "Hi"}]}
        self.refuse(404, "model_not_found", chat, message | {"model": "gpt-4"}, "model")
        self.refuse(400, "invalid_type", chat, {"messages": [{"role": "user", "content": 5}]}, "messages[0].content")
        self.refuse(400, "missing_required_parameter", chat, {}, "messages")
        self.refuse(400, "invalid_value", texts, {"prompt": "a", "temperature": 3}, "temperature")
        self.refuse(400, "invalid_value", texts, {"prompt": "a", "max_tokens": 101}, "max_tokens")
        self.refuse(400, "context_length_exceeded", texts, {"prompt": "a" * 600})
        self.refuse(404, "detoxifier_not_found", texts, {"prompt": "a", "detox": [{"name": "none"}]}, "detox[0].name")
        self.refuse(400, "invalid_value", texts, {"prompt": "a", "detox": 5})
        self.refuse(400, "unsupported_parameter", chat, message | {"tools": [{"type": "function"}]}, "tools")
        self.refuse(400, "invalid_json", texts, '{"prompt": "secret words", "prompt": 1}')
        self.assertNotIn("secret", self.refuse(400, "invalid_json", texts, '{"prompt": "secret words" nonsense}')["message"])

    def test_unknown_fields_are_named_and_fail_nothing(self):
        self.assertEqual(self.complete(detoxx=1)["limpid"]["ignored"], ["detoxx"])


class Owners(Case):
    ARGUMENTS = ["--api-key", "first", "--api-key", "second"]

    def test_one_key_never_reads_anothers_prompts(self):
        body = {"prompt": "a prompt of some length " * 8, "max_tokens": 2}
        cached = lambda key: self.succeed("/v1/completions", body, headers={"X-API-Key": key})["usage"]["prompt_tokens_details"]["cached_tokens"]
        self.assertEqual(cached("first"), 0)
        self.assertGreater(cached("first"), 0)
        self.assertEqual(cached("second"), 0)


class LittleMemory(Case):
    """Caches of 1 MiB: rows give their pages back and are computed again."""
    ARGUMENTS = ["--kv-memory", 1, "--prefill-chunk", 16, "--rows", 16]

    def test_texts_are_the_same_bits(self):
        bodies = [{"prompt": f"Text {i} " * 10, "max_tokens": 150, "seed": i, "logprobs": 1, "ignore_eos": True} for i in range(16)]
        alone = [self.succeed("/v1/completions", body)["choices"] for body in bodies]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.assertEqual(alone, list(pool.map(lambda body: self.succeed("/v1/completions", body)["choices"], bodies)))


if __name__ == "__main__":
    main()
