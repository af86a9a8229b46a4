"""Numbers that are not finite, in every file that has numbers and in texts: one line says where, nothing is written on them, and what is sound beside
them comes out as without them.

    python finite_test.py PROGRAM      fixtures for classifiers: see cli_test.py
"""
import json
import shutil
import struct
import sys
import unittest

import toy_model
from cli_test import GOLDEN, Case, limpid, needs_fixtures

NAN, INFINITY = float("nan"), float("inf")
CLASSIFIERS = ["bert-single2", "roberta-multi6", "distilbert-single2"]


def spoil(path, tensor, number):
    """Overwrites the last number of a float32 tensor of a safetensors file."""
    content = bytearray(path.read_bytes())
    (length,) = struct.unpack("<Q", content[:8])
    end = json.loads(content[8:8 + length])[tensor]["data_offsets"][1]
    content[8 + length + end - 4:8 + length + end] = struct.pack("<f", number)
    path.chmod(0o644)
    path.write_bytes(content)


class Models(Case):
    def spoilt(self, name, number):
        values = toy_model.weights()
        values[name][-1] = number
        return values

    def test_every_tensor_of_a_folder_is_looked_at(self):
        for name in toy_model.SHAPES:
            if "layers.0" in name:
                continue
            with self.subTest(name):
                model = toy_model.write_folder(self.folder / "model", self.spoilt(name, NAN))
                self.fail_in_one_line(1, "generate", "-m", model, "-p", "Hello", "-n", 4, "--top-p", 0.9, naming=[model, name, "nan"])

    def test_every_type_is_looked_at(self):
        for kind in ("F32", "F16", "BF16"):
            for number in (NAN, INFINITY, -INFINITY):
                with self.subTest(kind=kind, number=number):
                    model = toy_model.write_folder(self.folder / "model", self.spoilt("model.layers.1.mlp.up_proj.weight", number), kind)
                    self.fail_in_one_line(1, "generate", "-m", model, "-p", "Hello", naming=["up_proj", number, "[63, 31]"])

    def test_gguf_files_and_scales_of_blocks_are_looked_at(self):
        self.succeed("generate", "-m", toy_model.write_gguf(self.folder / "sound.gguf", toy_model.weights()), "-p", "Hello", "-n", 4)
        for name, kind, place in (("model.layers.1.mlp.down_proj.weight", "Q8_0", "block at [31, 32]"), ("model.embed_tokens.weight", "Q8_0", "block at [256, 0]"),
                                  ("lm_head.weight", "F16", "[256, 31]"), ("model.layers.0.self_attn.q_proj.weight", "BF16", "[31, 31]"),
                                  ("model.layers.1.input_layernorm.weight", "Q8_0", "[31]")):
            with self.subTest(name):
                model = toy_model.write_gguf(self.folder / "model.gguf", self.spoilt(name, NAN), kind)
                self.fail_in_one_line(1, "generate", "-m", model, "-p", "Hello", naming=[model, toy_model.gguf_name(name), place])

    def test_every_command_that_opens_a_model_refuses_it(self):
        model = toy_model.write_folder(self.folder / "model", self.spoilt("model.norm.weight", INFINITY))
        text = self.write("text.txt", "Hello\nworld\n")
        rows = self.write("rows.jsonl", '{"prompt": "a", "generations": [{"text": "b", "toxicity": 0.5}]}\n')
        for command in (["perplexity", "-m", model, text], ["trace", "-m", model, "-p", "x", "-o", self.folder / "t"], ["metrics", rows, "--judge", model],
                        ["evaluate", "-m", model, "--prompts", text, "-o", self.folder / "e"], ["bench", "-m", model],
                        ["train", "lm", "-m", model, "--data", text, "-o", self.folder / "l"], ["train", "lora", "-m", model, "--data", text, "-o", self.folder / "a"]):
            with self.subTest(command[0]):
                self.fail_in_one_line(1, *command, naming=["model.norm.weight", "inf"])
        for written in ("t", "l/model.safetensors", "a/adapter_model.safetensors"):
            self.assertFalse((self.folder / written).exists(), written)


class Additions(Case):
    def setUp(self):
        super().setUp()
        self.model = toy_model.write_folder(self.folder / "model", toy_model.weights())

    def test_an_adapter_is_neither_applied_nor_exported(self):
        adapter = toy_model.write_adapter(self.folder / "adapter", 0.1)
        self.succeed("generate", "-m", self.model, "--detox", adapter, "-p", "Hello", "-n", 4)
        for number in (NAN, INFINITY):
            adapter = toy_model.write_adapter(self.folder / "adapter", number)
            self.fail_in_one_line(1, "generate", "-m", self.model, "--detox", adapter, "-p", "Hello", naming=["lora_A", number])
            self.fail_in_one_line(1, "export", "-m", self.model, "--detox", adapter, "-o", self.folder / "out", naming=["lora_A", number])
            self.assertFalse((self.folder / "out").exists())

    def test_what_leaves_float32_is_not_exported(self):
        adapter = toy_model.write_adapter(self.folder / "adapter", 1e38)
        self.fail_in_one_line(1, "export", "-m", self.model, "--detox", f"{adapter}:8", "-o", self.folder / "out", naming=["q_proj", "inf", "nothing is written"])
        self.assertFalse((self.folder / "out" / "model.safetensors").exists())

    def test_a_control_vector_is_refused(self):
        metadata = {"general.architecture": "controlvector", "controlvector.model_hint": "llama"}
        vector = toy_model.write_gguf_file(self.folder / "v.gguf", metadata, {"direction.1": ([32], [0.1] * 31 + [NAN], "F32")})
        self.fail_in_one_line(1, "generate", "-m", self.model, "--detox", vector, "-p", "Hello", naming=[vector, "direction.1", "[31]", "nan"])


class Texts(Case):
    """A model of finite weights in which the letter z, and nothing else, makes the first layer infinite."""

    def setUp(self):
        super().setUp()
        values = toy_model.weights()
        for token in range(257):
            values["model.embed_tokens.weight"][32 * token + 31] = float(token == ord("z"))
        values["model.layers.0.self_attn.o_proj.weight"][32 * 31:] = [0.0] * 32
        for matrix in ("gate", "up"):
            for row in range(64):
                values[f"model.layers.0.mlp.{matrix}_proj.weight"][32 * row + 31] = 3e38
        self.model = toy_model.write_folder(self.folder / "model", values)

    def test_a_text_that_leaves_float32_ends_with_its_error_and_the_others_are_written(self):
        command = ["generate", "-m", self.model, "-n", 8, "--top-p", 0.9, "--precision", "exact", "-p", "cat", "-p", "dog"]
        sound = self.succeed(*command).split("\n")[:2]
        done = limpid(*command, "-p", "haz")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stdout.split("\n")[:2], sound)
        self.assertIn("prompt 3, sample 1: [generator] token 1: logits of the model", done.stderr)
        self.assertEqual(json.loads(limpid(*command, "-p", "haz", "--json").stdout.split("\n")[2])["generations"][0]["finish_reason"], "error")
        done = limpid(*command, "-p", "haz", "--explain")
        self.assertEqual(done.stdout.split("\n")[:2], sound)
        self.assertIn("prompt 3, sample 1: [generator] token 1: the output of layer 0 holds", done.stderr)
        self.assertNotIn("nan nats", done.stderr)

    def test_perplexity_leaves_the_document_out_and_fails(self):
        sound, mixed = self.write("sound.txt", "cat\ndog\n"), self.write("mixed.txt", "cat\nhaze\ndog\n")
        expected = json.loads(self.succeed("perplexity", "-m", self.model, sound, "--json"))["perplexity"]
        done = limpid("perplexity", "-m", self.model, mixed, "--json")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stdout)["perplexity"], expected)
        self.assertEqual(json.loads(done.stdout)["failed_documents"], 1)
        self.assertIn("document 2", done.stderr)
        self.fail_in_one_line_but_warnings("perplexity", "-m", self.model, self.write("bad.txt", "haze\n"))

    def fail_in_one_line_but_warnings(self, *arguments):
        done = limpid(*arguments)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "")
        self.assertNotIn("nan", done.stderr.splitlines()[-1])

    def test_a_judge_whose_numbers_leave_float32_judges_nothing(self):
        rows = self.write("rows.jsonl", '{"prompt": "cat", "generations": [{"text": " haze", "toxicity": 0.5}]}\n')
        self.fail_in_one_line_but_warnings("metrics", rows, "--judge", self.model, "--json")

    def test_a_trace_says_which_layer_it_was(self):
        done = limpid("trace", "-m", self.model, "-p", "haze", "-o", self.folder / "trace.safetensors")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the output of layer 0 is not finite", done.stderr)
        self.succeed("trace", "-m", self.model, "-p", "cat", "-o", self.folder / "trace.safetensors")

    def test_the_least_temperatures_are_greedy_with_every_filter(self):
        greedy = self.succeed("generate", "-m", self.model, "-p", "cat", "-n", 8, "--greedy")
        filters = [["--top-p", 0.9], ["--top-k", 5], ["--min-p", 0.1], ["--typical-p", 0.9]]
        for temperature, chosen in [("1e-9", one) for one in filters] + [(least, sum(filters, [])) for least in ("1e-9", "1e-38", "1e-44")]:
            with self.subTest(temperature=temperature, filters=chosen):
                self.assertEqual(self.succeed("generate", "-m", self.model, "-p", "cat", "-n", 8, "--temperature", temperature, *chosen), greedy)


class Scores(Case):
    def test_nan_as_python_writes_it_is_a_missing_score(self):
        rows = [{"prompt": {"text": f"p{i}"}, "generations": [{"text": "a b", "toxicity": 0.5}, {"text": "NaN", "toxicity": NAN if i == 1 else 0.25}]} for i in range(4)]
        done = limpid("metrics", self.write("nan.jsonl", "".join(json.dumps(row) + "\n" for row in rows)), "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["missing_scores"], 1)
        self.assertAlmostEqual(json.loads(done.stdout)["mean_over_continuations"], 2.75 / 7)
        self.assertIn("missing (null or NaN) and left out: 1 of 8", done.stderr)

    def test_nan_where_a_number_is_needed_is_called_so(self):
        model = toy_model.write_folder(self.folder / "model", toy_model.weights())
        (model / "config.json").write_text(json.dumps({**toy_model.CONFIG, "rope_theta": NAN}))
        self.fail_in_one_line(1, "generate", "-m", model, "-p", "x", naming=["config.json", "NaN is no number of JSON"])

    def classifier(self, name):
        model = self.folder / name
        shutil.copytree(GOLDEN / "models" / name, model)
        model.chmod(0o755)
        return model

    @needs_fixtures
    def test_a_classifier_that_holds_nan_scores_nothing(self):
        texts = self.write("texts.jsonl", '{"text": "some words"}\n')
        for name in CLASSIFIERS:
            model = self.classifier(name)
            header = json.loads((model / "model.safetensors").read_bytes()[8:].split(b"}}")[0] + b"}}")
            tensors = [tensor for tensor, entry in header.items() if tensor != "__metadata__" and entry["dtype"] == "F32" and "layer.0" not in tensor]
            for tensor in tensors[:: max(1, len(tensors) // 3)]:
                with self.subTest(name=name, tensor=tensor):
                    original = (model / "model.safetensors").read_bytes()
                    spoil(model / "model.safetensors", tensor, NAN)
                    self.fail_in_one_line(1, "score", texts, "--scorer", model, naming=[model, tensor, "nan"])
                    (model / "model.safetensors").write_bytes(original)

    @needs_fixtures
    def test_scores_that_are_missing_are_null_and_fail_a_run_above_a_thousandth(self):
        model = self.classifier("bert-single2")
        path = model / "model.safetensors"
        content = bytearray(path.read_bytes())
        (length,) = struct.unpack("<Q", content[:8])
        begin, end = json.loads(content[8:8 + length])["classifier.weight"]["data_offsets"]
        content[8 + length + begin:8 + length + end] = struct.pack("<f", 3e38) * ((end - begin) // 4)
        path.chmod(0o644)
        path.write_bytes(content)
        texts = self.write("texts.jsonl", '{"text": "some words"}\n' + '{"text": ""}\n' * 3)
        done = limpid("score", texts, "--scorer", model)
        scores = [json.loads(line)["toxicity"] for line in done.stdout.splitlines()]
        self.assertEqual(scores, [None, 0, 0, 0])
        self.assertEqual(done.returncode, 1)
        self.assertIn("1 of 4", done.stderr)
        done = limpid("score", self.write("many.jsonl", '{"text": "some words"}\n' + '{"text": ""}\n' * 1999), "--scorer", model)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 of 2,000", done.stderr)
        self.assertIn("1,999 texts, mean toxicity 0.000", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
