"""Files that Limpid writes, read by the libraries that define their formats: transformers, safetensors and gguf.

    python peers_test.py PROGRAM      fixtures: $LIMPID_GOLDEN, else golden in $LIMPID_SHARED, else ../shared/golden

Exits 77 with a sentence where a library or the fixtures are missing (CTest counts that as skipped).
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
    import safetensors.numpy
    import torch
    import transformers
except ImportError as missing:
    print(f"skipped: {missing}; scripts/setup --peers installs what these tests compare with")
    sys.exit(77)

PROGRAM = sys.argv[1]
SHARED = pathlib.Path(os.environ.get("LIMPID_SHARED") or pathlib.Path(__file__).resolve().parents[3] / "shared")
GOLDEN = pathlib.Path(os.environ.get("LIMPID_GOLDEN") or SHARED / "golden")
if not (GOLDEN / "models").is_dir():
    print(f"skipped: {GOLDEN} has no folder models")
    sys.exit(77)

TEXT = "Kind words cost nothing, and yet they are worth much."


def golden_model(family, **settings):
    """The first golden model of a family, by the model_type and the settings in its config: folders may have any name."""
    for file in sorted((GOLDEN / "models").glob("*/config.json")):
        config = json.loads(file.read_text())
        if (config.get("model_type", "").removesuffix("_text") == family and any(file.parent.glob("model*.safetensors"))
                and all(config.get(key) == value for key, value in settings.items())):
            return file.parent
    raise unittest.SkipTest(f"{GOLDEN / 'models'} has no {family} with {settings}")


def limpid(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"limpid {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


class Folder(unittest.TestCase):
    def setUp(self):
        self._temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self._temporary.name)
        self.addCleanup(self._temporary.cleanup)

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return self.folder / name


class ACalibratorIsAnOrdinaryHuggingFaceFolder(Folder):
    def check_family(self, model):
        data = self.write("safe.jsonl", "".join(json.dumps({"text": f"{TEXT} {i}"}) + "\n" for i in range(40)))
        limpid("train", "calibrator", "-m", model, "--layers", 2, "--max-steps", 3, "--compute", "f32",
               "--data", data, "-o", self.folder / "calibrator")
        calibrator = transformers.AutoModelForCausalLM.from_pretrained(self.folder / "calibrator", dtype=torch.float32)
        tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder / "calibrator")
        self.assertEqual(calibrator.config.num_hidden_layers, 2)

        ids = tokenizer(TEXT)["input_ids"]
        line = json.loads(limpid("tokenize", "-m", self.folder / "calibrator", self.write("t.jsonl", json.dumps({"text": TEXT}) + "\n")))
        self.assertEqual(line["ids"], ids)

        limpid("trace", "-m", self.folder / "calibrator", "--precision", "exact",
               "--ids", self.write("ids.txt", " ".join(map(str, ids)) + "\n"), "-o", self.folder / "trace.safetensors")
        ours = safetensors.numpy.load_file(self.folder / "trace.safetensors")["logits"]
        with torch.no_grad():
            theirs = calibrator(torch.tensor([ids])).logits.numpy()
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, atol=1e-4)

    def test_llama(self):
        self.check_family(golden_model("llama", tie_word_embeddings=True))

    def test_gpt2(self):
        self.check_family(golden_model("gpt2"))

    def test_gemma3(self):
        self.check_family(golden_model("gemma3"))


class ACalibratorOfAGgufFileIsAnOrdinaryHuggingFaceFolder(Folder):
    """Config and tokenizer are made from the file's metadata."""

    def check(self, name):
        if not any(model["name"] == name and os.path.exists(model["place"] or "") for model in json.loads(limpid("models", "--json"))):
            self.skipTest(f"{name} is not pulled")
        data = self.write("safe.jsonl", "".join(json.dumps({"text": f"{TEXT} {i}"}) + "\n" for i in range(60)))
        folder = self.folder / "calibrator"
        limpid("train", "calibrator", "-m", name, "--layers", 1, "--max-steps", 1, "--batch", 1, "--max-length", 16, "--data", data, "-o", folder)
        self.assertEqual(transformers.AutoConfig.from_pretrained(folder).num_hidden_layers, 1)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        texts = [TEXT, "  Two  spaces,\ttabs\n\nlines", "naïve café — 東京 🙂", "12345 it's 3.14", "def f(x):\n    return x"]
        lines = limpid("tokenize", "-m", name, self.write("t.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in texts)))
        for text, line in zip(texts, lines.strip().split("\n"), strict=True):
            self.assertEqual(tokenizer(text)["input_ids"], json.loads(line)["ids"], text)

    def test_smollm2(self):
        self.check("smollm2-135m-instruct")

    def test_gemma3(self):
        self.check("gemma-3-270m")


class SettingsOfAConfigMeanWhatTheyMeanToTransformers(Folder):
    """The fixtures' weights under other settings: what a config says must never be passed over in silence."""

    def check(self, family, **settings):
        model = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        shutil.copytree(golden_model(family), model, dirs_exist_ok=True)
        config = {**json.loads((model / "config.json").read_text()), **settings}
        (model / "config.json").chmod(0o644)
        (model / "config.json").write_text(json.dumps(config))
        ids = [[5, 17, 200, 33, 91, 301, 44, 45, 260, 7, 99, 123]]
        limpid("trace", "-m", model, "--ids", self.write("ids.txt", " ".join(map(str, ids[0])) + "\n"), "-o", self.folder / "t.safetensors")
        ours = safetensors.numpy.load_file(self.folder / "t.safetensors")["logits"]
        with torch.no_grad():
            theirs = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)(torch.tensor(ids)).logits.numpy()
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, atol=1e-4)

    def test_activations(self):
        self.check("llama", hidden_act="gelu")
        self.check("gpt2", activation_function="relu")
        self.check("gemma3", hidden_activation="gelu")

    def test_scales_and_epsilons(self):
        self.check("llama", rms_norm_eps=1e-2)
        self.check("gpt2", scale_attn_weights=False)
        self.check("gemma3", query_pre_attn_scalar=32)

    def test_rotary_scaling(self):
        self.check("llama", rope_scaling={"type": "linear", "factor": 2.0})
        self.check("llama", rope_theta=500.0)


def tiny(kind, **settings):
    """A transformers config of a tiny model: usual sizes, where the class has them, and the settings."""
    usual = {"vocab_size": 400, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 6,
            "num_key_value_heads": 2, "max_position_embeddings": 128, "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 1}
    known = kind().to_dict().keys() | kind.attribute_map.keys()
    return kind(**{key: value for key, value in usual.items() if key in known} | settings)


YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "rope_theta": 1e4}
LONG = {"rope_type": "longrope", "short_factor": [1.0, 1.25, 1.5, 2.0], "long_factor": [1.0, 2.0, 4.0, 8.0], "rope_theta": 1e4,
        "original_max_position_embeddings": 64}
FAMILIES = {  # name: class of the config, settings
    "opt": ("OPTConfig", {"ffn_dim": 80, "word_embed_proj_dim": 48}),
    "opt, norms behind, narrow embeddings, no biases": (
        "OPTConfig", {"ffn_dim": 80, "word_embed_proj_dim": 32, "do_layer_norm_before": False, "enable_bias": False}),
    "falcon, one key head": ("FalconConfig", {"ffn_hidden_size": 192}),
    "falcon, grouped": ("FalconConfig", {"new_decoder_architecture": True, "num_kv_heads": 2}),
    "falcon, grouped, one norm": (
        "FalconConfig", {"new_decoder_architecture": True, "num_kv_heads": 3, "num_ln_in_parallel_attn": 1, "bias": True}),
    "falcon, alibi": ("FalconConfig", {"alibi": True, "multi_query": False, "parallel_attn": False, "bias": True}),
    "mpt": ("MptConfig", {"d_model": 48, "n_heads": 6, "n_layers": 3, "max_seq_len": 128, "attn_config": {"clip_qkv": 0.5}}),
    "mistral": ("MistralConfig", {"sliding_window": 9, "head_dim": 12}),
    "mistral, no window": ("MistralConfig", {"sliding_window": None}),
    "qwen2": ("Qwen2Config", {}),
    "qwen2, upper windows": ("Qwen2Config", {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1}),
    "qwen3": ("Qwen3Config", {"head_dim": 16}),
    "qwen3, biases, yarn": ("Qwen3Config", {"head_dim": 16, "attention_bias": True, "rope_parameters": YARN}),
    "mixtral": ("MixtralConfig", {"num_local_experts": 5}),
    "mixtral, window": ("MixtralConfig", {"num_local_experts": 3, "num_experts_per_tok": 1, "sliding_window": 9}),
    "qwen3_moe": ("Qwen3MoeConfig", {"head_dim": 16, "num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 40}),
    "qwen3_moe, whole shares, dense layers between": (
        "Qwen3MoeConfig", {"head_dim": 16, "num_experts": 6, "num_experts_per_tok": 3, "moe_intermediate_size": 40, "norm_topk_prob": True,
                           "attention_bias": True, "mlp_only_layers": [1]}),
    "gpt_neox": ("GPTNeoXConfig", {"rotary_pct": 0.25, "hidden_size": 96}),
    "gpt_neox, all of a head rotates": ("GPTNeoXConfig", {"rotary_pct": 1.0}),
    "gpt_neox, one half behind the other": ("GPTNeoXConfig", {"use_parallel_residual": False, "attention_bias": False}),
    "phi3": ("Phi3Config", {}),
    "phi3, partial rotation, window, long": (
        "Phi3Config", {"rope_parameters": LONG | {"partial_rotary_factor": 0.5}, "hidden_size": 96, "sliding_window": 11,
                       "original_max_position_embeddings": 64}),
    "gemma": ("GemmaConfig", {"head_dim": 16}),
    "gemma2": ("Gemma2Config", {"head_dim": 16, "sliding_window": 8, "query_pre_attn_scalar": 24, "attn_logit_softcapping": 5.0,
                                "final_logit_softcapping": 3.0}),
    "gemma2, scores by the head size": (
        "Gemma2Config", {"head_dim": 16, "sliding_window": 8, "query_pre_attn_scalar": 16}),
    "gemma2, no caps": ("Gemma2Config", {"head_dim": 16, "sliding_window": 8, "attn_logit_softcapping": None,
                                         "final_logit_softcapping": None}),
    "smollm3": ("SmolLM3Config", {"num_hidden_layers": 5}),
    "smollm3, its own layers": ("SmolLM3Config", {"no_rope_layers": [0, 1, 0], "attention_bias": True, "mlp_bias": True}),
    "olmo2": ("Olmo2Config", {}),
    "granite": ("GraniteConfig", {"embedding_multiplier": 3.0, "residual_multiplier": 0.4, "attention_multiplier": 0.2,
                                  "logits_scaling": 2.5, "attention_bias": True, "mlp_bias": True}),
    "stablelm": ("StableLmConfig", {"hidden_size": 96, "use_qkv_bias": True}),
    "stablelm, all of a head rotates": ("StableLmConfig", {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 1.0}}),
    "stablelm, parallel": ("StableLmConfig", {"hidden_size": 96, "use_parallel_residual": True}),
    "llama, yarn": ("LlamaConfig", {"rope_parameters": YARN | {"mscale": 0.7, "mscale_all_dim": 0.3, "beta_fast": 8.0}}),
    "llama, long": ("LlamaConfig", {"rope_parameters": LONG}),
    "llama, dynamic": ("LlamaConfig", {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}}),
    "llama, biases, wide heads": ("LlamaConfig", {"attention_bias": True, "mlp_bias": True, "head_dim": 20}),
}


# What GGUF files have no words for, or Limpid writes none.
NOT_IN_GGUF = {"gemma2", "gemma2, no caps", "opt", "opt, norms behind, narrow embeddings, no biases", "falcon, alibi", "mistral",
               "phi3, partial rotation, window, long", "smollm3, its own layers", "llama, long", "qwen3_moe"}


class RandomModels(Folder):
    """Random tiny models that transformers writes."""

    def make(self, kind, settings, seed):
        torch.manual_seed(seed)
        config = tiny(getattr(transformers, kind), **settings)
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(0.1 * torch.randn_like(parameter))
                else:
                    parameter.copy_(torch.randn_like(parameter) / parameter.shape[-1] ** 0.5)
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        model.eval().save_pretrained(folder)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(golden_model("llama") / name, folder / name)
        return folder, model

    @staticmethod
    def ids(seed):
        return torch.randint(2, 400, (1, 40), generator=torch.Generator().manual_seed(seed))

    def ours(self, model, seed):
        limpid("trace", "-m", model, "--exact", "--ids", self.write("ids.txt", " ".join(map(str, self.ids(seed)[0].tolist())) + "\n"),
               "-o", self.folder / "t.safetensors")
        return safetensors.numpy.load_file(self.folder / "t.safetensors")["logits"].reshape(1, 40, -1)

    def theirs(self, model, seed):
        with torch.no_grad():
            return model(self.ids(seed), use_cache=False).logits.numpy()


class EveryFamilyComputesWhatTransformersComputes(RandomModels):
    """The logits of a text, and the text written greedily behind it."""

    def check(self, kind, settings, seed):
        folder, model = self.make(kind, settings, seed)
        np.testing.assert_allclose(self.ours(folder, seed), self.theirs(model, seed), atol=1e-4)
        self.check_greedy(folder, model)

    def check_greedy(self, folder, model):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        ids = tokenizer(TEXT, return_tensors="pt", add_special_tokens=False).input_ids
        for _ in range(12):
            with torch.no_grad():
                ids = torch.cat([ids, model(ids, use_cache=False).logits[:, -1].argmax(-1, keepdim=True)], 1)
        expected = tokenizer.decode(ids[0, -12:], skip_special_tokens=True)
        written = self.folder / "greedy.jsonl"
        limpid("generate", "-m", folder, "--exact", "--greedy", "-n", 12, "-p", TEXT, "--ignore-eos", "-o", written)
        self.assertEqual(json.loads(written.read_text())["generations"][0]["text"], expected)

    def check_gradients(self, kind, settings):
        """One step of AdamW without moments moves a weight by g / (|g| + eps): what it learnt by is read off the files."""
        folder, model = self.make(kind, settings, seed=1)
        before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        ids = transformers.AutoTokenizer.from_pretrained(folder)(TEXT, return_tensors="pt", add_special_tokens=False).input_ids
        model(ids, labels=ids).loss.backward()
        out = pathlib.Path(tempfile.mkdtemp(dir=self.folder)) / "out"
        limpid("train", "lm", "-m", folder, "--data", self.write("text.jsonl", json.dumps({"text": TEXT}) + "\n"), "--max-steps", 1,
               "--no-end-token", "--holdout", 0, "--compute", "f32", "--lr", 1, "--schedule", "constant", "--beta1", 0, "--beta2", 0,
               "--eps", 1, "--clip", 0, "-o", out)
        after = dict(transformers.AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32).named_parameters())
        self.assertEqual(before.keys(), after.keys())
        for name, parameter in model.named_parameters():
            moved = (before[name] - after[name]).detach()
            np.testing.assert_allclose(moved / (1 - moved.abs()), parameter.grad, atol=1e-4, err_msg=name)

    def test_gradients(self):
        for name, (kind, settings) in FAMILIES.items():
            with self.subTest(name):
                self.check_gradients(kind, settings)

    def test_families(self):
        for name, (kind, settings) in FAMILIES.items():
            for seed in (1, 2):
                with self.subTest(name, seed=seed):
                    self.check(kind, settings, seed)


class EveryFamilyIsConvertedWholeOrNotAtAll(RandomModels):
    def check(self, name, kind, settings):
        folder, model = self.make(kind, settings, 1)
        gguf, back = folder / "m.gguf", folder / "back"
        done = subprocess.run([PROGRAM, "convert", "-m", folder, "-o", gguf], capture_output=True, text=True)
        self.assertEqual(done.returncode, int(name in NOT_IN_GGUF), done.stderr)
        if done.returncode:
            self.assertRegex(done.stderr, "cannot say this model's|cannot be written as a GGUF file|could not be opened")
            return self.assertFalse(gguf.exists())
        before = self.ours(folder, 1)
        np.testing.assert_allclose(self.ours(gguf, 1), before, atol=1e-5)
        limpid("convert", "-m", gguf, "-o", back)
        np.testing.assert_allclose(self.ours(back, 1), before, atol=1e-5)
        found, loading = transformers.AutoModelForCausalLM.from_pretrained(back, dtype=torch.float32, output_loading_info=True)
        self.assertFalse(loading["missing_keys"] or loading["unexpected_keys"] or loading["mismatched_keys"], loading)
        np.testing.assert_allclose(self.theirs(found, 1), self.theirs(model, 1), atol=1e-4)

    def test_families(self):
        for name, (kind, settings) in FAMILIES.items():
            with self.subTest(name):
                self.check(name, kind, settings)


class ADetoxifierFileIsSafetensors(Folder):
    def test_its_metadata_is_the_documented_json(self):
        model = golden_model("llama")
        limpid("fit", "fusion", "-m", model, "--calibrator", model, "--readout", "norm", "--align", "none",
               "-o", self.folder / "f.detox.safetensors")
        with safetensors.safe_open(self.folder / "f.detox.safetensors", "numpy") as file:
            about = json.loads(file.metadata()["limpid"])
            for name in file.keys():
                file.get_tensor(name)
        self.assertEqual((about["format"], about["method"]), (1, "fusion"))
        self.assertEqual(about["target"]["architecture"], "llama")


class ExportedDetoxifiers(Folder):
    IDS = [5, 17, 200, 33, 91, 301, 44, 45, 260, 7, 99, 123]

    def fit(self, model, tap):
        pairs = self.write("pairs.jsonl", "".join(
            json.dumps({"toxic": f"storm and rain {i * 37}", "neutral": f"calm and sun {i * 91}"}) + "\n" for i in range(12)))
        file = self.folder / "steer.detox.safetensors"
        limpid("fit", "destein", "-m", model, "--pairs", pairs, "--tap", tap, "--rule", "constant", "--positions", "all", "-o", file)
        return f"{file}?weights=uniform:0.8"

    def logits(self, model, *more):
        limpid("trace", "-m", model, "--ids", self.write("ids.txt", " ".join(map(str, self.IDS)) + "\n"), *more, "-o", self.folder / "t.safetensors")
        return safetensors.numpy.load_file(self.folder / "t.safetensors")["logits"]

    def check_biases(self, family):
        model, exported = golden_model(family), self.folder / "exported"
        for tap in ("heads", "projection"):
            detox = self.fit(model, tap)
            limpid("export", "-m", model, "--detox", detox, "-o", exported)
            with torch.no_grad():
                loaded = transformers.AutoModelForCausalLM.from_pretrained(exported, dtype=torch.float32)
                theirs = loaded(torch.tensor([self.IDS])).logits.numpy()
            np.testing.assert_allclose(self.logits(exported).reshape(theirs.shape), theirs, atol=1e-4)
            np.testing.assert_allclose(self.logits(model, "--detox", detox).reshape(theirs.shape), theirs, atol=1e-4)
            self.assertGreater(np.abs(self.logits(model).reshape(theirs.shape) - theirs).max(), 1e-2)

    def test_transformers_loads_attention_biases_of_llama(self):
        self.check_biases("llama")

    def test_transformers_loads_attention_biases_of_gpt2(self):
        self.check_biases("gpt2")

    def test_transformers_loads_attention_biases_of_gemma3(self):
        self.check_biases("gemma3")

    def test_gguf_reads_control_vectors(self):
        try:
            import gguf
        except ImportError:
            self.skipTest("gguf is not installed; scripts/setup --peers installs it")
        model, file = golden_model("llama"), self.folder / "v.gguf"
        layers = transformers.AutoConfig.from_pretrained(model).num_hidden_layers
        detox = self.fit(model, "layer").replace("?", "?layers=1-&")
        limpid("export", "-m", model, "--detox", detox, "-o", file)
        reader = gguf.GGUFReader(file)
        self.assertEqual(reader.get_field("general.architecture").contents(), "controlvector")
        self.assertEqual(reader.get_field("controlvector.model_hint").contents(), "llama")
        self.assertEqual(reader.get_field("controlvector.layer_count").contents(), layers - 1)
        self.assertEqual([tensor.name for tensor in reader.tensors], [f"direction.{n}" for n in range(1, layers)])
        for tensor in reader.tensors:
            self.assertEqual(tensor.tensor_type, gguf.GGMLQuantizationType.F32)
            self.assertGreater(np.abs(tensor.data).max(), 0)
        np.testing.assert_allclose(self.logits(model, "--detox", file), self.logits(model, "--detox", detox), atol=1e-4)

    def test_control_vectors_that_gguf_writes_are_read(self):
        try:
            import gguf
        except ImportError:
            self.skipTest("gguf is not installed; scripts/setup --peers installs it")
        model, file = golden_model("llama"), self.folder / "v.gguf"
        width = transformers.AutoConfig.from_pretrained(model).hidden_size
        writer = gguf.GGUFWriter(str(file), "controlvector")
        writer.add_string("controlvector.model_hint", "llama")
        writer.add_uint32("controlvector.layer_count", 1)
        writer.add_tensor("direction.1", np.linspace(-1, 1, width, dtype=np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        self.assertGreater(np.abs(self.logits(model, "--detox", f"{file}:2") - self.logits(model)).max(), 1e-2)


class AnAdapterIsAPeftFolder(Folder):
    def check_family(self, base):
        try:
            import peft
        except ImportError:
            self.skipTest("peft is not installed; scripts/setup --peers installs it")
        out = self.folder / "adapter"
        data = self.write("texts.jsonl", "".join(json.dumps({"text": f"{TEXT} {i}"}) + "\n" for i in range(40)))
        limpid("train", "lora", "-m", base, "--max-steps", 6, "--compute", "f32", "--lr", 0.01, "--rank", 4, "--merge", "--data", data, "-o", out)
        plain = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        ids = torch.tensor([transformers.AutoTokenizer.from_pretrained(base)(TEXT)["input_ids"]])
        with torch.no_grad():
            before = plain(ids).logits.numpy()
            beside = peft.PeftModel.from_pretrained(plain, out)(ids).logits.numpy()
            merged = transformers.AutoModelForCausalLM.from_pretrained(out / "merged", dtype=torch.float32)(ids).logits.numpy()
        np.testing.assert_allclose(merged, beside, atol=1e-4)
        self.assertGreater(np.abs(before - beside).max(), 1e-2)

    def test_llama(self):
        self.check_family(golden_model("llama", tie_word_embeddings=True))

    def test_gpt2(self):
        self.check_family(golden_model("gpt2"))

    def test_gemma3(self):
        self.check_family(golden_model("gemma3"))


class AFineTunedModelIsAnOrdinaryHuggingFaceFolder(Folder):
    def test_its_loss_is_that_of_transformers(self):
        for family in ("llama", "gpt2", "gemma3"):
            with self.subTest(family):
                out = self.folder / family
                data = self.write("texts.jsonl", "".join(json.dumps({"text": f"{TEXT} {i}"}) + "\n" for i in range(40)))
                limpid("train", "lm", "-m", golden_model(family), "--max-steps", 4, "--compute", "f32", "--lr", 0.001, "--data", data,
                       "--holdout", 0.2, "--no-end-token", "-o", out)
                rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
                self.assertLess(rows[-1]["held_out_loss"], rows[0]["held_out_loss"])
                model = transformers.AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
                ids = torch.tensor([transformers.AutoTokenizer.from_pretrained(out)(TEXT)["input_ids"]])
                with torch.no_grad():
                    theirs = model(ids).logits.numpy()
                limpid("trace", "-m", out, "--precision", "exact", "--ids", self.write("ids.txt", " ".join(map(str, ids[0].tolist())) + "\n"),
                       "-o", self.folder / "trace.safetensors")
                ours = safetensors.numpy.load_file(self.folder / "trace.safetensors")["logits"]
                np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, atol=1e-4)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
