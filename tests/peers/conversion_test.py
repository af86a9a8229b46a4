"""Models that Limpid converts and quantises, read by the libraries that define the formats: gguf, safetensors, transformers.

    python conversion_test.py PROGRAM      fixtures as peers_test.py

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
    import gguf
    import numpy as np
    import torch
    import transformers
    from safetensors.torch import load_file, save_file
except ImportError as missing:
    print(f"skipped: {missing}; scripts/setup --peers installs what these tests compare with")
    sys.exit(77)

PROGRAM = sys.argv[1]
SHARED = pathlib.Path(os.environ.get("LIMPID_SHARED") or pathlib.Path(__file__).resolve().parents[3] / "shared")
GOLDEN = pathlib.Path(os.environ.get("LIMPID_GOLDEN") or SHARED / "golden")
if not (GOLDEN / "models").is_dir():
    print(f"skipped: {GOLDEN} has no folder models")
    sys.exit(77)

Type = gguf.GGMLQuantizationType
TEXT = "Kind words cost nothing, 1234 and yet they're worth much.\n"


def golden_model(family, **settings):
    for file in sorted((GOLDEN / "models").glob("*/config.json")):
        config = json.loads(file.read_text())
        if (config.get("model_type", "").removesuffix("_text") == family and (file.parent / "model.safetensors").exists()
                and all(config.get(key) == value for key, value in settings.items())):
            return file.parent
    raise unittest.SkipTest(f"{GOLDEN / 'models'} has no {family} with {settings}")


def limpid(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"limpid {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def weights_of(folder):
    tensors = {}
    for file in folder.glob("model*.safetensors"):
        tensors.update(load_file(file))
    return tensors


class Folder(unittest.TestCase):
    def setUp(self):
        self._temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self._temporary.name)
        self.addCleanup(self._temporary.cleanup)

    def assertSameBits(self, ours, theirs):
        ours, theirs = np.asarray(ours, np.float32), np.asarray(theirs, np.float32)
        self.assertEqual(ours.shape, theirs.shape)
        same = (ours.view(np.uint32) == theirs.view(np.uint32)) | (np.isnan(ours) & np.isnan(theirs))
        self.assertTrue(same.all(), f"{(~same).sum()} of {same.size} values differ")


class BlocksStandForTheValuesThatGgufGivesThem(Folder):
    # Of a block of llama; queries and keys lie in another order.
    MATRICES = {"attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj",
                "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}

    def test_random_blocks_of_every_type(self):
        random, width = np.random.default_rng(1), 256
        types = [t for t in gguf.quants._type_traits if t != Type.BF16]
        places = [(layer, name) for layer in range(-(-len(types) // len(self.MATRICES))) for name in self.MATRICES]
        layers = places[-1][0] + 1
        writer = gguf.GGUFWriter(str(self.folder / "m.gguf"), "llama")
        writer.add_context_length(64), writer.add_embedding_length(width), writer.add_block_count(layers)
        writer.add_feed_forward_length(width), writer.add_head_count(4), writer.add_layer_norm_rms_eps(1e-5)
        plain = lambda *shape: random.standard_normal(shape, np.float32)
        writer.add_tensor("token_embd.weight", plain(8, width)), writer.add_tensor("output_norm.weight", plain(width))
        expected = {}
        for layer in range(layers):
            for name in ("attn_norm", "ffn_norm"):
                writer.add_tensor(f"blk.{layer}.{name}.weight", plain(width))
            for name in ("attn_q", "attn_k"):
                writer.add_tensor(f"blk.{layer}.{name}.weight", plain(width, width))
        for (layer, name), kind in zip(places, types + [None] * len(places)):
            stored = f"blk.{layer}.{name}.weight"
            if kind is None:
                writer.add_tensor(stored, plain(width, width))
                continue
            block, size = gguf.GGML_QUANT_SIZES[kind]
            blocks = np.zeros((width, width // block * size), np.uint8)
            bad = np.ones(width, bool)  # rows that are drawn (again): a scale that is no number is refused
            with np.errstate(all="ignore"):
                while bad.any():
                    blocks[bad] = random.integers(0, 256, (bad.sum(), blocks.shape[1]), dtype=np.uint8)
                    values = gguf.quants.dequantize(blocks, kind)
                    bad = ~np.isfinite(values).all(axis=1)
            writer.add_tensor(stored, blocks, raw_dtype=kind)
            expected[f"model.layers.{layer}.{self.MATRICES[name]}.weight", kind.name] = values
        writer.write_header_to_file(), writer.write_kv_data_to_file(), writer.write_tensors_to_file(), writer.close()
        limpid("convert", "-m", self.folder / "m.gguf", "-o", self.folder / "hf", "--type", "f32")
        ours = weights_of(self.folder / "hf")
        for (name, kind), values in expected.items():
            with self.subTest(kind):
                self.assertSameBits(ours[name].numpy(), values)

    def test_what_quantize_writes(self):
        # Rows of whole super-blocks: a wider model than the golden ones, which need not say anything.
        config = transformers.LlamaConfig(vocab_size=400, hidden_size=256, num_hidden_layers=1, num_attention_heads=4, intermediate_size=512)
        torch.manual_seed(0)
        transformers.LlamaForCausalLM(config).save_pretrained(self.folder / "hf")
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(golden_model("llama") / name, self.folder / "hf")
        before = weights_of(self.folder / "hf")
        for kind in ("q4_0", "q4_1", "q4_k", "q5_k", "q6_k", "q8_0", "bf16"):
            with self.subTest(kind):
                file, back = self.folder / f"{kind}.gguf", self.folder / kind
                limpid("quantize", "-m", self.folder / "hf", "--type", kind, "--documents", 0, "-o", file)
                limpid("convert", "-m", file, "-o", back, "--type", "f32")
                ours = weights_of(back)
                tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(file).tensors}
                self.assertEqual(tensors["blk.0.ffn_down.weight"].tensor_type.name.lower(), kind)
                for stored, name in self.MATRICES.items():
                    tensor, name = tensors[f"blk.0.{stored}.weight"], f"model.layers.0.{name}.weight"
                    values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
                    self.assertSameBits(ours[name].numpy(), values)
                    error = np.linalg.norm(values - before[name].numpy()) / np.linalg.norm(values)
                    self.assertLess(error, {"4": 0.1, "5": 0.05, "6": 0.025, "8": 0.01}.get(kind[1], 0.003))


class ThereAndBackGivesTheSameBits(Folder):
    def check(self, source, dtype):
        model = self.folder / "model"
        shutil.copytree(source, model)
        tensors = {name: value.to(dtype) for name, value in weights_of(model).items()}
        for file in model.glob("model*.safetensors*"):
            file.unlink()
        save_file(tensors, model / "model.safetensors", {"format": "pt"})
        limpid("convert", "-m", model, "-o", self.folder / "m.gguf")
        limpid("convert", "-m", self.folder / "m.gguf", "-o", self.folder / "back")
        back = weights_of(self.folder / "back")
        for name, value in tensors.items():
            if name.endswith(".attn.bias") or name.endswith("masked_bias"):
                continue  # a mask in published GPT-2 files
            found = back.get(name, back.get("transformer." + name))
            self.assertEqual(found.dtype, dtype, name)
            if "norm" in name and "gemma" in source.name:  # GGUF stores 1 + w, in float32
                np.testing.assert_allclose(found.float(), value.float(), atol=6e-8)
            else:
                self.assertTrue(torch.equal(found, value), name)
        ids = lambda folder: transformers.AutoTokenizer.from_pretrained(folder)(TEXT)["input_ids"]
        self.assertEqual(ids(self.folder / "back"), ids(model))
        logits = []
        for folder in (model, self.folder / "back"):
            loaded = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
            with torch.no_grad():
                logits.append(loaded(torch.tensor([ids(model)])).logits.numpy())
        np.testing.assert_allclose(logits[0], logits[1], atol=1e-5)

    def test_llama(self):
        self.check(golden_model("llama"), torch.float32)

    def test_llama_of_16_bits(self):
        self.check(golden_model("llama"), torch.float16)

    def test_gpt2(self):
        self.check(golden_model("gpt2"), torch.float32)

    def test_gpt2_of_16_bits(self):
        self.check(golden_model("gpt2"), torch.float16)

    def test_gemma3(self):
        self.check(golden_model("gemma3"), torch.float32)


class GgufFilesHaveTheNamesOfLlamaCpp(Folder):
    def check(self, family, architecture):
        model = golden_model(family)
        limpid("convert", "-m", model, "-o", self.folder / "m.gguf")
        reader = gguf.GGUFReader(self.folder / "m.gguf")
        config = transformers.AutoConfig.from_pretrained(model)
        names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
        expected = {names.get_name(name, try_suffixes=(".weight", ".bias")) for name in weights_of(model)}
        self.assertEqual({tensor.name for tensor in reader.tensors}, {name for name in expected if name})
        value = lambda key: reader.get_field(f"{gguf.MODEL_ARCH_NAMES[architecture]}.{key}").contents()
        self.assertEqual(value("block_count"), config.num_hidden_layers)
        self.assertEqual(value("embedding_length"), config.hidden_size)
        self.assertEqual(value("context_length"), config.max_position_embeddings)
        self.assertEqual(len(reader.get_field("tokenizer.ggml.tokens").contents()), config.vocab_size)
        self.assertEqual(reader.get_field("tokenizer.ggml.model").contents(), "gpt2")

    def test_llama(self):
        self.check("llama", gguf.MODEL_ARCH.LLAMA)

    def test_gpt2(self):
        self.check("gpt2", gguf.MODEL_ARCH.GPT2)

    def test_gemma3(self):
        self.check("gemma3", gguf.MODEL_ARCH.GEMMA3)

    def test_transformers_computes_the_same_from_the_gguf_file(self):
        model = golden_model("llama")
        limpid("convert", "-m", model, "-o", self.folder / "m.gguf")
        ids, logits = torch.tensor([[5, 17, 200, 33, 91, 301]]), []
        for arguments in ({"pretrained_model_name_or_path": model},
                          {"pretrained_model_name_or_path": self.folder, "gguf_file": "m.gguf"}):
            with torch.no_grad():
                logits.append(transformers.AutoModelForCausalLM.from_pretrained(dtype=torch.float32, **arguments)(ids).logits.numpy())
        np.testing.assert_allclose(logits[0], logits[1], atol=1e-4)


class ExpertsLieInOneTensorOfAGgufFile(Folder):
    IDS = [5, 17, 200, 33, 91, 301, 44, 45, 260, 7, 99, 123]

    def logits(self, model):
        ids = self.folder / "ids.txt"
        ids.write_text(" ".join(map(str, self.IDS)) + "\n")
        limpid("trace", "-m", model, "--exact", "--ids", ids, "-o", self.folder / "t.safetensors")
        return load_file(self.folder / "t.safetensors")["logits"].numpy()

    def check(self, config, architecture):
        model, file = self.folder / "model", self.folder / "m.gguf"
        torch.manual_seed(0)
        transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(model)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(golden_model("llama") / name, model)
        limpid("convert", "-m", model, "-o", file)
        self.assertSameBits(self.logits(file), self.logits(model))
        reader = gguf.GGUFReader(file)
        prefix = gguf.MODEL_ARCH_NAMES[architecture]
        self.assertEqual(reader.get_field(gguf.Keys.LLM.EXPERT_COUNT.format(arch=prefix)).contents(), 4)
        self.assertEqual(reader.get_field(gguf.Keys.LLM.EXPERT_USED_COUNT.format(arch=prefix)).contents(), 2)
        known = {gguf.TENSOR_NAMES[kind].format(bid=layer) + ".weight" for kind in gguf.MODEL_TENSORS[architecture] for layer in range(2)}
        tensors = {tensor.name: tensor for tensor in reader.tensors}
        self.assertLessEqual(tensors.keys(), known)
        F = getattr(config, "moe_intermediate_size", config.intermediate_size)
        self.assertEqual(tensors["blk.1.ffn_up_exps.weight"].data.shape, (4, F, 48))
        self.assertEqual(tensors["blk.1.ffn_down_exps.weight"].data.shape, (4, 48, F))
        limpid("quantize", "-m", model, "--type", "q8_0", "--documents", 0, "-o", self.folder / "q.gguf")
        limpid("convert", "-m", self.folder / "q.gguf", "-o", self.folder / "back", "--type", "f32")
        np.testing.assert_allclose(self.logits(self.folder / "back"), self.logits(self.folder / "q.gguf"), atol=1e-4)

    SIZES = {"vocab_size": 400, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2,
             "intermediate_size": 96, "max_position_embeddings": 128, "num_experts_per_tok": 2, "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 1}

    def test_mixtral(self):
        self.check(transformers.MixtralConfig(num_local_experts=4, **self.SIZES), gguf.MODEL_ARCH.LLAMA)

    def test_qwen3_moe(self):
        self.check(transformers.Qwen3MoeConfig(num_experts=4, moe_intermediate_size=32, norm_topk_prob=True, head_dim=16, **self.SIZES),
                   gguf.MODEL_ARCH.QWEN3MOE)


class WeightsThatOtherProgramsQuantised(Folder):
    """Each form beside its formula in float32. A form is made for one matrix of a golden llama."""

    def check(self, settings, parts, expected):
        model = self.folder / "model"
        shutil.copytree(golden_model("llama"), model)
        tensors = weights_of(model)
        module = "model.layers.0.mlp.down_proj"
        self.assertEqual(tensors.pop(module + ".weight").shape, expected.shape)
        tensors.update({module + name: value.contiguous() for name, value in parts.items()})
        save_file(tensors, model / "model.safetensors", {"format": "pt"})
        config = json.loads((model / "config.json").read_text())
        (model / "config.json").write_text(json.dumps({**config, "quantization_config": settings}))
        limpid("convert", "-m", model, "-o", self.folder / "m.gguf")
        limpid("convert", "-m", self.folder / "m.gguf", "-o", self.folder / "back", "--type", "f32")
        self.assertSameBits(weights_of(self.folder / "back")[module + ".weight"].numpy(), expected.float().numpy())
        logits = [self.logits(path) for path in (model, self.folder / "m.gguf", self.folder / "back")]
        np.testing.assert_allclose(logits[0], logits[2], atol=1e-3)
        np.testing.assert_allclose(logits[1], logits[2], atol=1e-3)
        for name in ("m.gguf", "back", "model"):
            shutil.rmtree(self.folder / name) if (self.folder / name).is_dir() else (self.folder / name).unlink()

    def logits(self, model):
        (self.folder / "ids.txt").write_text("5 17 200 33 91 301\n")
        limpid("trace", "-m", model, "--ids", self.folder / "ids.txt", "-o", self.folder / "t.safetensors")
        return load_file(self.folder / "t.safetensors")["logits"].numpy()

    def setUp(self):
        super().setUp()
        torch.manual_seed(0)
        self.out, self.inputs = weights_of(golden_model("llama"))["model.layers.0.mlp.down_proj.weight"].shape

    @staticmethod
    def packed(codes, bits, dimension):
        """32 / bits codes a word along a dimension, the first one lowest."""
        words = codes.long().movedim(dimension, -1).unflatten(-1, (-1, 32 // bits))
        word = sum(words[..., k] << (bits * k) for k in range(32 // bits))
        return torch.where(word >= 2**31, word - 2**32, word).int().movedim(-1, dimension)

    def test_gptq(self):
        groups, size = self.inputs // 32, 32
        for bits, symmetric, version, reordered in ((4, True, "gptq", False), (4, False, "gptq", False), (4, False, "gptq_v2", False),
                                                    (4, True, "gptq", True), (8, True, "gptq", False), (8, False, "gptq_v2", False)):
            with self.subTest(bits=bits, symmetric=symmetric, version=version, reordered=reordered):
                codes = torch.randint(0, 2**bits, (self.inputs, self.out))
                zeros = torch.full((groups, self.out), 2**(bits - 1)) if symmetric else torch.randint(1, 2**bits, (groups, self.out))
                scales, group = (torch.rand(groups, self.out) / 10 + 0.01).half(), torch.arange(self.inputs) // size
                if reordered:
                    group = group[torch.randperm(self.inputs)]
                self.check({"quant_method": "gptq", "bits": bits, "group_size": size, "checkpoint_format": version},
                           {".qweight": self.packed(codes, bits, 0), ".scales": scales, ".g_idx": group.int(),
                            ".qzeros": self.packed(zeros - int(version == "gptq"), bits, 1)},
                           (scales.float()[group] * (codes - zeros[group]).float()).T)

    def test_awq(self):
        codes, zeros = torch.randint(0, 16, (self.inputs, self.out)), torch.randint(0, 16, (self.inputs // 32, self.out))
        scales = (torch.rand(zeros.shape) / 10).half()
        order = lambda x: x.unflatten(1, (-1, 8))[:, :, [0, 2, 4, 6, 1, 3, 5, 7]].flatten(1)
        spread = lambda x: x.repeat_interleave(32, 0)
        self.check({"quant_method": "awq", "bits": 4, "group_size": 32, "version": "gemm"},
                   {".qweight": self.packed(order(codes), 4, 1), ".qzeros": self.packed(order(zeros), 4, 1), ".scales": scales},
                   (spread(scales.float()) * (codes - spread(zeros)).float()).T)

    def test_eight_bits_with_scales(self):
        weight = torch.randn(self.out, self.inputs)
        rows, one, grid = torch.rand(self.out, 1).bfloat16(), torch.rand(1), torch.rand(-(-self.out // 48), -(-self.inputs // 40))
        spread = grid.repeat_interleave(48, 0)[:self.out].repeat_interleave(40, 1)[:, :self.inputs]
        for kind in (torch.float8_e4m3fn, torch.float8_e5m2):
            small = weight.to(kind)
            self.check({"quant_method": "fp8", "weight_block_size": [48, 40]}, {".weight": small, ".weight_scale_inv": grid}, small.float() * spread)
            self.check({"quant_method": "compressed-tensors", "format": "float-quantized"}, {".weight": small, ".weight_scale": rows},
                       small.float() * rows.float())
            self.check({"quant_method": "fbgemm_fp8"}, {".weight": small, ".weight_scale": one}, small.float() * one)
        whole = torch.randint(-128, 128, weight.shape, dtype=torch.int8)
        self.check({"quant_method": "compressed-tensors", "format": "int-quantized"}, {".weight": whole, ".weight_scale": rows},
                   whole.float() * rows.float())

    def test_bitsandbytes(self):
        count, block, outer = self.out * self.inputs, 64, 256
        codes, map16 = torch.randint(0, 16, (count,)), torch.sort(torch.randn(16)).values
        pairs = (codes[0::2] << 4 | codes[1::2]).to(torch.uint8)[:, None]
        state = {"quant_type": "nf4", "blocksize": block, "dtype": "bfloat16", "shape": [self.out, self.inputs]}
        text = lambda s: torch.tensor(list(json.dumps(s).encode()), dtype=torch.uint8)
        blocks = count // block
        scales = torch.rand(blocks)
        values = lambda s: (map16[codes].view(-1, block) * s[:, None]).view(self.out, self.inputs)
        plain = {".weight": pairs, ".weight.quant_map": map16}
        settings = {"quant_method": "bitsandbytes", "load_in_4bit": True}
        self.check(settings, {**plain, ".weight.absmax": scales, ".weight.quant_state.bitsandbytes__nf4": text(state)}, values(scales))
        small, map256, offset = torch.randint(0, 256, (blocks,), dtype=torch.uint8), torch.randn(256), np.float32(0.17)
        outer_scales = torch.rand(-(-blocks // outer))
        nested = map256[small.long()] * outer_scales.repeat_interleave(outer)[:blocks] + float(offset)
        self.check(settings, {**plain, ".weight.absmax": small, ".weight.nested_absmax": outer_scales, ".weight.nested_quant_map": map256,
                              ".weight.quant_state.bitsandbytes__nf4": text({**state, "nested_blocksize": outer, "nested_offset": float(offset)})},
                   values(nested))
        whole, rows = torch.randint(-127, 128, (self.out, self.inputs), dtype=torch.int8), torch.rand(self.out) * 4
        self.check({"quant_method": "bitsandbytes", "load_in_8bit": True}, {".weight": whole, ".SCB": rows},
                   whole.float() * rows[:, None] * 7.874015718698502e-3)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
