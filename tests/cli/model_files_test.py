"""What the program does with settings, tensors and tokens in model files that it does not honour, or that contradict one another.

    python model_files_test.py PROGRAM
"""
import json
import pathlib
import shutil
import struct
import sys
import unittest

import toy_model
from cli_test import GOLDEN, Case, limpid, needs_fixtures


def read(path):
    """Header and data of a safetensors file."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8:8 + length]), content[8 + length:]


def write(path, header, data):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


@needs_fixtures
class ModelFiles(Case):
    def model(self, base="llama", name="model", **files):
        """A copy of a fixture with objects laid over its JSON files."""
        folder = self.folder / name
        shutil.copytree(GOLDEN / "models" / base, folder)
        for stem, changes in files.items():
            path = folder / f"{stem}.json"
            content = json.loads(path.read_text()) if path.exists() else {}
            path.write_text(json.dumps({**content, **changes}))
        return folder

    def generate(self, model, *more):
        return "generate", "-m", model, "-p", "x", "-n", 2, *more

    def test_a_setting_that_is_not_known_is_refused_until_it_is_ignored_by_name(self):
        model = self.model(config={"qk_norm": True})
        for command in (self.generate(model), ("perplexity", "-m", model, self.write("texts.txt", "a\n")),
                        ("train", "lora", "-m", model, "--data", self.write("texts.txt", "a\n"), "-o", self.folder / "o")):
            self.fail_in_one_line(1, *command, naming=["config.json", "qk_norm", "--ignore-config qk_norm"])
        done = limpid(*self.generate(model, "--ignore-config", "qk_norm", "-q"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, "^warning: .*config.json: \"qk_norm\" is true, which is ignored as asked for\n$")

    def test_inspect_shows_why_a_config_is_refused_and_what_else_there_is(self):
        shown = json.loads(self.succeed("inspect", "--json", self.model(config={"qk_norm": True})))
        self.assertIn("qk_norm", shown["config"]["problem"])
        self.assertTrue(shown["tensors"])

    def test_an_output_matrix_beside_tied_embeddings_counts_and_is_warned_of(self):
        tied = self.model(config={"tie_word_embeddings": True})
        done = limpid(*self.generate(tied))
        self.assertIn("lm_head.weight", done.stderr)
        self.assertEqual(done.stdout, self.succeed(*self.generate(GOLDEN / "models" / "llama")))

    def test_a_tensor_of_another_type_is_refused_only_where_it_is_needed(self):
        model = self.model()
        path = model / "model.safetensors"
        header, data = read(path)
        write(path, {**header, "counter": {"dtype": "U64", "shape": [1], "data_offsets": [len(data), len(data) + 8]}}, data + b"\0" * 8)
        self.succeed(*self.generate(model))
        self.assertIn("U64 in 1 tensor", self.succeed("inspect", path))
        write(path, {**header, "lm_head.weight": {**header["lm_head.weight"], "dtype": "F8_E5M2"}}, data)
        self.fail_in_one_line(1, *self.generate(model), naming=["model.safetensors", "lm_head.weight", "F8_E5M2"])

    def test_tokens_of_the_files_beside_a_tokenizer_are_tokens(self):
        texts = self.write("texts.jsonl", json.dumps({"text": "<new>a"}) + "\n")
        plain = json.loads(self.succeed("tokenize", "-m", self.model(), texts))["ids"]
        more = json.loads(self.succeed("tokenize", "-m", self.model(name="more", added_tokens={"<new>": 400}), texts))["ids"]
        self.assertEqual(more[0], 400)
        self.assertEqual(more[-1], plain[-1])

    def test_training_on_a_token_beyond_the_table_is_refused_in_one_line(self):
        model = self.model(added_tokens={"<new>": 400})
        texts = self.write("texts.jsonl", json.dumps({"text": "some <new> text"}) + "\n")
        pairs = self.write("pairs.jsonl", json.dumps({"positives": ["some <new> text"], "negatives": ["other text"]}) + "\n")
        for command in (("lm", "--data", texts), ("lora", "--data", texts), ("calibrator", "--layers", 1, "--data", texts),
                        ("contrastive-perplexity", "--data", pairs)):
            self.fail_in_one_line(1, "train", *command, "-m", model, "-o", self.folder / "o", "-q", naming=[model, "<new>", "400"])

    def test_adapters_that_change_their_base_are_refused_by_name(self):
        adapter = self.folder / "adapter"
        adapter.mkdir()
        for changes, name in (({"init_lora_weights": "pissa"}, "init_lora_weights"), ({"kasa_config": {"beta": 1}}, "kasa_config")):
            content = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], **changes}
            (adapter / "adapter_config.json").write_text(json.dumps(content))
            self.fail_in_one_line(1, *self.generate(GOLDEN / "models" / "llama", "--detox", adapter), naming=["adapter_config.json", name])


class Conversions(Case):
    """Of the model of toy_model.py, which needs no fixtures."""

    def setUp(self):
        super().setUp()
        self.model = toy_model.write_folder(self.folder / "model", toy_model.weights())
        self.ids = self.write("ids.txt", "72 101 108 108 111\n")

    def config(self, **settings):
        (self.model / "config.json").write_text(json.dumps({**toy_model.CONFIG, **settings}))

    def test_a_gguf_file_without_a_tokenizer_opens_as_a_folder_without_one_does(self):
        (self.model / "tokenizer.json").unlink()
        gguf = self.folder / "m.gguf"
        done = limpid("convert", "-m", self.model, "-o", gguf)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("has no tokenizer", done.stderr)
        self.succeed("trace", "-m", gguf, "--ids", self.ids, "-o", self.folder / "t.safetensors")
        for model in (self.model, gguf):
            self.fail_in_one_line(1, "generate", "-m", model, "-p", "x", naming=["tokenizer"])

    def test_a_setting_is_ignored_by_name_and_does_not_go_along(self):
        self.config(qk_norm=True)
        gguf, again = self.folder / "m.gguf", self.folder / "again.gguf"
        for command in (("convert",), ("quantize", "--type", "q8_0", "--documents", 0)):
            self.fail_in_one_line(1, *command, "-m", self.model, "-o", gguf, naming=["--ignore-config qk_norm"])
            done = limpid(*command, "-m", self.model, "-o", gguf, "--ignore-config", "qk_norm")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("\"qk_norm\" is true, which is ignored as asked for", done.stderr)
        self.config(rope_scaling={"rope_type": "linear", "factor": 2.0})
        self.succeed("convert", "-m", self.model, "-o", gguf)
        limpid("convert", "-m", gguf, "-o", again, "--ignore-config", "llama.rope.scaling.factor", "--ignore-config", "llama.rope.scaling.type")
        self.assertIn("linear", self.succeed("inspect", "--json", gguf))
        self.assertNotIn("linear", self.succeed("inspect", "--json", again))

    def test_an_output_matrix_beside_tied_embeddings_goes_along(self):
        self.config(tie_word_embeddings=True)
        gguf = self.folder / "m.gguf"
        done = limpid("convert", "-m", self.model, "-o", gguf)
        self.assertIn("lm_head.weight", done.stderr)
        text = [limpid("generate", "-m", model, "-p", "x", "-n", 8, "--exact", "--ignore-eos").stdout for model in (self.model, gguf)]
        self.assertEqual(*text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
