"""Moderations, comments and embeddings of `limpid serve`. Skipped where the scorer's encoder is not pulled.

    python scoring_test.py PROGRAM
"""
import base64
import math
import os
import pathlib
import struct
import sys

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
if not (CACHE / "limpid/models/minilm-l6/model.safetensors").exists():
    print("skipped: minilm-l6 is not on this machine (limpid models pull minilm-l6)")
    sys.exit(77)

from serving import Case, main

KIND = "The baker opens at seven and sells bread and a cake with plums."
RUDE = "You are a stupid, worthless idiot and everybody hates you."


class Moderations(Case):
    def moderate(self, *texts):
        answer = self.succeed("/v1/moderations", {"input": list(texts)})
        return [result["category_scores"]["toxicity"] for result in answer["results"]], answer

    def test_rude_texts_are_flagged_above_the_threshold(self):
        scores, answer = self.moderate(KIND, RUDE)
        self.assertTrue(answer["model"].startswith("minilm-l6/"))
        self.assertTrue(answer["id"].startswith("modr-"))
        for score, result in zip(scores, answer["results"]):
            self.assertEqual(result["flagged"], score > answer["limpid"]["threshold"])
            self.assertEqual(result["category_scores"]["harassment"], score)
            self.assertEqual(result["category_applied_input_types"]["hate"], [])
        self.assertEqual([result["flagged"] for result in answer["results"]], [False, True])

    def test_a_long_benign_beginning_hides_nothing(self):
        scores, answer = self.moderate(KIND * 40, KIND * 40 + RUDE, RUDE + KIND * 40)
        self.assertLess(scores[0], answer["limpid"]["threshold"])
        self.assertGreater(min(scores[1:]), answer["limpid"]["threshold"])

    def test_a_score_does_not_depend_on_what_else_is_scored(self):
        texts = [KIND, RUDE, KIND * 20, "", RUDE + KIND * 9]
        together, _ = self.moderate(*texts)
        self.assertEqual(together, [self.moderate(text)[0][0] for text in texts])

    def test_models_that_clients_fix_are_answered_by_the_scorer(self):
        model = self.succeed("/v1/moderations", {"input": KIND, "model": "omni-moderation-latest"})["model"]
        self.succeed("/v1/moderations", {"input": KIND, "model": model})
        self.refuse(404, "model_not_found", "/v1/moderations", {"input": KIND, "model": "gpt-4"}, "model")

    def test_scoring_goes_on_beside_generation_and_changes_no_byte(self):
        alone = self.complete(max_tokens=100)["choices"]
        with self.server.connect() as connection:  # asks, and does not wait for the answer
            body = ('{"input":"' + (KIND + " ") * 2000 + '"}').encode()
            connection.sendall(b"POST /v1/moderations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                               b"Content-Length: %d\r\n\r\n" % len(body) + body)
            self.assertEqual(self.complete(max_tokens=100)["choices"], alone)
        self.assertEqual(self.moderate(KIND)[1]["results"][0]["flagged"], False)


class Comments(Case):
    ARGUMENTS = ["--api-key", "key"]
    KEY = {"Authorization": "Bearer key"}

    def analyze(self, status=200, path="/v1alpha1/comments:analyze?key=key", **body):
        found, answer = self.server.post(path, {"requestedAttributes": {"TOXICITY": {}}} | body)
        self.assertEqual(found, status, answer)
        return answer

    def test_sentences_have_their_own_scores_and_the_comment_that_of_its_moderation(self):
        text = f"\U0001F600 Nice.  {RUDE}"
        answer = self.analyze(comment={"text": text}, spanAnnotations=True, languages=["en"], clientToken="c-1")
        toxicity = answer["attributeScores"]["TOXICITY"]
        utf16 = text.encode("utf-16-le")
        sentences = [utf16[2 * span["begin"]:2 * span["end"]].decode("utf-16-le") for span in toxicity["spanScores"]]
        self.assertEqual(sentences, ["\U0001F600 Nice.", RUDE])
        moderation = self.succeed("/v1/moderations", {"input": [text, *sentences]}, headers=self.KEY)
        scores = [result["category_scores"]["toxicity"] for result in moderation["results"]]
        self.assertEqual([toxicity["summaryScore"]["value"], *(span["score"]["value"] for span in toxicity["spanScores"])], scores)
        self.assertEqual((answer["languages"], answer["clientToken"]), (["en"], "c-1"))

    def test_errors_have_the_services_form(self):
        error = self.analyze(400, comment={"text": ""})["error"]
        self.assertEqual((error["code"], error["status"], error["details"][0]["errorType"]), (400, "INVALID_ARGUMENT", "COMMENT_EMPTY"))
        self.assertEqual(self.analyze(401, path="/v1alpha1/comments:analyze?key=other")["error"]["status"], "UNAUTHENTICATED")
        self.assertEqual(self.analyze(400, comment={"text": KIND}, languages=["de"])["error"]["details"][0]["errorType"],
                         "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE")
        found, answer = self.server.post("/v1alpha1/comments:analyze?key=key", "{")
        self.assertEqual((found, answer["error"]["status"]), (400, "INVALID_ARGUMENT"))


class Embeddings(Case):
    def embed(self, texts, **body):
        return self.succeed("/v1/embeddings", {"input": texts} | body)

    def test_vectors_have_length_1_and_are_the_same_alone_and_in_a_list(self):
        answer = self.embed([KIND, RUDE, "bread"])
        self.assertEqual(answer["model"], "minilm-l6")
        vectors = [entry["embedding"] for entry in answer["data"]]
        for text, vector in zip([KIND, RUDE, "bread"], vectors):
            self.assertEqual(len(vector), 384)
            self.assertAlmostEqual(math.hypot(*vector), 1, places=5)
            self.assertEqual(self.embed(text)["data"][0]["embedding"], vector)
        products = [sum(a * b for a, b in zip(vectors[2], other)) for other in vectors[:2]]
        self.assertGreater(products[0], products[1])
        self.assertEqual(answer["usage"]["prompt_tokens"], sum(self.embed(text)["usage"]["total_tokens"] for text in [KIND, RUDE, "bread"]))

    def test_base64_is_little_endian_float32(self):
        numbers = self.embed(KIND)["data"][0]["embedding"]
        spelt = base64.b64decode(self.embed(KIND, encoding_format="base64")["data"][0]["embedding"])
        self.assertEqual(struct.unpack("<384f", spelt), struct.unpack("<384f", struct.pack("<384f", *numbers)))

    def test_what_the_encoder_does_not_read_is_refused(self):
        self.refuse(400, "context_length_exceeded", "/v1/embeddings", {"input": "bread " * 600}, "input")
        self.refuse(400, "invalid_value", "/v1/embeddings", {"input": ""}, "input")
        self.refuse(400, "invalid_value", "/v1/embeddings", {"input": KIND, "dimensions": 5}, "dimensions")
        self.refuse(404, "model_not_found", "/v1/embeddings", {"input": KIND, "model": "text-embedding-3-small"}, "model")

    def test_the_official_client_reads_moderations_and_vectors(self):
        try:
            import openai
        except ImportError:
            self.skipTest("the package openai is not installed (scripts/setup --peers)")
        client = openai.OpenAI(base_url=f"http://{self.server.host}:{self.server.port}/v1", api_key="none", max_retries=0)
        vector = client.embeddings.create(model="minilm-l6", input=KIND).data[0].embedding
        for a, b in zip(vector, self.embed(KIND)["data"][0]["embedding"]):
            self.assertAlmostEqual(a, b, places=6)
        result = client.moderations.create(model="omni-moderation-latest", input=RUDE).results[0]
        self.assertTrue(result.flagged and result.categories.harassment and not result.categories.violence)


if __name__ == "__main__":
    main()
