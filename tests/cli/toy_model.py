"""A Llama of two layers over bytes, written by hand: for tests of the program that need a model and no fixtures."""
import json
import math
import random
import struct

CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
          "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 64, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
          "hidden_act": "silu", "rope_theta": 10000.0, "vocab_size": 257, "tie_word_embeddings": False, "bos_token_id": 256, "eos_token_id": 256}
BLOCK = {"input_layernorm": [32], "post_attention_layernorm": [32], "self_attn.q_proj": [32, 32], "self_attn.k_proj": [16, 32], "self_attn.v_proj": [16, 32],
         "self_attn.o_proj": [32, 32], "mlp.gate_proj": [64, 32], "mlp.up_proj": [64, 32], "mlp.down_proj": [32, 64]}
SHAPES = {"model.embed_tokens.weight": [257, 32], "model.norm.weight": [32], "lm_head.weight": [257, 32],
          **{f"model.layers.{layer}.{name}.weight": shape for layer in range(2) for name, shape in BLOCK.items()}}
GGUF_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "model.layers.": "blk.", "input_layernorm": "attn_norm",
              "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
              "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}


def byte_tokenizer():
    vocab = {text: token for token, text in enumerate(byte_texts())}
    vocab["<|endoftext|>"] = 256
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    end = {"id": 256, "content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocab, "merges": []}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [end], "normalizer": None, "pre_tokenizer": level,
            "post_processor": None, "decoder": level, "model": model}


def byte_texts():
    """How byte-level BPE spells each byte."""
    following = iter(range(256, 512))
    return [chr(byte) if 33 <= byte <= 126 or byte >= 161 and byte != 173 else chr(next(following)) for byte in range(256)]


def weights(seed=1):
    """Random numbers by name; norms around 1."""
    numbers = random.Random(seed)
    return {name: [1 + 0.1 * numbers.gauss(0, 1) if len(shape) == 1 else 0.3 * numbers.gauss(0, 1) for _ in range(shape[0] * (shape + [1])[1])]
            for name, shape in SHAPES.items()}


def packed(values, kind):
    """The bytes of numbers of a type; Q8_0 by the rule of ggml."""
    if kind == "F32":
        return struct.pack(f"<{len(values)}f", *values)
    if kind == "BF16":
        return b"".join(struct.pack("<f", value)[2:] for value in values)
    if kind == "F16":
        return b"".join(half(value) for value in values)
    blocks = b""
    for begin in range(0, len(values), 32):
        block = values[begin:begin + 32]
        scale = math.nan if any(map(math.isnan, block)) else max(map(abs, block)) / 127
        blocks += half(scale) + bytes(round(value / scale) & 255 if 0 < scale < math.inf else 0 for value in block)
    return blocks


def half(value):
    return struct.pack("<H", 0x7e00 if value != value else 0xfc00 if value < 0 else 0x7c00) if value != value or abs(value) > 65504 else struct.pack("<e", value)


def write_safetensors(path, tensors, kind="F32", metadata=None):
    """@param tensors  {name: (shape, values)}"""
    header, data = {"__metadata__": metadata or {"format": "pt"}}, b""
    for name, (shape, values) in tensors.items():
        content = packed(values, kind)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_folder(folder, values, kind="F32"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer.json").write_text(json.dumps(byte_tokenizer()))
    write_safetensors(folder / "model.safetensors", {name: (SHAPES[name], values[name]) for name in SHAPES}, kind)
    return folder


def write_adapter(folder, factor):
    """A LoRA adapter of rank 1 of the first query projection. @param factor  every number of A"""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 1, "lora_alpha": 1, "target_modules": ["q_proj"]}))
    layer = "base_model.model.model.layers.0.self_attn.q_proj."
    write_safetensors(folder / "adapter_model.safetensors", {layer + "lora_A.weight": ([1, 32], [factor] * 32), layer + "lora_B.weight": ([32, 1], [0.5] * 32)})
    return folder


def gguf_text(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def gguf_value(value):
    """A metadata value with its type: int, float, str, or a list of str or int."""
    if isinstance(value, str):
        return struct.pack("<I", 8) + gguf_text(value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    kind = 5 if value and isinstance(value[0], int) else 8
    return struct.pack("<IIQ", 9, kind, len(value)) + b"".join(struct.pack("<i", one) if kind == 5 else gguf_text(one) for one in value)


def write_gguf_file(path, metadata, tensors):
    """@param tensors  {name: (shape, values, type)}, type one of F32, F16, BF16, Q8_0"""
    numbers = {"F32": 0, "F16": 1, "Q8_0": 8, "BF16": 30}
    header, data = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)), b""
    header += b"".join(gguf_text(key) + gguf_value(value) for key, value in metadata.items())
    for name, (shape, values, kind) in tensors.items():
        header += gguf_text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape)) + struct.pack("<IQ", numbers[kind], len(data))
        content = packed(values, kind)
        data += content + bytes(-len(content) % 32)
    path.write_bytes(header + bytes(-len(header) % 32) + data)
    return path


def gguf_name(name):
    for ours, theirs in GGUF_NAMES.items():
        name = name.replace(ours, theirs)
    return name


def write_gguf(path, values, kind="Q8_0"):
    """The model as GGUF, its matrices of a type and its norms float32."""
    metadata = {"general.architecture": "llama", "llama.block_count": 2, "llama.context_length": 256, "llama.embedding_length": 32,
                "llama.feed_forward_length": 64, "llama.attention.head_count": 4, "llama.attention.head_count_kv": 2,
                "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.freq_base": 10000.0, "llama.vocab_size": 257,
                "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.tokens": [*byte_texts(), "<|endoftext|>"],
                "tokenizer.ggml.token_type": [1] * 256 + [3], "tokenizer.ggml.merges": [], "tokenizer.ggml.bos_token_id": 256, "tokenizer.ggml.eos_token_id": 256}
    return write_gguf_file(path, metadata, {gguf_name(name): (shape, values[name], kind if len(shape) == 2 else "F32") for name, shape in SHAPES.items()})
