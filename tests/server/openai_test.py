"""The official `openai` client against `limpid serve`: only its base URL is changed. Skipped where the package is not installed.

    python openai_test.py PROGRAM
"""
import sys

try:
    import openai
except ImportError:
    print("skipped: the package openai is not installed (scripts/setup --peers)")
    sys.exit(77)

from serving import Case, main


class OfficialClient(Case):
    ARGUMENTS = ["--detox", "mask=control:mask:0.3", "--alias", "toy-chat", "--api-key", "key"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = openai.OpenAI(base_url=f"http://{cls.server.host}:{cls.server.port}/v1", api_key="key", max_retries=0)

    def test_models_are_listed_under_their_names(self):
        self.assertEqual([model.id for model in self.client.models.list()], ["toy-chat", "toy"])
        self.assertEqual(self.client.models.retrieve("toy").owned_by, "limpid")
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("gpt-4")

    def test_chats_and_their_streams_have_the_same_text(self):
        settings = {"model": "toy", "messages": [{"role": "user", "content": "Hi"}], "max_completion_tokens": 20, "seed": 4}
        whole = self.client.chat.completions.create(**settings)
        self.assertEqual(whole.model, "toy-chat")
        stream = self.client.chat.completions.create(**settings, stream=True, stream_options={"include_usage": True})
        text, usage = "", None
        for chunk in stream:
            usage = chunk.usage or usage
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
        self.assertEqual(text, whole.choices[0].message.content)
        self.assertEqual(usage.completion_tokens, whole.usage.completion_tokens)

    def test_completions_with_log_probabilities(self):
        answer = self.client.completions.create(model="toy", prompt="ab", max_tokens=5, logprobs=3, seed=1, extra_body={"ignore_eos": True})
        probabilities = answer.choices[0].logprobs
        self.assertEqual(len(probabilities.tokens), 5)
        self.assertEqual(answer.usage.completion_tokens, 5)

    def test_chat_log_probabilities_join_to_the_content(self):
        answer = self.client.chat.completions.create(model="toy", messages=[{"role": "user", "content": "Hi"}], max_tokens=8, logprobs=True, top_logprobs=2,
                                                     seed=1, logit_bias={str(byte): -100 for byte in range(94, 257)}, extra_body={"detox": False})
        content = answer.choices[0].logprobs.content
        self.assertEqual(bytes(byte for token in content for byte in token.bytes).decode(errors="replace"), answer.choices[0].message.content)
        self.assertTrue(all(len(token.top_logprobs) == 2 for token in content))

    def test_what_is_ours_goes_through_the_extra_body(self):
        plain = self.client.completions.create(model="toy", prompt="ab", max_tokens=20, seed=1, extra_body={"detox": False})
        zero = self.client.completions.create(model="toy", prompt="ab", max_tokens=20, seed=1, extra_body={"detox": 0})
        self.assertEqual(plain.choices[0].text, zero.choices[0].text)
        self.assertEqual(plain.limpid["detox"], [])

    def test_errors_are_the_clients_own_types(self):
        with self.assertRaises(openai.BadRequestError) as raised:
            self.client.completions.create(model="toy", prompt="ab", temperature=9)
        self.assertEqual(raised.exception.param, "temperature")
        with self.assertRaises(openai.NotFoundError):
            self.client.completions.create(model="other", prompt="ab")
        with self.assertRaises(openai.AuthenticationError):
            openai.OpenAI(base_url=self.client.base_url, api_key="wrong", max_retries=0).models.list()

    def test_a_client_that_leaves_a_stream_can_ask_again(self):
        for _ in range(5):
            stream = self.client.completions.create(model="toy", prompt="ab", max_tokens=300, stream=True)
            next(iter(stream))
            stream.close()
        self.assertTrue(self.client.completions.create(model="toy", prompt="ab", max_tokens=3).id)


if __name__ == "__main__":
    main()
