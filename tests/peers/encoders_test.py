"""Classifiers that transformers writes, scored by Limpid: random tiny models of every family of encoders, tokenizers of their kinds.

    python encoders_test.py PROGRAM

Exits 77 with a sentence where a library is missing (CTest counts that as skipped).
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
except ImportError as missing:
    print(f"skipped: {missing}; scripts/setup --peers installs what these tests compare with")
    sys.exit(77)

PROGRAM = sys.argv[1]

WORDS = ("kind words cost nothing and yet they are worth much the quick brown fox jumps over a lazy dog while seven wizards boil "
         "twelve eggs in the naïve morning, it's 9 o'clock; nobody minds. Who does?").split()
TEXTS = ["Kind words cost nothing.", "a", "The quick brown fox jumps over the lazy dog, and yet nobody minds!",
         " ".join(WORDS), " ".join(WORDS[i * 7 % len(WORDS)] for i in range(90)), "wizards  boil\teggs", "naïve, naïve"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SIZES = {"vocab_size": 200, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 4,
         "max_position_embeddings": 400, "pad_token_id": 0}


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer, trainers.WordPieceTrainer(vocab_size=200, special_tokens=SPECIAL, show_progress=False)


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.NFKC(), pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer, trainers.UnigramTrainer(vocab_size=200, special_tokens=SPECIAL, unk_token="[UNK]", show_progress=False)


def byte_bpe():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer, trainers.BpeTrainer(vocab_size=200, special_tokens=SPECIAL, show_progress=False)


def write_tokenizer(kind, folder):
    tokenizer, trainer = kind()
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[(name, SPECIAL.index(name)) for name in ("[CLS]", "[SEP]")])
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


V3 = {"relative_attention": True, "position_buckets": 16, "norm_rel_ebd": "layer_norm", "share_att_key": True, "pos_att_type": "p2c|c2p",
      "max_relative_positions": -1, "position_biased_input": False, "type_vocab_size": 0}
FAMILIES = {  # name: class of the config, settings, kind of tokenizer
    "bert": ("BertConfig", {}, wordpiece),
    "roberta": ("RobertaConfig", {}, byte_bpe),
    "distilbert": ("DistilBertConfig", {"dim": 48, "hidden_dim": 80, "n_layers": 3, "n_heads": 4}, wordpiece),
    "xlm-roberta": ("XLMRobertaConfig", {}, unigram),
    "electra": ("ElectraConfig", {"embedding_size": 48}, wordpiece),
    "electra, narrow embeddings": ("ElectraConfig", {"embedding_size": 20}, wordpiece),
    "deberta-v3": ("DebertaV2Config", V3, unigram),
    "deberta-v2, convolution": ("DebertaV2Config", V3 | {"conv_kernel_size": 3, "conv_act": "gelu"}, unigram),
    "deberta-v2, wide convolution, tanh": ("DebertaV2Config", V3 | {"conv_kernel_size": 5, "pooler_hidden_act": "tanh"}, unigram),
    "deberta, layers of positions of their own": ("DebertaV2Config", V3 | {"share_att_key": False}, unigram),
    "deberta, content to position": ("DebertaV2Config", V3 | {"share_att_key": False, "pos_att_type": ["c2p"], "norm_rel_ebd": "none"}, unigram),
    "deberta, position to content, no buckets": (
        "DebertaV2Config", V3 | {"pos_att_type": ["p2c"], "position_buckets": -1, "max_relative_positions": 20}, unigram),
    "deberta, absolute positions and types": (
        "DebertaV2Config", {"type_vocab_size": 2, "embedding_size": 20, "pos_att_type": ["c2p", "p2c"]}, unigram),
    "modernbert": ("ModernBertConfig", {"local_attention": 16, "classifier_pooling": "mean"}, byte_bpe),
    "modernbert, biases, cls": (
        "ModernBertConfig", {"local_attention": 7, "classifier_pooling": "cls", "attention_bias": True, "mlp_bias": True, "norm_bias": True,
                             "classifier_bias": True, "classifier_activation": "relu", "global_attn_every_n_layers": 2, "norm_eps": 1e-3}, byte_bpe),
    "modernbert, its own layers and bases": (
        "ModernBertConfig", {"local_attention": 10, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
                             "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 500.0},
                                                 "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}}}, byte_bpe),
}


class EveryEncoderGivesTheLogitsOfTransformers(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(temporary.name)
        self.addCleanup(temporary.cleanup)

    def make(self, kind, settings, tokenizer_kind, seed):
        torch.manual_seed(seed)
        kind = getattr(transformers, kind)
        known = kind().to_dict().keys() | kind.attribute_map.keys()
        config = kind(**{key: value for key, value in SIZES.items() if key in known} | settings)
        model = transformers.AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(0.1 * torch.randn_like(parameter))
                else:
                    parameter.copy_(torch.randn_like(parameter) / parameter.shape[1] ** 0.5)
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        model.eval().save_pretrained(folder)
        return folder, model, write_tokenizer(tokenizer_kind, folder)

    def score(self, folder, texts, label):
        file = self.folder / "texts.jsonl"
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        done = subprocess.run([PROGRAM, "score", "--scorer", f"{folder}?label={label}&precision=exact", str(file)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line)["toxicity"] for line in done.stdout.splitlines()]

    def check(self, kind, settings, tokenizer_kind, seed, labels):
        folder, model, tokenizer = self.make(kind, settings | labels, tokenizer_kind, seed)
        ours = np.array([self.score(folder, TEXTS, label) for label in range(model.config.num_labels)]).T
        with torch.no_grad():
            theirs = np.array([model(torch.tensor([tokenizer.encode(text).ids])).logits[0].numpy() for text in TEXTS])
        if model.config.problem_type == "single_label_classification":  # softmax leaves the differences
            ours, theirs = np.log(ours) - np.log(ours[:, :1]), theirs - theirs[:, :1]
        else:
            ours = np.log(ours) - np.log1p(-ours)
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
        self.assertGreater(np.abs(theirs[0] - theirs[2]).max(), 1e-2)
        return folder

    def test_families(self):
        single = {"num_labels": 3, "problem_type": "single_label_classification"}
        several = {"num_labels": 2, "problem_type": "multi_label_classification"}
        for name, (kind, settings, tokenizer_kind) in FAMILIES.items():
            for seed, labels in enumerate((single, several)):
                with self.subTest(name, seed=seed):
                    folder = self.check(kind, settings, tokenizer_kind, seed, labels)
            with self.subTest(name + ", a text alone"):
                together = self.score(folder, TEXTS, 0)
                for text, score in zip(TEXTS, together, strict=True):
                    self.assertEqual(self.score(folder, [text], 0), [score])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
