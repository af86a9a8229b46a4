"""Seeds and dictionaries of the fuzz targets (scripts/fuzz), made anew for each run: files of the golden models and cases, cut to a size
that a fuzzer can work with; literals of the tests; and what only a description can give. Nothing of it lies in the repository."""
import json
import os
import pathlib
import re
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHARED = pathlib.Path(os.environ.get("LIMPID_SHARED") or ROOT.parent / "shared")
sys.path.insert(0, str(ROOT / "tests" / "cli"))
import toy_model  # noqa: E402

BETWEEN = b"\xff\n\xff"  # fuzz/support.h
LONGEST = 6000  # bytes of a seed; longer ones are mutated to little effect
MOST = 150      # seeds of one kind
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84), 11: (256, 110), 12: (256, 144),
          13: (256, 176), 14: (256, 210), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
          23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66),
          39: (32, 17), 40: (64, 36), 41: (128, 18), 4: (32, 18)}  # elements and bytes of a block, by ggml's number


def files(*patterns):
    """The contents of small files below ../shared and the repository."""
    found = {path for pattern in patterns for top in (SHARED / "golden", SHARED / "cases", ROOT) for path in sorted(top.glob(pattern))}
    return [path.read_bytes() for path in sorted(found) if path.is_file() and path.stat().st_size <= LONGEST][:MOST]


def heads(*patterns, rows=3):
    """The first lines of files of rows."""
    found = [path for pattern in patterns for top in (SHARED / "golden", SHARED / "cases") for path in sorted(top.glob(pattern))]
    return [head for path in found if len(head := b"\n".join(path.read_bytes().split(b"\n")[:rows])) <= LONGEST][:MOST]


def literals(*folders):
    """What stands in quotes in C++ sources: raw strings and others."""
    texts = []
    for source in sorted(path for folder in folders for path in ROOT.glob(folder)):
        text = source.read_text()
        texts += re.findall(r'R"\((.*?)\)"', text, re.DOTALL)
        texts += [plain.encode("latin-1", "ignore").decode("unicode_escape", "ignore") for plain in re.findall(r'(?<!R)"((?:[^"\\\n]|\\.)*)"', text)]
    return texts


def raw_literals(folder, has):
    return [text.encode() for text in literals(folder) if has in text and len(text) <= LONGEST]


def safetensors_parts(path, most=2048):
    """Header and data of a file, with as many of its tensors as fit, the smallest first."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header, data, kept = json.loads(content[8:8 + size]), content[8 + size:], b""
    out = {key: value for key, value in header.items() if key == "__metadata__"}
    for name, entry in sorted(header.items(), key=lambda item: item[1].get("data_offsets", [0, 0])[1] - item[1].get("data_offsets", [0, 0])[0]):
        if name != "__metadata__" and len(kept) + entry["data_offsets"][1] - entry["data_offsets"][0] <= most and len(out) < 6:
            begin, end = entry["data_offsets"]
            out[name] = dict(entry, data_offsets=[len(kept), len(kept) + end - begin])
            kept += data[begin:end]
    return out, kept


def safetensors(header, data):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def header_of(tensors):
    """A header and data for tensors {name: (type, shape, bytes)}."""
    header, data = {}, b""
    for name, (kind, shape, content) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    return json.dumps(header).encode(), data


def all_safetensors():
    found = [path for top in (SHARED / "golden", SHARED / "cases", ROOT / "share") for path in sorted(top.rglob("*.safetensors"))]
    return [safetensors(*parts) for path in found if len(json.dumps((parts := safetensors_parts(path))[0])) <= LONGEST][:MOST]


def gguf(metadata, tensors):
    """A GGUF file. @param tensors  {name: (number of the type, sizes, bytes)}"""
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    header += b"".join(toy_model.gguf_text(key) + toy_model.gguf_value(value) for key, value in metadata.items())
    data = b""
    for name, (kind, sizes, content) in tensors.items():
        header += toy_model.gguf_text(name) + struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes) + struct.pack("<IQ", kind, len(data))
        data += content + bytes(-len(content) % 32)
    return header + bytes(-len(header) % 32) + data


def toy_metadata(vocabulary):
    return {"general.architecture": "llama", "llama.block_count": 1, "llama.context_length": 64, "llama.embedding_length": 8,
            "llama.feed_forward_length": 16, "llama.attention.head_count": 2, "llama.attention.head_count_kv": 1,
            "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.freq_base": 10000.0, "llama.vocab_size": len(vocabulary["tokenizer.ggml.tokens"]),
            **vocabulary}


def gguf_seeds():
    pieces = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁a", "<0x0A>"],
              "tokenizer.ggml.token_type": [2, 3, 3, 1, 1, 1, 1, 1, 6], "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2,
              "tokenizer.ggml.add_bos_token": 1, "tokenizer.chat_template": "{{ messages }}"}
    bpe = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "llama-bpe", "tokenizer.ggml.tokens": ["a", "b", "ab", "Ġ", "Ċ", "<e>"],
           "tokenizer.ggml.token_type": [1, 1, 1, 1, 1, 3], "tokenizer.ggml.merges": ["a b"], "tokenizer.ggml.eos_token_id": 5}
    words = dict(bpe, **{"tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": ["[UNK]", "[CLS]", "[SEP]", "▁a", "b", "▁."]})
    unigram = dict(pieces, **{"tokenizer.ggml.model": "t5"})
    blocks = {f"b{kind}": (kind, [elements], bytes(range(1, size + 1))) for kind, (elements, size) in BLOCKS.items()}
    one = {"token_embd.weight": (0, [8, 2], struct.pack("<16f", *[0.5] * 16)), "rope_freqs.weight": (0, [2], struct.pack("<2f", 1, 2))}
    files_ = [gguf(toy_metadata(vocabulary), one) for vocabulary in (pieces, bpe, words, unigram)]
    files_ += [gguf({"general.architecture": name, f"{name}.block_count": 1, f"{name}.embedding_length": 8}, {}) for name in ("gemma3", "gpt2", "phi3", "qwen2")]
    return files_ + [gguf({}, blocks), *(gguf({"general.alignment": 32}, {name: blocks[name]}) for name in blocks)] + files("**/*.gguf")


def gguf_parts_seeds():
    def part(number, tensors):
        return gguf({"split.no": number, "split.count": 2, "split.tensors.count": 2, "general.architecture": "llama"}, tensors)
    tensor = (0, [2], struct.pack("<2f", 1, 2))
    return [BETWEEN.join((part(0, {"a": tensor}), part(1, {"b": tensor}))), BETWEEN.join((part(0, {"a": tensor}), part(1, {"a": tensor}))), gguf({}, {"a": tensor})]


def config_seeds():
    configs = files("**/config.json")
    for case in files("05-rope-theta-in-scaling/forms.json"):
        configs += [json.dumps(form).encode() for form in walk(json.loads(case)) if "model_type" in form or "rope_theta" in form]
    generation = files("**/generation_config.json")
    return configs + [config + BETWEEN + generation[i % len(generation)] for i, config in enumerate(configs) if generation]


def walk(value):
    """Every object in a document."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(inner)


def checkpoint_folder_seeds():
    half, word = struct.pack("<e", 0.5), struct.pack("<i", 0x76543210)
    state = {"quant_type": "nf4", "blocksize": 4, "shape": [2, 2], "nested_blocksize": 256, "nested_offset": 1.0}
    nf4 = {"a.weight": ("U8", [2, 1], b"\x01\x12"), "a.weight.absmax": ("U8", [1], b"\0"), "a.weight.quant_map": ("F32", [16], bytes(64)),
           "a.weight.nested_absmax": ("F32", [1], struct.pack("<f", 0.5)), "a.weight.nested_quant_map": ("F32", [256], bytes(1024)),
           "a.weight.quant_state.bitsandbytes__nf4": ("U8", [len(json.dumps(state))], json.dumps(state).encode())}
    gptq = {"a.qweight": ("I32", [4, 1], word * 4), "a.qzeros": ("I32", [1, 1], word), "a.scales": ("F16", [1, 1], half)}
    forms = [({"quant_method": "gptq", "bits": 4, "group_size": 32}, gptq),
             ({"quant_method": "gptq", "bits": 4, "checkpoint_format": "gptq_v2"}, dict(gptq, **{"a.g_idx": ("I32", [32], bytes(128))})),
             ({"quant_method": "awq", "bits": 4, "version": "GEMM"},
              {"a.qweight": ("I32", [32, 1], word * 32), "a.qzeros": ("I32", [1, 1], word), "a.scales": ("F16", [1, 8], half * 8)}),
             ({"quant_method": "fp8", "weight_block_size": [1, 2]},
              {"a.weight": ("F8_E4M3", [2, 3], b"\x38" * 6), "a.weight_scale_inv": ("F32", [2, 2], struct.pack("<4f", 2, 3, 4, 5))}),
             ({"quant_method": "compressed-tensors", "format": "float-quantized"},
              {"a.weight": ("F8_E4M3", [2, 3], b"\x38" * 6), "a.weight_scale": ("F32", [2, 1], struct.pack("<2f", 2, 3))}),
             ({"quant_method": "bitsandbytes", "load_in_4bit": True}, nf4),
             ({"quant_method": "bitsandbytes", "load_in_8bit": True}, {"a.weight": ("I8", [2, 2], b"\1\2\3\4"), "a.SCB": ("F32", [2], struct.pack("<2f", 1, 2))})]
    seeds = [BETWEEN.join((b"", json.dumps({"model_type": "llama", "quantization_config": settings}).encode(), *header_of(tensors))) for settings, tensors in forms]
    index = json.dumps({"metadata": {}, "weight_map": {"a": "a.safetensors", "b": "a.safetensors"}}).encode()
    plain = header_of({"a": ("F32", [1], bytes(4)), "b": ("BF16", [2], bytes(4))})
    return seeds + [BETWEEN.join((index, b"{}", *plain)), BETWEEN.join((b"", b"", *plain))] + files("**/model.safetensors.index.json")


def tokenizer_json_seeds():
    return files("**/tokenizer.json") + raw_literals("tests/tokenizers/*", '"model"') + raw_literals("fuzz/tokenizer_text_fuzz.cpp", '"model"')


def sentencepiece_seeds():
    def field(number, wire, content):
        return bytes([number << 3 | wire]) + content

    def message(*fields_):
        return b"".join(fields_)

    def counted(content):
        return bytes([len(content)]) + content

    def piece(text, score, kind):
        return field(1, 2, counted(message(field(1, 2, counted(text.encode())), field(2, 5, struct.pack("<f", score)), field(3, 0, bytes([kind])))))
    pieces = message(piece("<unk>", 0, 2), piece("<s>", 0, 3), piece("</s>", 0, 3), piece("▁", -1, 1), piece("a", -2, 1), piece("▁a", -1.5, 1), piece("<x>", 0, 4))
    bytes_ = message(*(piece(f"<0x{byte:02X}>", 0, 6) for byte in range(256)))
    trainer = [field(2, 2, counted(message(field(3, 0, bytes([kind])), bytes([35 << 3 & 0x7f | 0x80, 35 << 3 >> 7]) + b"\1"))) for kind in (1, 2)]
    normalizer = field(3, 2, counted(message(field(1, 2, counted(b"identity")), field(3, 0, b"\1"), field(4, 0, b"\1"), field(5, 0, b"\1"))))
    return [pieces, pieces + trainer[0] + normalizer, pieces + trainer[1] + normalizer, pieces + bytes_ + trainer[1] + normalizer] + files("**/*.model")


def tokenizer_folder_seeds():
    configs = files("**/tokenizer_config.json")[:40]
    others = [files("**/special_tokens_map.json"), files("**/added_tokens.json")]
    jsons = tokenizer_json_seeds()[:40]
    vocabularies = [(b"\1", b'{"a": 0, "b": 1, "ab": 2, "\xc4\xa0": 3, "<e>": 4}', b"#version: 0.2\na b\n"), (b"\2", b"[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\n.\n", b""),
                    (b"\3", b"YQ== 0\nYg== 1\nYWI= 2\nIA== 3\n", b"")]
    vocabularies += [(b"\0", text, b"") for text in jsons]
    beside = [b'{"bos_token": "<e>", "added_tokens_decoder": {"4": {"content": "<e>", "special": true}}, "tokenizer_class": "GPT2TokenizerFast", "add_prefix_space": true}', *configs]
    extra = [b'{"eos_token": {"content": "<e>", "lstrip": true}}', b'{"<x>": 5}']
    extra = [kind[0] if kind else own for kind, own in zip(others, extra)]
    return [first + BETWEEN.join((text, merges, beside[i % len(beside)], *extra)) for i, (first, text, merges) in enumerate(vocabularies + vocabularies[:3])]


def tokenizer_text_seeds():
    texts = [b"It's ab  ab\n\n<e> \xc3\xa9 12", "ﬁnd Ⅷ ① ａｂ é".encode(), b" <e>a<e> b", "🙂👩‍👩‍👧 a\u0301".encode(), b"\xff\xfe\xc3", *heads("**/stream.jsonl", rows=1)]
    return [bytes([kind]) + text for kind in range(4) for text in texts]


def template_seeds():
    templates = [text.encode() for text in literals("tests/tokenizers/jinja_test.cpp", "tests/tokenizers/chat_test.cpp") if "{{" in text or "{%" in text]
    for config in files("**/tokenizer_config.json"):
        templates += [text.encode() for text in [json.loads(config).get("chat_template")] if isinstance(text, str)]
    return sorted(set(templates))[:4 * MOST]


def messages_seeds():
    rows = [{"text": "ab <e>"}, {"ids": [0, 1, 2]}, {"messages": [{"role": "user", "content": "a"}], "chat_template": "{{ messages[0].content }}"},
            {"messages": [{"role": "user", "content": "a"}], "tools": [], "add_generation_prompt": True, "chat_template": "{% for m in messages %}{{ m }}{% endfor %}"}]
    lists = [[{"role": "system", "content": "x"}, {"role": "user", "content": "y"}]]
    return [json.dumps(value).encode() for value in rows + lists]


def rows_seeds():
    texts = heads("**/*.jsonl", "*/*.json", "**/*.data", "**/*.ndjson", "**/*.csv", rows=4) + raw_literals("tests/data/*", '"') + raw_literals("tests/data/rows_test.cpp", ",")
    texts += [b'text,label\n"a, b",1\nc,0\n', b"toxic\tneutral\nvile\tkind\n", b'{"question": "q", "choices": ["a", "b"], "answer": 1}',
              b'{"text": {"0": "a", "1": "b"}, "label": {"0": 1, "1": 0}}', b'{"toxic": ["a"], "neutral": ["b"]}', b'["a", "b"]', b'{"prompt": {"text": "a", "toxicity": 0.5}}']
    return [bytes([i % 6, reader]) + text for i, text in enumerate(texts[:2 * MOST]) for reader in range(5)]


def generations_seeds():
    judged = {"full_tokens": 3, "prompt_tokens": 1, "full_nll": 1.5, "prompt_nll": None, "continuation_tokens": 2, "continuation_nll": 3.0, "empty": False, "merged": False}
    row = {"index": 0, "prompt": "p", "prompt_ids": [1], "answers": ["t"], "generations": [
        {"text": "t", "ids": [2, 3], "toxicity": 0.5, "finish_reason": "stop", "judged": {"gpt2": judged}}, {"text": "", "toxicity": None}]}
    return [json.dumps(row).encode(), *heads("**/generations.jsonl", "**/paraphrases.jsonl", "**/nan.jsonl", rows=2), *raw_literals("tests/data/generations_test.cpp", "generations")]


def journal_seeds():
    settings = json.dumps({"format": 1, "settings": {"seed": 1, "sampling": {"top_p": 0.9}}}).encode()
    rows = b"".join(json.dumps({"index": i, "prompt": "p", "generations": [{"text": "t"}]}).encode() + b"\n" for i in (3, 0))
    return [BETWEEN.join(parts) for parts in ((settings, rows), (settings, rows[:-9]), (b"", rows), (settings, b""), (settings.replace(b"0.9", b"0.8"), rows))]


def unfinished_output_seeds():
    begin = b'{"format":1,"settings":{"seed":1}}\n'
    return [begin, begin + b'3 {"prompt":"p"}\n0 {"prompt":"q"}\n', begin + b'3 {"prompt":"p"}\n0 {"pro', begin.replace(b"1}}", b"2}}") + b'3 {"a":1}\n', b"text\n"]


def peft_seeds():
    config = {"peft_type": "LORA", "r": 1, "lora_alpha": 2, "target_modules": ["q_proj"], "use_rslora": True, "init_lora_weights": True, "rank_pattern": {}}
    layer = "base_model.model.model.layers.0.self_attn.q_proj."
    factors = header_of({layer + "lora_A.weight": ("F32", [1, 2], struct.pack("<2f", 1, 2)), layer + "lora_B.weight": ("F16", [2, 1], struct.pack("<2e", 1, 2))})
    configs = [json.dumps(config).encode(), *files("**/adapter_config.json")]
    return [BETWEEN.join((text, *factors)) for text in configs]


def detoxifier_seeds():
    seeds, value = [], struct.pack("<2f", 1, 2)
    tensors = header_of({"weights": ("F32", [2], value), "blocked": ("U8", [1, 34], bytes(34))})
    for path in sorted((ROOT / "share" / "limpid").glob("*.detox.safetensors")):
        header, data = safetensors_parts(path)
        metadata = json.loads(header.pop("__metadata__")["limpid"])
        metadata["settings"].update(blocks={}, calibrator={})
        metadata.update(provenance={}, needs=[{"role": "base", "path": "base", "sha256": "00"}])
        seeds.append(BETWEEN.join((json.dumps(metadata).encode(), json.dumps(header).encode()[1:-1], data)))
        metadata["settings"]["blocks"] = {"blocked": {"type": "Q8_0", "shape": [1, 32]}}
        seeds.append(BETWEEN.join((json.dumps(metadata).encode(), tensors[0][1:-1], tensors[1])))
    return [seed for seed in seeds if len(seed) <= 2 * LONGEST]


def scorer_seeds():
    about = {"format": 1, "kind": "scorer", "encoder": {"name": "e", "weights_sha256": "a", "vocab_sha256": "b"}, "stages": [6], "pooling": "mean", "normalise": True,
             "max_length": 96, "threshold": 0.33, "provenance": {}, "licence": "CC0"}
    one, two = struct.pack("<f", 1), struct.pack("<2f", 1, 2)
    linear = header_of({"weights": ("F32", [2], two), "bias": ("F32", [1], one)})
    hidden = header_of({"weights": ("F32", [1], one), "bias": ("F32", [1], one), "hidden.weight": ("F16", [1, 2], struct.pack("<2e", 1, 2)), "hidden.bias": ("F32", [1], one)})
    return [BETWEEN.join((json.dumps(about).encode(), header[1:-1], data)) for header, data in (linear, hidden)]


def server_request_seeds():
    return [text.encode() for text in literals("tests/server/*request*.cpp") if text.startswith("{") and len(text) <= LONGEST][:MOST]


def specs_seeds():
    texts = ["a.detox.safetensors:0.3", "a.safetensors?readout=contrast&layers=3-9:1", "control:mask:0.1", "a.gguf?positions=all", "adapter:-1", "a.safetensors?gate=off",
             "prompt=prompt&completion=text&source=x|y", "text=text", "label=1", "n=0.5|1", "label=label&as=toxic&take=1", "label=TOXIC&threshold=0.5", "precision=bf16", "3-20", "3-", "3"]
    return [bytes([kind]) + text.encode() for kind in range(7) for text in texts]


def inspect_seeds():
    kinds = [all_safetensors()[:40], gguf_seeds(), files("**/config.json")[:20], heads("**/*.jsonl", rows=2)[:20]]
    return [bytes([name]) + seed for kind, seeds in enumerate(kinds) for seed in seeds for name in {kind, 4}]


# By target: its seeds, and the sources whose literals are its dictionary.
TARGETS = {
    "checkpoint_folder": (checkpoint_folder_seeds, ("limpid/checkpoints/quantised/*.cpp", "limpid/checkpoints/checkpoint.cpp", "limpid/kernels/dtype.cpp")),
    "chat_template": (template_seeds, ("limpid/tokenizers/jinja/*.cpp",)),
    "config": (config_seeds, ("limpid/checkpoints/config*.cpp", "limpid/checkpoints/families/*.cpp", "limpid/checkpoints/*settings.cpp")),
    "detoxifier": (detoxifier_seeds, ("limpid/methods/detoxifier_file.cpp", "limpid/kernels/dtype.cpp")),
    "generations": (generations_seeds, ("limpid/data/generations.cpp", "limpid/metrics/perplexity.cpp", "limpid/metrics/ordinary.cpp")),
    "gguf": (gguf_seeds, ("limpid/checkpoints/gguf*.cpp", "limpid/checkpoints/config_gguf.cpp", "limpid/checkpoints/families/*.cpp")),
    "gguf_parts": (gguf_parts_seeds, ("limpid/checkpoints/gguf*.cpp",)),
    "gguf_tokenizer": (gguf_seeds, ("limpid/tokenizers/gguf*.cpp", "limpid/tokenizers/split_rules.cpp")),
    "inspect": (inspect_seeds, ("limpid/checkpoints/inspect*.cpp", "limpid/checkpoints/config_gguf.cpp", "limpid/kernels/dtype.cpp")),
    "journal": (journal_seeds, ("limpid/data/journal.cpp", "limpid/data/generations.cpp")),
    "messages": (messages_seeds, ("limpid/tokenizers/conversation.cpp", "limpid/tokenizers/tokenize_file.cpp", "limpid/tokenizers/chat.cpp")),
    "peft": (peft_seeds, ("limpid/checkpoints/peft.cpp", "limpid/kernels/dtype.cpp")),
    "rows": (rows_seeds, ("limpid/data/*.cpp",)),
    "safetensors": (all_safetensors, ("limpid/checkpoints/safetensors.cpp", "limpid/kernels/dtype.cpp")),
    "scorer": (scorer_seeds, ("limpid/scorers/scorer_file.cpp",)),
    "sentencepiece": (sentencepiece_seeds, ()),
    "server_request": (server_request_seeds, ("limpid/server/requests/*.cpp",)),
    "specs": (specs_seeds, ("limpid/methods/*/method.h", "limpid/methods/other_methods.h", "limpid/methods/*options.h", "limpid/scorers/scorer_spec.cpp", "limpid/data/*text*.cpp")),
    "tokenizer_folder": (tokenizer_folder_seeds, ("limpid/tokenizers/tokenizer_config.cpp", "limpid/tokenizers/configured.cpp", "limpid/tokenizers/vocab_files.cpp", "limpid/tokenizers/json*.cpp")),
    "tokenizer_json": (tokenizer_json_seeds, ("limpid/tokenizers/json*.cpp", "limpid/tokenizers/tokenizer_json.cpp", "limpid/tokenizers/split_rules.cpp")),
    "tokenizer_text": (tokenizer_text_seeds, ("tests/tokenizers/byte_stream_test.cpp",)),
    "unfinished_output": (unfinished_output_seeds, ("limpid/data/unfinished_output.cpp",)),
}


def words(sources):
    """A dictionary: short literals without a space at their ends or within, as libFuzzer reads them."""
    chosen = sorted({text for text in literals(*sources) if 2 <= len(text) <= 32 and " " not in text and text.isprintable()})
    return "".join('"' + "".join(f"\\x{byte:02x}" if byte in b'"\\' or byte > 126 else chr(byte) for byte in text.encode()) + '"\n' for text in [*chosen, "\u00ff"])


def write(target, corpus, dictionary):
    """Puts seeds that are not there yet into a folder, and the dictionary into a file."""
    seeds, sources = TARGETS[target]
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    dictionary.write_text(words(sources).replace('"\\xc3\\xbf"', '"\\xff\\x0a\\xff"'))
