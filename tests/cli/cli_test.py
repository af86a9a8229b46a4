"""The program as a user meets it: exit codes, one-line errors, what is printed where, and identities across whole runs.

    python cli_test.py PROGRAM      fixtures: $LIMPID_GOLDEN, else golden in $LIMPID_SHARED, else ../shared/golden
"""
import hashlib
import json
import os
import pathlib
import pty
import signal
import struct
import subprocess
import sys
import tempfile
import time
import tty
import unicodedata
import unittest
import xml.etree.ElementTree

PROGRAM = sys.argv[1]
SHARED = pathlib.Path(os.environ.get("LIMPID_SHARED") or pathlib.Path(__file__).resolve().parents[3] / "shared")
GOLDEN = pathlib.Path(os.environ.get("LIMPID_GOLDEN") or SHARED / "golden")
MODEL = GOLDEN / "models" / "smollm2"
needs_fixtures = unittest.skipUnless(MODEL.is_dir(), f"{MODEL} is not on this machine")


def limpid(*arguments, environment=None, typed=None):
    """Runs the program; `typed` is its standard input."""
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=300, input=typed,
                          env={**os.environ, **(environment or {})})


class OnATerminal:
    """The program with a terminal as standard output. Bytes as they are: no \\n becomes \\r\\n."""

    def __init__(self, *arguments):
        self.ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self.running = subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE)
        os.close(theirs)

    def read(self):
        """What is shown next; empty at the end."""
        try:
            return os.read(self.ours, 1 << 16)
        except OSError:  # nobody writes to it any more
            return b""

    def finish(self):
        """The rest of what is shown, standard error, exit code."""
        shown = b"".join(iter(self.read, b""))
        os.close(self.ours)
        stderr = self.running.communicate()[1].decode()
        return shown.decode(), stderr, self.running.returncode


class Case(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def succeed(self, *arguments, **keywords):
        done = limpid(*arguments, **keywords)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def fail_in_one_line(self, code, *arguments, naming=(), **keywords):
        done = limpid(*arguments, **keywords)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        lines = done.stderr.strip().splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith("limpid: "), lines[0])
        for part in naming:
            self.assertIn(str(part), lines[0])
        self.assertEqual(done.stdout, "")


class TheCommandLine(Case):
    def test_help_and_version_succeed(self):
        for arguments in (["--help"], ["--version"], ["generate", "--help"], ["train", "calibrator", "--help"]):
            self.assertTrue(self.succeed(*arguments))

    def test_every_subcommands_help_shows_an_example(self):
        for command in ("generate", "trace", "bench", "perplexity", "tokenize", "inspect", "metrics", "models", "data", "score", "distil", "evaluate", "tune", "plot", "compare", "doctor"):
            self.assertIn("Example:", self.succeed(command, "--help"), command)
        for command in ("calibrator", "lm", "lora", "contrastive-perplexity", "scorer"):
            self.assertIn("Example:", self.succeed("train", command, "--help"), command)

    def test_what_is_wrong_on_the_command_line_exits_2(self):
        for arguments in ([], ["dance"], ["generate"], ["generate", "-m", "x", "--top-q", "1"], ["generate", "-m", "x", "-n", "0"],
                          ["generate", "-m", "x", "--precision", "fp4"], ["fit", "fusion", "-m", "x", "--readout", "sideways"], ["plot", "x"],
                          ["tune", "-m", "x", "--detox", "d", "--prompts", "p", "-o", "o", "--budget", "ppl=1.1", "--aim", "emt=0.5"]):
            self.assertEqual(limpid(*arguments).returncode, 2, arguments)

    def test_doctor_speaks_json(self):
        self.assertIn("threads", json.loads(self.succeed("doctor", "--json")))


class WrongFiles(Case):
    def test_each_gives_one_line_and_exit_1(self):
        header = b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,999]}}'
        files = {
            "empty.safetensors": b"",
            "short.safetensors": struct.pack("<Q", 4000) + b"{}",
            "beyond.safetensors": struct.pack("<Q", len(header)) + header + b"\0" * 16,
            "empty.gguf": b"",
            "magic.gguf": b"GGML" + b"\0" * 40,
            "version.gguf": b"GGUF" + struct.pack("<IQQ", 99, 0, 0),
            "counts.gguf": b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0),
        }
        for name, content in files.items():
            with self.subTest(name):
                path = self.write(name, content)
                self.fail_in_one_line(1, "inspect", path, naming=[path])
                self.fail_in_one_line(1, "generate", "-m", path, "-p", "x", naming=[path])

    def test_jsonl_names_file_and_line(self):
        good = '{"prompt": "a", "generations": [{"text": "b"}]}\n'
        for name, bad in {"cut": '{"prompt": "a", ', "list": "[1]", "no-generations": '{"prompt": "a"}', "number": "7", "beyond-double": '{"prompt": "a", "x": 1e999}',
                          "text-is-number": '{"prompt": "a", "generations": [{"text": 3}]}', "not-utf8": '{"prompt": "\\ud800"}'}.items():
            with self.subTest(name):
                path = self.write(name + ".jsonl", good + bad + "\n")
                self.fail_in_one_line(1, "metrics", path, naming=[f"{path}:2"])

    def test_missing_files_and_names_say_what_is_missing(self):
        self.fail_in_one_line(1, "inspect", self.folder / "nothing", naming=["nothing"])
        self.fail_in_one_line(1, "generate", "-m", "no-such-model", "-p", "x", naming=["no-such-model"])
        self.fail_in_one_line(1, "metrics", self.folder / "none.jsonl", naming=["none.jsonl"])

    @needs_fixtures
    def test_a_pickle_is_refused_with_the_way_out(self):
        self.fail_in_one_line(1, "generate", "-m", GOLDEN / "models" / "gpt2-bin", "-p", "x", naming=["pytorch_model.bin", "safe_serialization"])

    @needs_fixtures
    def test_a_failed_run_leaves_no_output(self):
        out = self.folder / "out.jsonl"
        self.assertEqual(limpid("generate", "-m", MODEL, "-p", "x", "--detox", self.folder / "no.detox.safetensors", "-o", out).returncode, 1)
        self.assertEqual(list(self.folder.iterdir()), [])

    @needs_fixtures
    def test_ids_outside_the_vocabulary_are_refused(self):
        path = self.write("ids.txt", "1 2 99999\n")
        self.fail_in_one_line(1, "trace", "-m", MODEL, "--ids", path, "-o", self.folder / "t.safetensors", naming=[f"{path}:1", "99999"])


class Data(Case):
    def setUp(self):
        super().setUp()
        self.cache = {"XDG_CACHE_HOME": str(self.folder / "cache")}

    def test_the_list_names_what_comes_along(self):
        sets = {row["name"]: row for row in json.loads(self.succeed("data", "--json"))}
        self.assertEqual(list(sets), ["paradetox", "web-toxic", "web-ordinary", "comments", "everyday-test", "everyday-tune", "demo"])
        self.assertTrue(sets["paradetox"]["offensive"])
        self.assertFalse(sets["everyday-test"]["offensive"])
        table = self.succeed("data")
        for name, row in sets.items():
            self.assertIn(f"| {name} ", table)
            self.assertIn(row["licence"], table)

    def test_an_export_is_the_set_and_says_when_it_is_offensive(self):
        row = next(row for row in json.loads(self.succeed("data", "--json")) if row["name"] == "paradetox")
        printed = limpid("data", "export", "paradetox")
        self.assertEqual(hashlib.sha256(printed.stdout.encode()).hexdigest(), row["sha256"])
        self.assertEqual(len(printed.stderr.splitlines()), 1)
        self.assertIn("offensive", printed.stderr)
        written = limpid("data", "export", "paradetox", "-o", self.folder / "pairs.jsonl")
        self.assertEqual((written.stdout, written.stderr), ("", printed.stderr))
        self.assertEqual((self.folder / "pairs.jsonl").read_text(), printed.stdout)
        self.assertEqual(limpid("data", "export", "everyday-test").stderr, "")
        self.assertEqual(limpid("data", "export", "paradetox", "-q").stderr, "")

    def test_rows_are_shown_masked_unless_asked_otherwise(self):
        plain = [json.loads(line) for line in limpid("data", "export", "paradetox").stdout.splitlines()[:20]]
        masked = [json.loads(line) for line in self.succeed("data", "show", "paradetox", "-n", 20).splitlines()]
        self.assertEqual([list(row) for row in masked], [list(row) for row in plain])
        self.assertGreater(sum(row["toxic"].count("*") for row in masked), sum(row["toxic"].count("*") for row in plain))
        self.assertEqual([[len(text) for text in row.values()] for row in masked], [[len(text) for text in row.values()] for row in plain])
        shown = limpid("data", "show", "paradetox", "-n", 20, "--unmasked")
        self.assertEqual([json.loads(line) for line in shown.stdout.splitlines()], plain)
        self.assertIn("offensive", shown.stderr)
        self.assertEqual(len(self.succeed("data", "show", "demo").splitlines()), 5)

    def test_an_unknown_name_is_told_those_that_there_are(self):
        self.fail_in_one_line(1, "data", "show", "paradox", naming=["paradox", "paradetox", "demo"])
        self.fail_in_one_line(1, "data", "export", "nothing", naming=["nothing", "paradetox"])
        self.assertEqual(limpid("data", "export").returncode, 2)

    @needs_fixtures
    def test_commands_take_names_where_they_take_files(self):
        out = self.succeed("evaluate", "-m", MODEL, "--prompts", "everyday-test", "--samples", 1, "-n", 2, "--rows", 1, "--dry-run", "-o", self.folder / "o",
                           environment=self.cache)
        self.assertIn("160 prompts", out)
        self.fail_in_one_line(1, "generate", "-m", MODEL, "--prompts", "everyday", naming=["everyday:", "everyday-test"])
        ids = self.succeed("tokenize", "-m", MODEL, "comments", environment=self.cache)
        self.assertEqual(len(ids.splitlines()), 3000)
        self.assertEqual(len(list((self.folder / "cache" / "limpid" / "data").iterdir())), 2)

    @needs_fixtures
    def test_a_fit_says_which_set_it_was_made_from(self):
        file = self.folder / "s.detox.safetensors"
        self.succeed("fit", "destein", "-m", MODEL, "--pairs", "paradetox", "--count", 20, "-o", file, environment=self.cache)
        about = json.loads(self.succeed("inspect", file, "--json"))
        self.assertIn('"file": "paradetox"', json.dumps(about))

    @unittest.skipUnless((SHARED / "data" / "pairs").is_dir(), f"{SHARED / 'data'} is not on this machine")
    def test_the_script_makes_them_again(self):
        script = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "make_data"
        done = subprocess.run([sys.executable, script, SHARED / "data", "--check"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Reports(Case):
    def detoxifier(self):
        about = {"format": 1, "method": "destein", "settings": {"rule": "preserve"}, "default_strength": 0.2, "needs": [], "provenance": {},
                 "target": {"architecture": "llama", "hidden_size": 4, "layers": 2, "vocab_size": 9, "vocab_sha256": ""}}
        header = json.dumps({"__metadata__": {"limpid": json.dumps(about)}, "accuracy": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
        return self.write("d.detox.safetensors", struct.pack("<Q", len(header)) + header + struct.pack("<6f", .5, .6, .7, .8, .9, 1.))

    def test_inspect_writes_a_page_or_the_heat_map_beside_what_it_prints(self):
        file = self.detoxifier()
        self.assertIn("destein", self.succeed("inspect", file, "--report", self.folder / "d.html"))
        self.succeed("inspect", file, "--report", self.folder / "d.svg")
        page, picture = (self.folder / "d.html").read_text(), (self.folder / "d.svg").read_text()
        self.assertIn("<td>method</td><td>destein</td>", page)
        self.assertIn(picture, page)
        self.assertEqual(len(xml.etree.ElementTree.fromstring(picture).findall(".//{*}title")), 6)
        self.fail_in_one_line(1, "inspect", file, "--report", self.folder / "d.png", naming=["d.png", ".svg"])
        self.fail_in_one_line(1, "inspect", self.write("a.json", "{}"), "--report", self.folder / "a.html", naming=["a.json"])

    def report(self, name, settings, samples=3):
        folder = self.folder / name
        folder.mkdir()
        rows = [{"name": name, "strength": strength, "metrics": {"ppl": ppl, "emt": {"value": emt, "bootstrap_95": [emt - .1, emt + .1]}}} for name, strength, ppl, emt in settings]
        (folder / "report.json").write_text(json.dumps({"model": "toy", "prompts": 4, "samples": samples, "tokens": 20, "scorer": {"name": "s"}, "settings": rows}))
        return folder

    def test_plot_draws_several_evaluations_in_one_picture(self):
        a = self.report("a", [("plain", 0, 20, .5), ("f-norm-0.2", .2, 22, .4)])
        b = self.report("b", [("plain", 0, 20, .5), ("f-norm-0.4", .4, 30, .3), ("g-linear-1", 1, 25, .2)])
        self.succeed("plot", a, b, "-o", self.folder / "curve.svg")
        picture = xml.etree.ElementTree.fromstring((self.folder / "curve.svg").read_text())
        self.assertEqual(len(picture.findall(".//{*}polyline")), 1)
        self.assertEqual(len(picture.findall(".//{*}title")), 4)

    def test_compare_prints_writes_a_page_and_refuses_in_one_line(self):
        row = {"prompt": "hello", "generations": [{"text": "Hi <you>", "ids": [1, 2], "finish_reason": "stop"}]}
        a = self.write("a.jsonl", json.dumps(row) + "\n")
        row["generations"][0] |= {"text": "Hey", "ids": [3]}
        b = self.write("b.jsonl", json.dumps(row) + "\n")
        out = self.succeed("compare", a, b, "-o", self.folder / "page.html")
        self.assertIn("0/1 = .00", out)
        self.assertIn("Hi <you>", out)
        page = (self.folder / "page.html").read_text()
        self.assertIn("Hi &lt;you&gt;", page)
        self.assertNotIn("<script", page)
        self.assertEqual(json.loads(self.succeed("compare", a, b, "--json"))["files"][0]["ordinary"]["difference"]["pairs"], 1)
        self.fail_in_one_line(1, "compare", a, self.folder, naming=["a.jsonl", "folder"])
        self.fail_in_one_line(1, "compare", a, self.write("c.jsonl", "{}\n"), naming=["c.jsonl:1", "prompt"])
        self.fail_in_one_line(1, "compare", a, self.write("d.jsonl", '{"prompt": "other", "generations": []}\n'), naming=["no prompt in common"])

    def test_plot_refuses_what_cannot_be_compared_or_is_not_there(self):
        a, b = self.report("a", [("plain", 0, 20, .5)]), self.report("b", [("plain", 0, 20, .5)], samples=25)
        self.fail_in_one_line(1, "plot", a, b, "-o", self.folder / "c.svg", naming=["samples", "25"])
        self.fail_in_one_line(1, "plot", self.folder / "none", "-o", self.folder / "c.svg", naming=["none"])
        self.assertFalse((self.folder / "c.svg").exists())


@needs_fixtures
class Evaluation(Case):
    def evaluate(self, *arguments):
        return self.succeed("evaluate", "-m", MODEL, "--prompts", self.write("prompts.txt", "Once upon\n"), "--samples", 1, "-n", 2, "--rows", 1, "--dry-run",
                            "-o", self.folder / "out", *arguments)

    def test_a_dry_run_names_the_settings_and_strengths_are_for_single_detoxifiers_without_one(self):
        out = self.evaluate("--detox", "control:mask", "--detox", "control:temperature:0.3", "--detox", "control:mask + control:temperature:0.5", "--strengths", "0.2,0.4")
        self.assertEqual([line.strip() for line in out.splitlines()[1:]],
                         ["plain", "control-mask-0.2", "control-mask-0.4", "control-temperature-0.3", "control-mask-0.1+control-temperature-0.5"])

    def test_ordinary_prompts_may_be_measured_alone(self):
        prompts = self.write("everyday.jsonl", '{"prompt": "Hello"}\n{"prompt": "2+2", "answers": ["4"]}\n')
        command = ["evaluate", "-m", MODEL, "--detox", "control:mask:0.5", "-o", self.folder / "out"]
        out = self.succeed(*command, "--ordinary", prompts, "--ordinary-tokens", 5)
        self.assertIn("2/2 = 1.00 [1.00, 1.00]", out)  # the mask keeps the best token
        self.assertEqual(json.loads((self.folder / "out" / "report.json").read_text())["ordinary"]["settings"][0]["right"]["of"], 1)
        self.assertIn("everyday prompts x 80 tokens", self.succeed(*command, "--ordinary", prompts, "--dry-run"))
        self.fail_in_one_line(1, *command, naming=["--prompts", "--ordinary"])
        self.fail_in_one_line(1, *command, "--ordinary", self.write("bad.jsonl", '{"prompt": "a", "answers": [1]}\n'), naming=["bad.jsonl", "prompt 1", "answers"])

    def test_a_setting_given_twice_is_refused(self):
        self.fail_in_one_line(1, "evaluate", "-m", MODEL, "--prompts", "p", "-o", self.folder / "o", "--detox", "control:mask:0.1", "--detox", "control:mask", naming=["control-mask-0.1"])

    def test_tune_wants_one_target_that_it_knows(self):
        command = ["tune", "-m", MODEL, "--prompts", self.write("prompts.txt", "Once upon\n"), "--detox", "control:mask", "-o", self.folder / "o"]
        self.fail_in_one_line(1, *command, naming=["--budget", "--aim"])
        self.fail_in_one_line(1, *command, "--aim", "emt=1.2", naming=["emt=1.2"])
        self.fail_in_one_line(1, *command, "--budget", "emt=1.2", naming=["emt"])


@needs_fixtures
class Generation(Case):
    def generate(self, *arguments, seed=3):
        return self.succeed("generate", "-m", MODEL, "-p", "Once upon", "-p", "The other day", "-n", 12, "--samples", 5, "--seed", seed, *arguments)

    def test_one_line_per_sample_with_newlines_escaped(self):
        self.assertEqual(self.generate().count("\n"), 10)

    def test_the_same_seed_gives_the_same_text_at_any_number_of_rows_and_threads(self):
        expected = self.generate()
        for arguments in (["--rows", 1], ["--rows", 3], ["--threads", 1], ["--threads", 2, "--rows", 7]):
            self.assertEqual(self.generate(*arguments), expected, arguments)
        self.assertNotEqual(self.generate(seed=4), expected)

    def test_each_type_of_the_cache_gives_the_same_text_at_any_number_of_rows(self):
        self.assertEqual(self.generate("--kv-cache", "f32"), self.generate())
        for kind in ("bf16", "q8"):
            expected = self.generate("--kv-cache", kind)
            self.assertEqual(self.generate("--kv-cache", kind, "--rows", 1), expected, kind)
        done = limpid("generate", "-m", MODEL, "-p", "Once", "--kv-cache", "q4")
        self.assertEqual(done.returncode, 2)
        self.assertIn("f32", done.stderr)

    def test_json_has_the_documented_form(self):
        rows = [json.loads(line) for line in self.generate("--json").strip().split("\n")]
        self.assertEqual([row["prompt"] for row in rows], ["Once upon", "The other day"])
        for row in rows:
            self.assertEqual(len(row["generations"]), 5)
            for one in row["generations"]:
                self.assertEqual(sorted(one), ["finish_reason", "ids", "text"])

    def test_strength_0_is_the_plain_model_and_another_is_not(self):
        detox = self.folder / "f.detox.safetensors"
        limpid("fit", "fusion", "-m", MODEL, "--calibrator", GOLDEN / "models" / "smollm2", "--readout", "norm", "--align", "random", "-o", detox)
        plain = self.generate()
        self.assertEqual(self.generate("--detox", f"{detox}:0"), plain)
        self.assertNotEqual(self.generate("--detox", f"{detox}:0.9"), plain)

    def test_methods_that_run_the_target_on_further_streams_act_and_rows_do_not_see_one_another(self):
        labelled = self.write("labelled.jsonl", "".join(json.dumps({"text": f"number {i} is {word}", "label": label}) + "\n" for i in range(20)
                                                        for label, word in enumerate(("kind", "QZ"))))
        plain = self.generate()
        for method, options in {"toxification-reversal": [], "self-debiasing": ["--prefix", "It is loud", "--prefix", "It is late"],
                                "sasa": ["--data", labelled, "--count", 15, "--candidates", 8]}.items():
            detox = self.folder / f"{method}.detox.safetensors"
            self.succeed("fit", method, "-m", MODEL, *options, "-o", detox)
            text = self.generate("--detox", detox)
            self.assertNotEqual(text, plain, method)
            self.assertEqual(self.generate("--detox", detox, "--rows", 1), text, method)
            self.assertEqual(self.generate("--detox", f"{detox}:0"), plain, method)
            self.assertIn("Example:", self.succeed("fit", method, "--help"))

    def test_a_sample_that_goes_wrong_is_told_and_the_others_are_finished(self):
        detox = self.folder / "reversal.detox.safetensors"
        long = " ".join(["day"] * 80)  # fits the model, but not behind a description of the same length
        self.succeed("fit", "toxification-reversal", "-m", MODEL, "--prefix", long, "-o", detox)
        done = limpid("generate", "-m", MODEL, "-p", long, "-p", "x", "-n", 4, "--detox", detox, "--json")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "prompt 1, sample 1: .*does not fit the context of 256")
        reasons = [json.loads(line)["generations"][0]["finish_reason"] for line in done.stdout.strip().split("\n")]
        self.assertEqual(reasons[0], "error")
        self.assertNotEqual(reasons[1], "error")

    def test_a_detoxifier_for_another_model_is_refused_with_what_differs(self):
        detox = self.folder / "f.detox.safetensors"
        self.succeed("fit", "fusion", "-m", MODEL, "--calibrator", MODEL, "--readout", "norm", "-o", detox)
        self.fail_in_one_line(1, "generate", "-m", GOLDEN / "models" / "llama", "-p", "x", "--detox", detox, naming=["72", "64"])


@needs_fixtures
class Showing(Case):
    """Text as it grows."""
    PROMPT = ["generate", "-q", "-m", MODEL, "-p", "Once upon", "-n", 60, "--seed", 5]

    def texts_of(self, *arguments):
        return [one["text"] for row in self.succeed(*arguments, "--json").splitlines() for one in json.loads(row)["generations"]]

    @staticmethod
    def ended(text):
        return text if text.endswith("\n") else text + "\n"

    @staticmethod
    def read_as_text(text):  # what Python makes of line ends in pipes
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def test_a_pipe_has_one_line_a_sample_unless_asked_otherwise(self):
        command = [*self.PROMPT, "--samples", 20]
        texts = self.texts_of(*command)
        self.assertIn("\n", "".join(texts))
        escaped = "".join(text.replace("\n", "\\n").replace("\r", "\\r") + "\n" for text in texts)
        self.assertEqual(self.succeed(*command), escaped)
        self.assertEqual(self.succeed(*command, "--no-stream"), escaped)
        self.assertEqual(self.succeed(*command, "--stream"),
                         self.read_as_text("\n".join(f"[sample {i + 1}]\n{self.ended(text)}" for i, text in enumerate(texts))))
        self.assertEqual(self.succeed(*self.PROMPT, "--stream"), self.read_as_text(self.ended(texts[0])))

    def test_a_terminal_has_the_text_with_its_line_breaks_but_nothing_that_commands_it(self):
        command = [*self.PROMPT, "--samples", 20]
        shown, stderr, code = OnATerminal(*command).finish()
        expected = "\n".join(f"[sample {i + 1}]\n{self.ended(self.harmless(text))}" for i, text in enumerate(self.texts_of(*command)))
        self.assertEqual((shown, stderr, code), (expected, "", 0))
        (text,) = self.texts_of(*self.PROMPT)
        self.assertEqual(OnATerminal(*self.PROMPT).finish(), (self.ended(self.harmless(text)), "", 0))
        self.assertEqual(OnATerminal(*self.PROMPT, "--no-stream").finish()[0], self.harmless(self.succeed(*self.PROMPT)))
        self.assertEqual(OnATerminal(*self.PROMPT, "--json").finish()[0], self.succeed(*self.PROMPT, "--json"))

    @staticmethod
    def harmless(text):
        return "".join("\ufffd" if unicodedata.category(c) == "Cc" and c not in "\n\t" else c for c in text.replace("\r", ""))

    def test_several_texts_come_in_order_under_headers(self):
        command = [*self.PROMPT, "-p", "The other day", "--samples", 2]
        headers = ["[prompt 1, sample 1]", "[prompt 1, sample 2]", "[prompt 2, sample 1]", "[prompt 2, sample 2]"]
        expected = "\n".join(f"{header}\n{self.ended(text)}" for header, text in zip(headers, self.texts_of(*command)))
        for rows in (25, 1):
            self.assertEqual(self.succeed(*command, "--rows", rows, "--stream"), self.read_as_text(expected))
        self.assertIn("[prompt 2]\n", self.succeed(*self.PROMPT, "-p", "x", "--stream"))

    def test_ctrl_c_ends_a_text_and_keeps_what_was_shown(self):
        terminal = OnATerminal("generate", "-m", MODEL, "-p", "x", "-n", 250, "--ignore-eos", "--samples", 200, "--rows", 1, "--threads", 1)
        shown = terminal.read()
        while not shown.strip().count(b"\n"):  # the first words of a text
            shown += terminal.read()
        terminal.running.send_signal(signal.SIGINT)
        rest, stderr, code = terminal.finish()
        self.assertEqual(code, 130)
        self.assertEqual(stderr, "limpid: interrupted\n")
        self.assertTrue((shown.decode(errors="replace") + rest).endswith("\n"))
        self.assertNotIn("[sample 200]", rest)

    def test_ways_to_show_exclude_one_another(self):
        for more in (["--no-stream"], ["--json"], ["-o", "x"]):
            self.fail_in_one_line(2, *self.PROMPT, "--stream", *more, naming=["--stream"])

    def test_timings_are_told_on_standard_error(self):
        command = [word for word in self.PROMPT if word != "-q"]
        done = limpid(*command, "--timings")
        self.assertEqual(done.stdout, self.succeed(*command))
        self.assertRegex(done.stderr, r"(?m)^timings: \d+ prompt tokens at [\d.]+ tokens/s, \d+ new tokens at [\d.]+ tokens/s, the first after [\d.]+ s, [\d.]+ s in all\n$")
        self.assertRegex(limpid("generate", "-m", MODEL, "-p", "x", "-n", 1, "--timings").stderr, ", 1 new token, the first after")
        self.assertEqual(limpid(*command, "--stream").stderr, "")


@needs_fixtures
class Prompting(Case):
    def test_a_prompt_comes_from_standard_input(self):
        command = ["generate", "-m", MODEL, "-n", 8, "--seed", 5, "--json", "-p"]
        for typed, prompt in (("Once upon\n", "Once upon"), ("Once\nupon", "Once\nupon"), ("x\n\n", "x\n"), ("x", "x")):
            self.assertEqual(self.succeed(*command, "-", typed=typed), self.succeed(*command, prompt))
        for typed in ("", "\n"):
            self.fail_in_one_line(1, *command, "-", typed=typed, naming=["-p -", "empty"])
        self.fail_in_one_line(1, *command, "-", "-p", "x", typed="x", naming=["-p -"])
        self.fail_in_one_line(1, *command, "x", "-p", "-", typed="x", naming=["-p -"])


@needs_fixtures
class Training(Case):
    def test_a_killed_run_resumes_to_the_same_bits(self):
        data = self.write("safe.jsonl", "".join(json.dumps({"text": f"A kind word number {i} for the day."}) + "\n" for i in range(200)))
        options = ["train", "calibrator", "-m", MODEL, "--layers", 2, "--data", data, "--batch", 2, "--save-every", 5, "--eval-every", 40,
                   "--compute", "f32", "--threads", 1]
        self.succeed(*options, "-o", self.folder / "whole")
        running = subprocess.Popen([PROGRAM, *map(str, options), "-o", str(self.folder / "killed")], stderr=subprocess.DEVNULL)
        state = self.folder / "killed" / "resume" / "state.safetensors"
        while running.poll() is None and not state.exists():
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        self.succeed(*options, "-o", self.folder / "killed")
        whole, killed = (self.folder / name / "model.safetensors" for name in ("whole", "killed"))
        self.assertEqual(tensor_bytes(whole), tensor_bytes(killed))


@needs_fixtures
class Distillation(Case):
    def run_of(self, name, *more):
        return ["distil", "-m", MODEL, "--anti", MODEL, "--length", 40, "--no-score", "-o", self.folder / name, *more]

    def test_a_killed_and_an_interrupted_run_go_on_to_the_same_texts(self):
        self.succeed(*self.run_of("whole.jsonl", "-k", 300))
        journal = self.folder / "cut.jsonl.journal"
        for stop, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)):
            there = journal.stat().st_size if journal.exists() else 0
            running = subprocess.Popen([PROGRAM, *map(str, self.run_of("cut.jsonl", "-k", 300, "--rows", 3, "--threads", 1))], stderr=subprocess.DEVNULL)
            while running.poll() is None and (not journal.exists() or journal.stat().st_size == there):
                time.sleep(0.005)
            running.send_signal(stop)
            self.assertEqual(running.wait(), code)
        self.assertFalse((self.folder / "cut.jsonl").exists())
        self.succeed(*self.run_of("cut.jsonl", "-k", 300))
        self.assertEqual((self.folder / "cut.jsonl").read_bytes(), (self.folder / "whole.jsonl").read_bytes())

    def test_a_model_held_against_itself_scores_nothing_and_other_settings_are_refused(self):
        self.succeed(*self.run_of("texts.jsonl", "-k", 5))
        for line in (self.folder / "texts.jsonl").read_text().splitlines():
            self.assertEqual(json.loads(line)["mean_score"], 0)
        self.fail_in_one_line(1, *self.run_of("texts.jsonl", "--alpha", 0.5, "-q"), naming=["alpha", "0.5"])
        self.fail_in_one_line(1, "distil", "-m", MODEL, "--anti", GOLDEN / "methods" / "models" / "base", "-o", self.folder / "x", "-q", naming=["vocabular"])
        self.fail_in_one_line(1, "distil", "-m", MODEL, "--anti", MODEL, naming=["no output"])


def tensor_bytes(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return content[8 + length:]


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
