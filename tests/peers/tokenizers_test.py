"""Tokenizers built part by part with the libraries that define them: tokenizers, sentencepiece and tiktoken.

    python tokenizers_test.py PROGRAM

Exits 77 with a sentence where a library is missing (CTest counts that as skipped).
"""
import base64
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

try:
    import sentencepiece
    import tiktoken
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
except ImportError as missing:
    print(f"skipped: {missing}; scripts/setup --peers installs what these tests compare with")
    sys.exit(77)

PROGRAM = sys.argv[1]

SENTENCES = ["The quick brown fox jumps over the lazy dog.", "It's 12 o'clock; we'll see 3,141,592 stars!", "Ça été naïve à l'école, ÉCOLE",
             "Straße und Fluß, ΑΣ Σίσυφος", "日本語のテキストと漢字、カタカナ。", "שלום עולם مرحبا بالعالم", "नमस्ते दुनिया", "def f(x):\n    return x  # comment",
             "tabs\tand\r\nline ends\n\n\n", "🙂 👩‍👩‍👧 emoji 🇩🇪", "HTTPServerError XMLHttpRequest camelCase"]
TEXTS = SENTENCES + [
    "", " ", "   ", "\n", "a", " a", "a ", "  two  spaces  ", "e\u0301a\u0300", "\u0301", "Å Å \u212b", "ﬁ ﬀ ① Ⅳ ㎏ ½ ²", "İ I ı i", "ẛ̣", "한글 가각",
    "\u00a0\u2003\u3000x", "\u200b\u200d\ufeff zero", "\x00\x01\x1b\x7f", "\ufffd", "<unk> <s> [MASK]", "▁ under▁line ▁▁", "a-b_c.d,e;f", "...---!!!", "x" * 300,
    "ab" * 100, "１２３ ٣٤٥ १२", "\u1680\u180e", "don't DON'T we've", "naïvenaïve", "ſ", "𝔘𝔫𝔦 𝟙", "line\rreturn", "a\u0308\u0323b", "##ing ing", "'s 's", "中文 English 混合",
    "1234567 1² x½y¾", "বাংলা। தமிழ் हिन्दी। 漢々〆", "a\nb a\tb c\nd", "xy xxy xxxy", "\u200b a", "\x01a"]


def random_texts(count, seed=1):
    draw = random.Random(seed)
    ranges = [(32, 127), (32, 127), (0xA0, 0x17F), (0x370, 0x400), (0x300, 0x36F), (0x4E00, 0x4E40), (0x3040, 0x30FF), (0x1F600, 0x1F640), (0x5D0, 0x5EA), (0, 32)]
    return ["".join(chr(draw.randrange(*draw.choice(ranges))) for _ in range(draw.randrange(1, 40))) for _ in range(count)]


TEXTS += random_texts(80)


def read(path, texts, folder):
    """Ids and decoded texts of Limpid."""
    def run(*arguments):
        done = subprocess.run([PROGRAM, "tokenize", "-m", str(path), *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"{path}: exit {done.returncode}\n{done.stderr}")
        return [json.loads(line) for line in done.stdout.split("\n") if line]

    file = folder / "texts.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    ids = [row["ids"] for row in run(file)]
    file.write_text("".join(json.dumps({"ids": row}) + "\n" for row in ids))
    return ids, [row["decoded"] for row in run("--decode", file)]


class Case(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(temporary.name)
        self.addCleanup(temporary.cleanup)

    def check(self, name, tokenizer, texts=TEXTS):
        with self.subTest(name):
            file = self.folder / "tokenizer.json"
            tokenizer.save(str(file))
            ids, decoded = read(file, texts, self.folder)
            for text, ours, shown in zip(texts, ids, decoded, strict=True):
                theirs = tokenizer.encode(text).ids
                self.assertEqual(ours, theirs, f"{name}: {text!r}")
                self.assertEqual(shown, tokenizer.decode(theirs, skip_special_tokens=False), f"{name}: {text!r}")


def bytes_bpe():
    """BPE over characters with byte fallback, whose merges reach across words: ids show text and cuts."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))], show_progress=False)
    tokenizer.train_from_iterator([text.replace(" ", "▁") for text in SENTENCES] + SENTENCES, trainer)
    spec = json.loads(tokenizer.to_str())
    spec["added_tokens"] = spec["added_tokens"][:1]
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


NORMALIZERS = {
    **{kind: getattr(normalizers, kind)() for kind in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip", "Nmt", "BertNormalizer")},
    "Prepend": normalizers.Prepend("▁"),
    "Strip left": normalizers.Strip(left=True, right=False),
    "Replace": normalizers.Replace("a", "bb"),
    "Replace regex": normalizers.Replace(Regex(r"\s+"), "▁"),
    "Bert cased": normalizers.BertNormalizer(lowercase=False, strip_accents=None, handle_chinese_chars=False, clean_text=False),
    "Sequence": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Replace(" ", "▁")]),
}

BEHAVIOURS = ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")
PRE_TOKENIZERS = {
    **{kind: getattr(pre_tokenizers, kind)() for kind in ("Whitespace", "WhitespaceSplit", "BertPreTokenizer")},
    **{f"Punctuation {way}": pre_tokenizers.Punctuation(way) for way in BEHAVIOURS},
    **{f"Split regex {way} {invert}": pre_tokenizers.Split(Regex(r"\d+|[a-c]"), way, invert) for way in BEHAVIOURS for invert in (False, True)},
    **{f"Split text {way} {invert}": pre_tokenizers.Split("e", way, invert) for way in BEHAVIOURS for invert in (False, True)},
    **{f"Metaspace {way} {split}": pre_tokenizers.Metaspace("▁", way, split) for way in ("always", "first", "never") for split in (False, True)},
    "Digits": pre_tokenizers.Digits(False),
    "Digits alone": pre_tokenizers.Digits(True),
    "CharDelimiterSplit": pre_tokenizers.CharDelimiterSplit("a"),
    "UnicodeScripts": pre_tokenizers.UnicodeScripts(),
    "FixedLength": pre_tokenizers.FixedLength(3),
    "nested class": pre_tokenizers.Split(Regex(r" ?[^(\s|[.,!?…。，、।۔،])]+"), "isolated"),
    "intersection": pre_tokenizers.Split(Regex(r"[\p{L}&&[^\p{Han}]]+|[^\W\d]+"), "isolated"),
    "Sequence": pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated"), pre_tokenizers.Digits(True)]),
    "repetitions": pre_tokenizers.Split(Regex(r"\p{N}{1,3}+|[a-c]{2}?|x{,2}y|(\p{Lu}p){1,2}+"), "isolated"),
    "word characters": pre_tokenizers.Split(Regex(r"\w+|[^\w\s]+"), "isolated"),
    "word characters in classes": pre_tokenizers.Split(Regex(r"[\w]+|[\W]"), "isolated"),
    "scripts": pre_tokenizers.Split(Regex(r"\p{Bengali}+|\p{tamil}+|\p{han}+|\p{^Latin}\P{Devanagari}+"), "isolated"),
    "dots": pre_tokenizers.Split(Regex(r"(?m)a.b|(?m:c.)d"), "isolated"),
    **{f"Metaspace behind {kind}": pre_tokenizers.Sequence([part, pre_tokenizers.Metaspace("▁", "first", False)])
       for kind, part in {"spaces": pre_tokenizers.WhitespaceSplit(), "delimiters": pre_tokenizers.CharDelimiterSplit("a"),
                          "punctuation": pre_tokenizers.Punctuation("removed")}.items()},
}

DECODERS = {
    "none": None,
    "ByteLevel": decoders.ByteLevel(),
    "WordPiece": decoders.WordPiece("##", False),
    "WordPiece clean": decoders.WordPiece("a", True),
    "Metaspace": decoders.Metaspace(),
    "Metaspace never": decoders.Metaspace("▁", "never"),
    "BPEDecoder": decoders.BPEDecoder("e"),
    "CTC": decoders.CTC("a", "▁", True),
    "Strip": decoders.Sequence([decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]),
    "Strip each": decoders.Strip("e", 1, 0),
    "Replace regex": decoders.Sequence([decoders.Replace(Regex("[ae]"), "x"), decoders.Replace("▁", " ")]),
}


class PartsOfTokenizers(Case):
    def test_normalizers(self):
        for name, part in NORMALIZERS.items():
            tokenizer = bytes_bpe()
            tokenizer.normalizer = part
            self.check(name, tokenizer)

    def test_normalizers_before_a_mark_at_the_start_of_a_text(self):
        for name, part in NORMALIZERS.items():
            tokenizer = bytes_bpe()
            tokenizer.normalizer, tokenizer.pre_tokenizer = part, pre_tokenizers.Metaspace("▁", "first", False)
            self.check(name, tokenizer)

    def test_pre_tokenizers(self):
        for name, part in PRE_TOKENIZERS.items():
            tokenizer = bytes_bpe()
            tokenizer.pre_tokenizer = part
            self.check(name, tokenizer)

    def test_decoders(self):
        for name, part in DECODERS.items():
            tokenizer = bytes_bpe()
            # A run of bytes that is no text would be shown differently.
            spec = json.loads(tokenizer.to_str())
            spec["decoder"] = json.loads(part.__getstate__()) if part else None
            self.check(name, Tokenizer.from_str(json.dumps(spec)), SENTENCES[:2] + ["", "a", "aab bee", "  x", "e a e"])

    def test_added_tokens(self):
        for flag in ("lstrip", "rstrip", "single_word", "normalized"):
            tokenizer = bytes_bpe()
            tokenizer.normalizer = normalizers.Lowercase()
            tokenizer.add_tokens([AddedToken("FOX", **{flag: True}), AddedToken("ab", single_word=True)])
            tokenizer.add_special_tokens([AddedToken("[MASK]", lstrip=True, rstrip=flag == "rstrip")])
            self.check(flag, tokenizer, TEXTS + ["x FOX y", "fox FOX foxy", "  [MASK]  [MASK]", "ab abc ab.", "FOXFOX"])

    def test_post_processors(self):
        frame = processors.TemplateProcessing(single="<unk> $A <0x00> <0x01>", special_tokens=[("<unk>", 0), ("<0x00>", 1), ("<0x01>", 2)])
        for name, part in {"template": frame, "bert": processors.BertProcessing(("<0x00>", 1), ("<unk>", 0)),
                           "roberta": processors.RobertaProcessing(("<0x00>", 1), ("<unk>", 0)),
                           "sequence": processors.Sequence([processors.ByteLevel(), frame])}.items():
            tokenizer = bytes_bpe()
            tokenizer.post_processor = part
            self.check(name, tokenizer, SENTENCES)


class ModelsOfTokenizers(Case):
    def trained(self, model, trainer, pre_tokenizer, decoder):
        tokenizer = Tokenizer(model)
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoder
        tokenizer.train_from_iterator(SENTENCES * 3, trainer)
        return tokenizer

    def test_bpe_with_affixes(self):
        for prefix, suffix in (("##", ""), ("", "</w>"), ("##", "</w>")):
            affixes = {key: value for key, value in (("continuing_subword_prefix", prefix), ("end_of_word_suffix", suffix)) if value}
            model = models.BPE(unk_token="<unk>", **affixes)
            trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>"], show_progress=False, **affixes)
            self.check(f"{prefix} {suffix}", self.trained(model, trainer, pre_tokenizers.WhitespaceSplit(), decoders.BPEDecoder(suffix or "</w>")))

    def test_bpe_with_unknown_tokens(self):
        for fuse in (False, True):
            model = models.BPE(unk_token="<unk>", fuse_unk=fuse)
            trainer = trainers.BpeTrainer(vocab_size=120, limit_alphabet=40, special_tokens=["<unk>"], show_progress=False)
            self.check(f"fuse {fuse}", self.trained(model, trainer, pre_tokenizers.Whitespace(), None))

    def test_byte_level_bpe(self):
        for ignore in (False, True):
            trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<|end|>"], show_progress=False)
            tokenizer = self.trained(models.BPE(ignore_merges=ignore), trainer, pre_tokenizers.ByteLevel(add_prefix_space=ignore), decoders.ByteLevel())
            self.check(f"ignore_merges {ignore}", tokenizer)

    def test_bytes_in_the_normalizer(self):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.normalizer, tokenizer.decoder = normalizers.ByteLevel(), decoders.ByteLevel()
        tokenizer.train_from_iterator(SENTENCES, trainers.BpeTrainer(vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
        self.check("ByteLevel", tokenizer)

    def test_unigram(self):
        trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False)
        tokenizer = self.trained(models.Unigram(), trainer, pre_tokenizers.Metaspace(), decoders.Metaspace())
        self.check("trained", tokenizer)
        spec = json.loads(tokenizer.to_str())
        spec["model"]["vocab"] += [[f"<0x{byte:02X}>", -20.0] for byte in range(256)]
        spec["model"]["byte_fallback"] = True
        spec["decoder"] = {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}]}
        self.check("bytes", Tokenizer.from_str(json.dumps(spec)))

    def test_wordpiece_and_wordlevel(self):
        trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[UNK]"], show_progress=False)
        for name, pre in {"bert": pre_tokenizers.BertPreTokenizer(), "spaces": pre_tokenizers.WhitespaceSplit()}.items():
            self.check(name, self.trained(models.WordPiece(unk_token="[UNK]"), trainer, pre, decoders.WordPiece()))
        words = self.trained(models.WordLevel(unk_token="[UNK]"), trainers.WordLevelTrainer(special_tokens=["[UNK]"], show_progress=False), pre_tokenizers.Whitespace(), None)
        self.check("words", words)


class FilesOfOtherLibraries(Case):
    def test_sentencepiece_models(self):
        corpus = self.folder / "corpus.txt"
        corpus.write_text("\n".join(SENTENCES * 20))
        for kind in ("unigram", "bpe"):
            for options in ({}, {"byte_fallback": True}, {"normalization_rule_name": "identity", "remove_extra_whitespaces": False},
                            {"add_dummy_prefix": False, "user_defined_symbols": ["fox", "▁▁"]}, {"normalization_rule_name": "nmt_nfkc_cf"}):
                with self.subTest(kind, **options):
                    file = self.folder / "tokenizer.model"
                    size = 600 if options.get("byte_fallback") else 300
                    sentencepiece.SentencePieceTrainer.train(input=str(corpus), model_prefix=str(self.folder / "tokenizer"), model_type=kind, vocab_size=size,
                                                             hard_vocab_limit=False, minloglevel=2, **options)
                    theirs = sentencepiece.SentencePieceProcessor(model_file=str(file))
                    texts = [text for text in TEXTS if "\x00" not in text]
                    ids, decoded = read(file, texts, self.folder)
                    for text, ours, shown in zip(texts, ids, decoded, strict=True):
                        self.assertEqual(ours, theirs.encode(text, add_bos=True), repr(text))
                        self.assertEqual(shown, theirs.decode(ours), repr(text))

    def test_unused_pieces_and_tokens_beside_a_sentencepiece_model(self):
        corpus = self.folder / "corpus.txt"
        corpus.write_text("\n".join(SENTENCES * 20))
        file = self.folder / "tokenizer.model"
        for kind in ("unigram", "bpe"):
            sentencepiece.SentencePieceTrainer.train(input=str(corpus), model_prefix=str(self.folder / "tokenizer"), model_type=kind, vocab_size=300,
                                                     hard_vocab_limit=False, minloglevel=2)
            file.write_bytes(with_unused_pieces(file.read_bytes(), random.Random(2)))
            theirs = sentencepiece.SentencePieceProcessor(model_file=str(file))
            texts = [text for text in TEXTS if "\x00" not in text]
            for text, ours in zip(texts, read(file, texts, self.folder)[0], strict=True):
                self.assertEqual(ours, theirs.encode(text, add_bos=True), f"{kind}: {text!r}")
            pieces = theirs.get_piece_size()
            (self.folder / "added_tokens.json").write_text(json.dumps({"<tool>": pieces, "xyz": pieces + 1}))
            ids, decoded = read(file, ["The<tool>fox xyz", "jumps"], self.folder)
            self.assertEqual([token for token in ids[0] if token >= pieces], [pieces, pieces + 1])
            self.assertEqual(decoded, ["The<tool>fox xyz", "jumps"])
            (self.folder / "added_tokens.json").unlink()

    def test_the_sentencepiece_model_of_deberta(self):
        corpus = self.folder / "corpus.txt"
        corpus.write_text("\n".join(SENTENCES * 20))
        sentencepiece.SentencePieceTrainer.train(
            input=str(corpus), model_prefix=str(self.folder / "spm"), model_type="unigram", vocab_size=300, hard_vocab_limit=False, minloglevel=2,
            pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]")
        (self.folder / "added_tokens.json").write_text('{"[MASK]": 300}')
        theirs = sentencepiece.SentencePieceProcessor(model_file=str(self.folder / "spm.model"))
        ids, _ = read(self.folder, SENTENCES, self.folder)
        for text, ours in zip(SENTENCES, ids, strict=True):
            self.assertEqual(ours, theirs.encode(text, add_bos=True, add_eos=True), repr(text))

    def test_tiktoken_files(self):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
        tokenizer.train_from_iterator(SENTENCES, trainer)
        alphabet = byte_alphabet()
        ranks = {bytes(alphabet[letter] for letter in token): id for token, id in tokenizer.get_vocab().items()}
        patterns = {"cl100k_base": r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s""",
                    "o200k_base": tiktoken_pattern("o200k")}
        for name, pattern in patterns.items():
            if pattern is None:
                continue
            file = self.folder / f"{name}.tiktoken"
            file.write_text("".join(f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in sorted(ranks.items(), key=lambda item: item[1])))
            theirs = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
            ids, decoded = read(file, TEXTS, self.folder)
            for text, ours, shown in zip(TEXTS, ids, decoded, strict=True):
                self.assertEqual(ours, theirs.encode_ordinary(text), f"{name}: {text!r}")
                self.assertEqual(shown, text)
            file.unlink()


def with_unused_pieces(model, draw):
    """A SentencePiece model with some of its normal pieces of two characters or more marked as unused."""
    def number(at):
        value = shift = 0
        while model[at] >= 128:
            value, shift, at = value | (model[at] & 127) << shift, shift + 7, at + 1
        return value | model[at] << shift, at + 1

    out, at = b"", 0
    while at < len(model):
        begin, (key, at) = at, number(at)
        size, at = number(at)
        field, at = model[at:at + size], at + size
        has_type = key != 10 or len(field) != 7 + field[1]  # name and score alone
        if has_type or len(field[2:-5].decode()) < 2 or draw.random() > 0.3:
            out += model[begin:at]
        else:
            out += bytes([10, size + 2]) + field + bytes([0x18, 5])
    return out


def byte_alphabet():
    """Letters of the byte alphabet to their bytes."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {**{chr(byte): byte for byte in printable}, **{chr(256 + i): byte for i, byte in enumerate(others)}}


def tiktoken_pattern(name):
    """The expression of an encoding, as the package states it; its table of ranks would be fetched."""
    import tiktoken_ext.openai_public as public
    stated = {}
    original = public.load_tiktoken_bpe
    public.load_tiktoken_bpe = lambda *_, **__: stated
    try:
        return getattr(public, f"{name}_base")()["pat_str"]
    except Exception:
        return None
    finally:
        public.load_tiktoken_bpe = original


class TrainedVocabularies(Case):
    def test_are_those_of_the_tokenizers_library(self):
        data = self.folder / "texts.jsonl"
        texts = SENTENCES * 2 + random_texts(300, seed=2)
        data.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        for size, least in ((300, 2), (600, 0), (5000, 2)):
            done = subprocess.run([PROGRAM, "train", "tokenizer", "--data", str(data), "--vocab-size", str(size), "--min-frequency", str(least), "-o",
                                   str(self.folder / "out")], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            theirs = Tokenizer(models.BPE())
            theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=least, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                          special_tokens=["<|endoftext|>"], show_progress=False)
            theirs.train_from_iterator(texts, trainer)
            ours = json.loads((self.folder / "out" / "tokenizer.json").read_text())["model"]
            expected = json.loads(theirs.to_str())["model"]
            self.assertEqual(ours["merges"], expected["merges"])
            self.assertEqual(ours["vocab"], expected["vocab"])
            Tokenizer.from_file(str(self.folder / "out" / "tokenizer.json"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
