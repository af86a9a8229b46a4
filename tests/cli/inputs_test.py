"""What people hand to the program: data in any form, pipes, prompts that do not fit, too few resources, slips on the command line.

    python inputs_test.py PROGRAM      fixtures as for cli_test.py
"""
import json
import os
import pathlib
import resource
import shutil
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
from cli_test import GOLDEN, MODEL, PROGRAM, Case, OnATerminal, limpid, needs_fixtures

LLAMA = GOLDEN / "models" / "llama"
TEXTS = [f"This is harmless text number {i}." for i in range(6)]


def forms_of(texts, field):
    """The same rows in every form: name, content."""
    rows = [{field: text} for text in texts]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    return {
        "lines.jsonl": lines, "lines.data": lines, "marked.ndjson": "\ufeff" + lines, "marked.json": "\ufeff" + lines, "windows.txt": "\ufeff" + lines.replace("\n", "\r\n"),
        "list.json": json.dumps(rows), "list.data": json.dumps(rows, indent=1), "list.jsonl": "\ufeff" + json.dumps(rows, indent=4), "texts.json": json.dumps(texts),
        "objects.data": "\n".join(json.dumps(row, indent=2) for row in rows), "columns.json": json.dumps({field: texts, "n": list(range(len(texts)))}),
        "pandas.json": json.dumps({field: {str(i): text for i, text in enumerate(texts)}}),
        "table.csv": f"{field},n\n" + "".join(f'"{text}",{i}\n' for i, text in enumerate(texts)), "table.data": f"n\t{field}\r\n" + "".join(f"{i}\t{text}\r\n" for i, text in enumerate(texts)),
        "column.csv": f"{field}\n" + "".join(text + "\n" for text in texts), "plain.txt": "".join(text + "\n" for text in texts),
    }


def before_the_program(**limits):
    """Limits of the program's resources, by name: RLIMIT_AS=…"""
    def set_limits():
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, name), (value, value))
    return set_limits


@needs_fixtures
class DataInAnyForm(Case):
    def test_perplexity_and_tokenize_read_the_same_texts(self):
        results = set()
        for name, content in forms_of(TEXTS, "text").items():
            file = self.write(name, content)
            report = json.loads(self.succeed("perplexity", "-m", LLAMA, file, "--json", "-q"))
            ids = [json.loads(line)["ids"] for line in self.succeed("tokenize", "-m", LLAMA, file).splitlines()]
            results.add((report["documents"], report["tokens"], report["perplexity"], json.dumps(ids)))
        self.assertEqual(len(results), 1)
        self.assertEqual(results.pop()[0], 6)

    def test_generate_reads_the_same_prompts(self):
        outputs = set()
        for name, content in forms_of(TEXTS[:3], "prompt").items():
            outputs.add(self.succeed("generate", "-m", LLAMA, "--prompts", self.write(name, content), "-n", 3, "--json", "-q"))
        self.assertEqual(len(outputs), 1)
        self.assertEqual([json.loads(line)["prompt"] for line in outputs.pop().splitlines()], TEXTS[:3])

    def test_train_learns_the_same_texts(self):
        losses = set()
        for name in ("lines.jsonl", "marked.ndjson", "list.data", "table.csv"):
            out = self.folder / name.replace(".", "-")
            self.succeed("train", "lm", "-m", LLAMA, "--data", self.write(name, forms_of(TEXTS, "text")[name]), "--max-steps", 1, "--holdout", 0, "--compute", "f32", "-o", out, "-q")
            losses.add((out / "model.safetensors").read_bytes()[-4096:])
        self.assertEqual(len(losses), 1)

    def test_nan_is_a_missing_number(self):
        rows = '{"prompt": "a", "generations": [{"text": "x y", "toxicity": NaN}, {"text": "z", "toxicity": 0.25}]}\n'
        report = json.loads(self.succeed("metrics", self.write("g.jsonl", rows), "--json"))
        self.assertEqual(report["missing_scores"], 1)
        self.succeed("generate", "-m", LLAMA, "--prompts", self.write("p.jsonl", '{"prompt": {"text": "a", "toxicity": NaN}}\n'), "-n", 1, "-q")

    def test_what_has_no_form_is_refused(self):
        for name, content, named in (("cut.data", '[{"prompt": "a"}, {"prompt": "b"', "cut.data:1"), ("two.data", '["a"]\n["b"]', "two.data:2"), ("x.json", "a\nb\n", "x.json:1"),
                                     ("fields.csv", "prompt,n\na,b,c\n", "fields.csv:2"), ("other.csv", "question,n\na,1\n", "other.csv:2"), ("utf16.txt", "a".encode("utf-16"), "UTF-16")):
            self.fail_in_one_line(1, "generate", "-m", LLAMA, "--prompts", self.write(name, content), "-n", 1, "-q", naming=[named])

    def test_pipes_and_standard_input_work_where_text_is_read(self):
        expected = self.succeed("generate", "-m", LLAMA, "--prompts", self.write("p.txt", "Hello\nworld\n"), "-n", 3, "-q")
        self.assertEqual(self.succeed("generate", "-m", LLAMA, "--prompts", "-", "-n", 3, "-q", typed="Hello\nworld\n"), expected)
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=lambda: pipe.write_text("Hello\nworld\n"))
        writer.start()
        self.assertEqual(self.succeed("generate", "-m", LLAMA, "--prompts", pipe, "-n", 3, "-q"), expected)
        writer.join()

    def test_pipes_are_refused_at_once_where_files_are_mapped(self):
        pipe, folder = self.folder / "pipe", self.folder / "model"
        os.mkfifo(pipe)
        folder.mkdir()
        for file in LLAMA.iterdir():
            (folder / file.name).symlink_to(file)
        for own in ("config.json", "model.safetensors"):
            (folder / own).unlink()
        os.mkfifo(folder / "config.json")
        shutil.copyfile(LLAMA / "model.safetensors", folder / "model.safetensors")
        for arguments in (["generate", "-m", pipe, "-p", "x"], ["inspect", pipe], ["tokenize", "-m", pipe, "x"], ["generate", "-m", folder, "-p", "x"],
                          ["generate", "-m", LLAMA, "-p", "x", "--detox", pipe]):
            self.fail_in_one_line(1, *arguments, naming=["is a pipe"])


@needs_fixtures
class WhatDoesNotFit(Case):
    def test_a_long_prompt_is_named_before_any_work(self):
        prompts = self.write("p.jsonl", '{"prompt": "Hello"}\n' + json.dumps({"prompt": "word " * 200}) + "\n")
        self.fail_in_one_line(1, "generate", "-m", LLAMA, "--prompts", prompts, "-n", 5, "-q", naming=[f"{prompts}:2", "128"])
        self.fail_in_one_line(1, "evaluate", "-m", MODEL, "--ordinary", self.write("e.jsonl", json.dumps({"prompt": "word " * 9000}) + "\n"), "-o", self.folder / "o", "-q", naming=["e.jsonl:1"])
        self.assertFalse((self.folder / "o" / "plain" / "ordinary.jsonl").exists())
        self.fail_in_one_line(1, "generate", "-m", LLAMA, "-p", "Hello", "-n", 2**63 - 1, "-q", naming=["9223372036854775807", "128"])

    def test_a_perplexity_that_was_cut_says_so(self):
        texts = self.write("t.jsonl", '{"text": "Hello there"}\n' + json.dumps({"text": "word " * 200}) + "\n")
        done = limpid("perplexity", "-m", LLAMA, texts, "-q")
        self.assertIn(f"{texts}:2", done.stderr)
        self.assertIn("1 cut", done.stdout)
        self.assertEqual(json.loads(limpid("perplexity", "-m", LLAMA, texts, "-q", "--json").stdout)["cut"], 1)

    def test_many_samples_are_not_asked_for_at_once(self):
        running = subprocess.Popen([PROGRAM, "generate", "-m", str(LLAMA), "-p", "Hello", "-n", "1", "--samples", "1000000000", "-q"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        lines = [running.stdout.readline() for _ in range(50)]
        peak = int(next(line for line in pathlib.Path(f"/proc/{running.pid}/status").read_text().splitlines() if line.startswith("VmHWM")).split()[1])
        running.kill()
        running.communicate()
        self.assertTrue(all(line.endswith(b"\n") for line in lines))
        self.assertLess(peak, 2_000_000)  # KiB

    def test_numbers_beyond_64_bits_are_refused(self):
        for option in ("-n", "--samples", "--top-k", "--seed", "--rows"):
            self.fail_in_one_line(2, "generate", "-m", LLAMA, "-p", "x", option, 2**64, naming=[2**64, "64 bits"])
        self.fail_in_one_line(2, "generate", "-m", LLAMA, "-p", "x", "--threads", 2**32, naming=["32 bits"])
        self.fail_in_one_line(2, "generate", "-m", LLAMA, "-p", "x", "--temperature", "nan", naming=["nan", "finite"])


@needs_fixtures
class Resources(Case):
    def test_threads_beyond_the_processors_are_capped_with_a_warning(self):
        done = limpid("doctor", "--json", "--threads", 5000)
        report = json.loads(done.stdout)
        self.assertEqual(report["threads"], report["usable_processors"])
        self.assertIn("5000 threads", done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1)

    def test_too_little_memory_ends_in_one_line(self):
        config = json.loads((LLAMA / "config.json").read_text()) | {"hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32, "num_key_value_heads": 32, "head_dim": 128}
        texts = self.write("t.txt", "Hello\nworld\n")
        command = [PROGRAM, "train", "lm", "--init", str(self.write("config.json", json.dumps(config))), "--tokenizer", str(LLAMA), "--data", str(texts), "--max-steps", "1", "--holdout", "0",
                   "-o", str(self.folder / "out"), "-q"]
        for limit in (400, 1500):
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, preexec_fn=before_the_program(RLIMIT_AS=limit << 20))
            self.assertEqual(done.returncode, 1, (limit, done.stderr))
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, (limit, done.stderr))

    def test_a_file_that_is_cut_while_it_is_read_is_named(self):
        rows = self.write("rows.jsonl", '{"text": "Hello there, this is a text."}\n' * 400_000)
        running = subprocess.Popen([PROGRAM, "perplexity", "-m", str(LLAMA), str(rows), "-q"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not any(str(rows) in line for line in pathlib.Path(f"/proc/{running.pid}/maps").read_text().splitlines()):
            self.assertIsNone(running.poll())
            time.sleep(0.001)
        os.truncate(rows, 0)
        stderr = running.communicate(timeout=60)[1].decode()
        self.assertEqual(running.returncode, 1, stderr)
        self.assertEqual(len(stderr.strip().splitlines()), 1, stderr)
        self.assertIn(str(rows), stderr)

    def test_a_header_of_nothing_but_empty_tensors_is_refused_soon(self):
        header = json.dumps({f"{i:x}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(400_000)}).encode()
        file = self.write("many.safetensors", struct.pack("<Q", len(header)) + header)
        self.fail_in_one_line(1, "inspect", file, naming=["many.safetensors", "tensors"])


class Needs(Case):
    def test_a_detoxifier_looks_nowhere_but_below_its_folder(self):
        for path in ("../outside", "/etc/hostname", "a/../../b"):
            about = {"format": 1, "method": "dexperts", "settings": {}, "default_strength": 1.0, "provenance": {}, "needs": [{"role": "anti", "path": path, "sha256": "0" * 64}],
                     "target": {"architecture": "llama", "hidden_size": 4, "layers": 2, "vocab_size": 9, "vocab_sha256": ""}}
            header = json.dumps({"__metadata__": {"limpid": json.dumps(about)}}).encode()
            file = self.write("d.detox.safetensors", struct.pack("<Q", len(header)) + header)
            self.fail_in_one_line(1, "evaluate", "-m", "nothing", "--detox", file, "--prompts", "p", "-o", self.folder / "o", naming=["needs", path])
            self.assertIn("not below its folder", self.succeed("inspect", file))


class TheCommandLine(Case):
    def test_slips_are_named_with_what_may_be_meant(self):
        for arguments, meant in ((["genrate"], "generate"), (["generate", "--sampels", "3"], "--samples"), (["generate", "-m", "x", "--promt=y"], "--prompt"), (["train", "lroa"], "lora"),
                                 (["fit", "destien"], "destein"), (["help", "evalute"], "evaluate"), (["models", "pul"], "pull")):
            self.fail_in_one_line(2, *arguments, naming=["did you mean " + meant])
        self.fail_in_one_line(2, "dance", naming=['"dance"', "limpid --help"])

    def test_the_program_or_a_group_alone_prints_its_help(self):
        for arguments, named in (([], "generate"), (["train"], "contrastive-perplexity"), (["fit"], "destein")):
            done = limpid(*arguments)
            self.assertEqual((done.returncode, done.stderr), (2, ""))
            self.assertIn(named, done.stdout)

    def test_help_explains_commands_and_detoxifiers(self):
        self.assertEqual(self.succeed("help", "generate"), self.succeed("generate", "--help"))
        self.assertEqual(self.succeed("help", "fit", "gedi"), self.succeed("fit", "gedi", "--help"))
        self.assertEqual(self.succeed("help"), self.succeed("--help"))
        topic = self.succeed("help", "detox")
        for named in ("destein", "fusion", "readout=", "control:NAME", "STRENGTH"):
            self.assertIn(named, topic)
        self.assertNotIn("readout=", self.succeed("generate", "--help"))

    def test_help_fits_the_terminal_and_has_headings(self):
        for columns in (60, 100):
            text = self.succeed("generate", "--help", environment={"COLUMNS": str(columns)})
            examples = text.index("Example:")
            for line in text[:examples].splitlines():
                self.assertTrue(len(line) <= columns or line.startswith("  -"), line)  # a name is not broken
        for heading in ("Model:", "Sampling:", "General:"):
            self.assertIn(heading, text)
        for heading in ("Write:", "Measure:", "Train:"):
            self.assertIn(heading, self.succeed("--help"))

    def test_ranges_are_said_as_a_person_would(self):
        for arguments, naming in ((["-n", 0], ["--tokens", "0", "expected 1 or more"]), (["-n", "ten"], ["ten", "a whole number"]), (["--precision", "fp4"], ["fp4", "bf16", " or "]),
                                  (["--threads", -1], ["-1", "0 or more"])):
            self.fail_in_one_line(2, "generate", "-m", "x", "-p", "y", *arguments, naming=naming)
        self.fail_in_one_line(2, "distil", "-m", "x", "--reject", 1, naming=["1", "0 to 0.999"])

    def test_slips_in_a_file_of_options_are_named(self):
        for text, named in (("[generate]\ntokns=3\n", "tokns"), ("[generat]\ntokens=3\n", "generat")):
            self.fail_in_one_line(2, "--config", self.write("limpid.toml", text), "generate", "-m", "x", "-p", "y", naming=[named])

    def test_values_that_could_only_be_a_slip_are_refused(self):
        for arguments in (["generate", "-m", "x", "-p", "y", "--stop", ""], ["multiple-choice", "-m", "x", "q", "--limit", -4], ["bench", "-m", "x", "--rows", 0],
                          ["fit", "gate", "-m", "x", "-o", "y", "--closed", 5], ["detox", "-m", "x", "-o", "y", "--ordinary-budget", 5]):
            self.fail_in_one_line(2, *arguments, naming=[arguments[-2], "expected"])

    def test_settings_that_do_nothing_are_named(self):
        def warnings(*arguments):
            return [line for line in limpid(*arguments).stderr.splitlines() if line.startswith("warning: ")]
        for arguments, idle in ((["--greedy", "--top-p", 0.5], "--top-p"), (["--temperature", 0, "--top-k", 5], "--top-k"), (["--plain-sampling"], "--plain-sampling")):
            found = warnings("generate", "-m", "nothing", "-p", "x", *arguments)
            self.assertEqual(len(found), 1, found)
            self.assertIn(idle + " does nothing", found[0])
        self.assertEqual(warnings("generate", "-m", "nothing", "-p", "x", "--greedy", "--repetition-penalty", 1.1), [])
        self.assertIn("--strengths", warnings("evaluate", "-m", "nothing", "--prompts", "p", "-o", "o", "--strengths", "0.5")[0])
        self.fail_in_one_line(1, "evaluate", "-m", "nothing", "--prompts", "p", "-o", "o", "--detox", "control:mask:0.3", "--strengths", "0.5", naming=["--strengths", "0.5"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
