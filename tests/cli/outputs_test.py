"""Where the program writes, and what is left when it is interrupted, killed, or finds no room.

    python outputs_test.py PROGRAM      fixtures as cli_test.py
"""
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import threading
import time
import unittest

from cli_test import Case, MODEL, PROGRAM, limpid, needs_fixtures
from inputs_test import forms_of

LINES = "".join(json.dumps({"text": f"number {i} of the day"}) + "\n" for i in range(40))


def can_make_devices():
    return os.geteuid() == 0


class Outputs(Case):
    """`data export` writes as every command does, and needs no model."""
    EXPORT = ["data", "export", "everyday-test", "-q", "-o"]

    def setUp(self):
        super().setUp()
        self.content = limpid("data", "export", "everyday-test", "-q").stdout

    def test_a_pipe_is_written_through_and_stays_a_pipe(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        read = []
        reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
        reader.start()
        self.succeed(*self.EXPORT, pipe)
        reader.join()
        self.assertEqual(read, [self.content])
        self.assertTrue(pipe.is_fifo())
        self.assertEqual(list(self.folder.iterdir()), [pipe])

    def test_a_link_stays_a_link(self):
        file, link = self.write("file.jsonl", "old"), self.folder / "link.jsonl"
        link.symlink_to(file)
        self.succeed(*self.EXPORT, link)
        self.assertTrue(link.is_symlink())
        self.assertEqual(file.read_text(), self.content)

    def test_permissions_stay(self):
        file = self.write("file.jsonl", "old")
        file.chmod(0o640)
        self.succeed(*self.EXPORT, file)
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o640)

    def test_standard_output_may_be_named(self):
        for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
            self.assertEqual(self.succeed(*self.EXPORT, name), self.content)
        log = self.write("log", "before\n")
        with log.open("a") as end:
            subprocess.run([PROGRAM, *self.EXPORT, "/dev/stdout"], stdout=end, check=True)
        self.assertEqual(log.read_text(), "before\n" + self.content)

    @unittest.skipUnless(can_make_devices(), "skipped: only root makes devices")
    def test_a_device_stays_a_device(self):
        null = self.folder / "null"
        os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        try:
            null.open("w").close()
        except OSError:
            self.skipTest(f"skipped: devices cannot be opened in {self.folder}")
        self.succeed(*self.EXPORT, null)
        self.assertTrue(null.is_char_device())

    def test_a_folder_is_refused_at_once(self):
        self.fail_in_one_line(1, *self.EXPORT, self.folder, naming=[self.folder, "is a folder"])


@unittest.skipUnless(pathlib.Path("/dev/full").is_char_device(), "skipped: there is no /dev/full")
class StandardOutput(Case):
    def lose(self, *arguments):
        """What the program says when its standard output is full, and closed."""
        with open("/dev/full", "w") as full:
            done = subprocess.run([PROGRAM, *map(str, arguments)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
        closed = subprocess.run([PROGRAM, *map(str, arguments)], stderr=subprocess.PIPE, text=True, timeout=300, preexec_fn=lambda: os.close(1))
        return done, closed

    def assert_told(self, *arguments):
        for done, reason in zip(self.lose(*arguments), ("No space left on device", "Bad file descriptor")):
            self.assertEqual(done.returncode, 1, arguments)
            self.assertEqual(done.stderr.strip().splitlines()[-1], f"limpid: standard output cannot be written: {reason}", arguments)

    def test_what_cannot_be_written_is_told_by_commands_without_a_model(self):
        row = self.write("g.jsonl", '{"prompt": "a", "generations": [{"text": "b"}]}\n')
        for arguments in (["--help"], ["generate", "--help"], ["--version"], ["models"], ["data"], ["data", "show", "demo"], ["data", "export", "demo"], ["doctor"], ["metrics", row], ["compare", row, row]):
            self.assert_told(*arguments)

    @needs_fixtures
    def test_what_cannot_be_written_is_told_by_commands_with_one(self):
        texts, prompts = self.write("texts.jsonl", LINES), self.write("p.txt", "Once upon\n")
        evaluate = ["evaluate", "-q", "-m", MODEL, "--ordinary", self.write("o.jsonl", '{"prompt": "Hi"}\n'), "--ordinary-tokens", 4, "-o", self.folder / "out"]
        for arguments in (["generate", "-q", "-m", MODEL, "-p", "x", "-n", 4], ["generate", "-q", "-m", MODEL, "-p", "x", "-n", 4, "--json"],
                          ["generate", "-q", "-m", MODEL, "-p", "x", "-n", 4, "--stream"], ["tokenize", "-m", MODEL, texts], ["inspect", MODEL],
                          ["perplexity", "-q", "-m", MODEL, prompts], evaluate):
            self.assert_told(*arguments)

    @needs_fixtures
    def test_no_file_gets_what_was_meant_for_a_closed_standard_output(self):
        out = self.folder / "out.jsonl"
        done = subprocess.run([PROGRAM, "generate", "-q", "-m", str(MODEL), "-p", "x", "-n", "4", "-o", str(out)], stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(out.read_text())["prompt"], "x")

    @needs_fixtures
    def test_a_reader_that_has_enough_ends_the_program_quietly(self):
        prompts = self.write("prompts.txt", "Once upon\n" * 400)
        command = [PROGRAM, "generate", "-q", "-m", str(MODEL), "--prompts", str(prompts), "-n", "60", "--rows", "1"]
        for ignored in (False, True):  # as a service manager leaves SIGPIPE
            prepare = (lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN)) if ignored else None
            running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=prepare, restore_signals=not ignored)
            running.stdout.readline()
            running.stdout.close()
            self.assertEqual((running.communicate()[1], running.returncode), (b"", -signal.SIGPIPE))


class Interrupting(Case):
    def stop(self, command, part, number, lines=3):
        """Runs the command until its part has so many lines, and sends it a signal. What it said, and its exit code."""
        running = subprocess.Popen([PROGRAM, *map(str, command)], stderr=subprocess.PIPE, text=True)
        while running.poll() is None and not (part.exists() and part.read_bytes().count(b"\n") >= lines):
            time.sleep(0.002)
        running.send_signal(number)
        said = running.communicate()[1]
        return said.strip().splitlines(), running.returncode


@needs_fixtures
class FinishedWork(Interrupting):
    def generate(self, name, *more, tokens=60, samples=2):
        return ["generate", "-m", MODEL, "--prompts", self.prompts, "-n", tokens, "--ignore-eos", "--samples", samples, "--rows", 5, "--seed", 4, "-o", self.folder / name, *more]

    def setUp(self):
        super().setUp()
        self.prompts = self.write("prompts.txt", "".join(f"Number {i} was\n" for i in range(40)))

    def test_of_generate_is_kept_and_the_same_command_goes_on_from_it(self):
        self.succeed(*self.generate("whole.jsonl", "-q"))
        whole = (self.folder / "whole.jsonl").read_bytes()
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)):
            with self.subTest(number):
                out, part = self.folder / f"cut-{code}.jsonl", self.folder / f"cut-{code}.jsonl.part"
                said, got = self.stop(self.generate(out.name, "--threads", 1), part, number)
                self.assertEqual(got, code, said)
                self.assertFalse(out.exists())
                if number != signal.SIGKILL:
                    self.assertRegex(said[-1], rf"limpid: interrupted; \d+ of 40 prompts are finished and kept in .*{part.name}; the same command goes on from there")
                done = limpid(*self.generate(out.name))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertRegex(done.stderr, rf"continuing: \d+ of 40 prompts are in .*{part.name}")
                self.assertEqual(out.read_bytes(), whole)
                self.assertFalse(part.exists())

    def test_of_another_command_is_not_mixed_in(self):
        out, part = self.folder / "out.jsonl", self.folder / "out.jsonl.part"
        self.stop(self.generate("out.jsonl", "--threads", 1), part, signal.SIGINT)
        kept = part.read_bytes()
        self.fail_in_one_line(1, *self.generate("out.jsonl", "--temperature", 0.5, "-q"), naming=[part, "temperature: 1.0 there, 0.5 now", "delete the file to start over"])
        self.assertEqual(part.read_bytes(), kept)
        part.unlink()
        self.succeed(*self.generate("out.jsonl", "--temperature", 0.5, "-q"))
        self.assertTrue(out.exists())

    def test_what_is_streamed_is_not_said_to_be_kept(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        running = subprocess.Popen([PROGRAM, *map(str, self.generate("pipe", "-q", "--threads", 1, tokens=100))], stderr=subprocess.PIPE, text=True)
        with pipe.open() as rows:
            self.assertEqual(json.loads(rows.readline())["prompt"], "Number 0 was")
            running.send_signal(signal.SIGTERM)
            rest = rows.read()
        self.assertTrue(rest == "" or rest.endswith("\n"))
        self.assertEqual(running.communicate()[1], "limpid: interrupted\n")
        self.assertEqual(running.returncode, 143)

    def test_nothing_is_left_when_nothing_was_finished(self):
        command = self.generate("out.jsonl", "-q", "--threads", 1, tokens=120, samples=100)
        part = self.folder / "out.jsonl.part"
        said, code = self.stop(command, part, signal.SIGTERM, lines=1)
        self.assertEqual((said, code), (["limpid: interrupted"], 143))
        self.assertEqual(list(self.folder.iterdir()), [self.prompts])

    def test_a_sample_that_went_wrong_before_is_still_told_by_the_exit_code(self):
        # the second prompt does not fit behind a description of the same length
        detox = self.folder / "reversal.detox.safetensors"
        long = " ".join(["day"] * 80)
        self.succeed("fit", "toxification-reversal", "-m", MODEL, "--prefix", long, "-o", detox)
        self.prompts = self.write("prompts.txt", "x\n" + long + "\n" + "".join(f"Number {i}\n" for i in range(30)))
        command = self.generate("out.jsonl", "--detox", detox, "--threads", 1, tokens=30)
        self.stop(command, self.folder / "out.jsonl.part", signal.SIGINT, lines=5)
        done = limpid(*command)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn('"finish_reason":"error"', (self.folder / "out.jsonl").read_text().splitlines()[1])


@needs_fixtures
class WorkOfAnother(Case):
    """A model or a detoxifier that came into the place of the one that was measured."""
    ANSWERS = '{"prompt": "Hi"}\n{"prompt": "Who?"}\n'

    def setUp(self):
        super().setUp()
        self.model = self.folder / "model"
        shutil.copytree(MODEL, self.model)
        self.command = ["evaluate", "-q", "-m", self.model, "--ordinary", self.write("o.jsonl", self.ANSWERS), "--ordinary-tokens", 4, "-o", self.folder / "out"]

    def test_a_model_in_the_place_of_another_is_not_mixed_in(self):
        self.succeed(*self.command)
        self.succeed(*self.command)
        weights = self.model / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-8] + b"\x00" * 8)
        self.fail_in_one_line(1, *self.command, naming=["was begun with other settings", "model_files"])

    def test_a_detoxifier_in_the_place_of_another_is_not_mixed_in(self):
        file = self.folder / "d.detox.safetensors"
        for prefix, mixed in (("a b c", False), ("quite another", True)):
            self.succeed("fit", "toxification-reversal", "-q", "-m", self.model, "--prefix", prefix, "-o", file)
            if mixed:
                self.fail_in_one_line(1, *self.command, "--detox", file, naming=["was begun with other settings", "contents"])
            else:
                self.succeed(*self.command, "--detox", file)

    def test_a_setting_that_was_ignored_before_is_not_mixed_in(self):
        config = json.loads((self.model / "config.json").read_text())
        (self.model / "config.json").write_text(json.dumps({**config, "foo": 3}))
        self.succeed(*self.command, "--ignore-config", "foo")
        (self.model / "config.json").write_text(json.dumps(config))
        self.fail_in_one_line(1, *self.command, naming=["was begun with other settings"])


def scorer():
    """A scorer's options, where one is on this machine."""
    probe = limpid("score", "-q", os.devnull)
    return "limpid models pull" not in probe.stderr


class Scores(Interrupting):
    @unittest.skipUnless(scorer(), "skipped: the built-in scorer's encoder is not on this machine")
    def test_are_kept_and_the_same_command_goes_on_from_them(self):
        texts = self.write("texts.jsonl", "".join(json.dumps({"text": f"number {i} of the day is kind", "id": i}) + "\n" for i in range(6000)))
        command = ["score", texts, "--threads", 1, "-o"]
        whole = limpid(*command, self.folder / "whole.jsonl")
        self.assertEqual(whole.returncode, 0, whole.stderr)
        out, part = self.folder / "cut.jsonl", self.folder / "cut.jsonl.part"
        said, code = self.stop([*command, out], part, signal.SIGTERM)
        self.assertEqual(code, 143, said)
        self.assertRegex(said[-1], r"interrupted; [\d,]+ of 6,000 rows are finished and kept in .*cut.jsonl.part")
        done = limpid(*command, out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(out.read_bytes(), (self.folder / "whole.jsonl").read_bytes())
        self.assertEqual(done.stderr.splitlines()[-1], whole.stderr.splitlines()[-1])

    @unittest.skipUnless(scorer(), "skipped: the built-in scorer's encoder is not on this machine")
    def test_are_those_of_the_same_texts_in_any_form(self):
        texts = [f"number {i} of the day is kind" for i in range(5)]
        scores = set()
        for name, content in forms_of(texts, "text").items():
            rows = [json.loads(line) for line in self.succeed("score", "-q", self.write(name, content)).splitlines()]
            self.assertEqual([row["text"] for row in rows], texts, name)
            scores.add(tuple(row["toxicity"] for row in rows))
        self.assertEqual(len(scores), 1)
        piped = self.succeed("score", "-q", "-", typed="".join(text + "\n" for text in texts))
        self.assertEqual(tuple(json.loads(line)["toxicity"] for line in piped.splitlines()), scores.pop())

    @unittest.skipUnless(scorer(), "skipped: the built-in scorer's encoder is not on this machine")
    def test_what_cannot_be_scored_is_told_before_the_work(self):
        texts = self.write("texts.jsonl", LINES + "{}\n")
        self.fail_in_one_line(1, "score", "-q", texts, "-o", self.folder / "out.jsonl", naming=["texts.jsonl:41", "text"])
        self.assertEqual(list(self.folder.iterdir()), [texts])


@needs_fixtures
class OneRunInAFolder(Interrupting):
    def test_a_second_training_or_evaluation_is_refused(self):
        data = self.write("safe.jsonl", LINES)
        train = ["train", "calibrator", "-m", MODEL, "--layers", 2, "--data", data, "--batch", 2, "--epochs", 10000, "--compute", "f32", "--threads", 1, "-o", self.folder / "out"]
        evaluate = ["evaluate", "-m", MODEL, "--ordinary", self.write("o.jsonl", '{"prompt": "Hi"}\n' * 400), "--ordinary-tokens", 60, "--threads", 1, "-o", self.folder / "out2"]
        for command, sign in ((train, self.folder / "out" / "metrics.jsonl"), (evaluate, self.folder / "out2" / "plain" / "ordinary.jsonl")):
            running = subprocess.Popen([PROGRAM, *map(str, command)], stderr=subprocess.DEVNULL)
            while running.poll() is None and not (sign.exists() and sign.stat().st_size):
                time.sleep(0.005)
            self.fail_in_one_line(1, *command, "-q", naming=["another run works in this folder"])
            running.send_signal(signal.SIGKILL)
            running.wait()


@needs_fixtures
class Folders(Case):
    def test_an_export_takes_the_place_of_an_old_one_whole(self):
        adapter, out = self.folder / "adapter", self.folder / "out"
        self.succeed("train", "lora", "-q", "-m", MODEL, "--data", self.write("safe.jsonl", LINES), "--batch", 2, "--max-steps", 2, "--rank", 2, "-o", adapter)
        export = ["export", "-q", "-m", MODEL, "-o", out, "--detox"]
        self.succeed(*export, f"{adapter}:-1")
        first = (out / "model.safetensors").read_bytes()
        (out / "notes.txt").write_text("mine")
        self.fail_in_one_line(1, *export, f"{adapter}:0", naming=["strength 0"])
        self.assertEqual((out / "model.safetensors").read_bytes(), first)
        self.succeed(*export, f"{adapter}:-2")
        self.assertNotEqual((out / "model.safetensors").read_bytes(), first)
        self.assertEqual((out / "notes.txt").read_text(), "mine")
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["adapter", "out", "safe.jsonl"])


if __name__ == "__main__":
    import sys
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
