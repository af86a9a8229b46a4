"""Training in several processes on a toy model: the same loss curve as one process, a clear end when one is lost, and resume.

    python processes_test.py PROGRAM

Exits 77 with a sentence where torchrun or Gloo is missing (CTest counts that as skipped).
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import toy_model

PROGRAM = sys.argv[1]
TORCHRUN = shutil.which("torchrun", path=str(pathlib.Path(sys.executable).parent)) or shutil.which("torchrun")
if not TORCHRUN or subprocess.run([TORCHRUN, "--help"], capture_output=True).returncode != 0:
    print("skipped: torchrun is not installed beside this Python, or does not run; scripts/setup --tests installs what it needs")
    sys.exit(77)

CONFIG = {**toy_model.CONFIG, "intermediate_size": 48, "tie_word_embeddings": True}


class Processes(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        (self.folder / "config.json").write_text(json.dumps(CONFIG))
        (self.folder / "tokenizer.json").write_text(json.dumps(toy_model.byte_tokenizer()))
        texts = ("text %d:%s" % (i % 13, " calm words" * (2 + i % 5)) for i in range(160))
        (self.folder / "texts.txt").write_text("\n".join(texts) + "\n")

    def command(self, output, accumulate=4, steps=12):
        return [PROGRAM, "train", "lm", "--init", str(self.folder / "config.json"), "--tokenizer", str(self.folder / "tokenizer.json"),
                "--data", str(self.folder / "texts.txt"), "-o", str(self.folder / output), "--compute", "f32", "--batch", "2", "--accumulate", str(accumulate),
                "--max-steps", str(steps), "--lr", "5e-3", "--eval-every", "4", "--save-every", "2", "--holdout", "0.1", "--patience", "0", "--threads", "1"]

    def start(self, command, **environment):
        return subprocess.Popen(command, env={**os.environ, "OMP_WAIT_POLICY": "passive", **environment}, stderr=subprocess.PIPE, text=True)

    def succeed(self, command):
        process = self.start(command)
        error = process.communicate(timeout=240)[1]
        if "this build runs in one process only" in error:
            self.skipTest("this build has no Gloo; install libgloo-dev and build again")
        self.assertEqual(process.returncode, 0, error)

    def torchrun(self, output, **more):
        self.succeed([TORCHRUN, "--no-python", "--nproc-per-node", "2", "--master-port", str(free_port()), *self.command(output, **more)])

    def wait_for_lines(self, output, count):
        log, deadline = self.folder / output / "metrics.jsonl", time.time() + 120
        while time.time() < deadline and not (log.exists() and len(log.read_text().splitlines()) > count):
            time.sleep(0.02)

    def metrics(self, output):
        return [json.loads(line) for line in (self.folder / output / "metrics.jsonl").read_text().splitlines()]

    def assert_same_curve(self, one, other, places):
        self.assertEqual(len(one), len(other))
        for a, b in zip(one, other):
            for key in ("step", "loss", "held_out_loss", "gradient_norm", "learning_rate", "tokens"):
                self.assertEqual(key in a, key in b)
                if key in a:
                    self.assertAlmostEqual(a[key], b[key], places=places, msg=f"{key} of step {a['step']}")

    def test_two_follow_the_loss_curve_of_one(self):
        self.succeed(self.command("one"))
        self.torchrun("two")
        one = self.metrics("one")
        self.assert_same_curve(one, self.metrics("two"), places=3)
        losses = [row["loss"] for row in one if "loss" in row]
        self.assertLess(losses[-1], losses[0] - 0.5)

    def test_when_one_is_lost_the_other_says_so_and_the_run_continues(self):
        port = str(free_port())
        self.torchrun("whole", steps=200)
        processes = [self.start(self.command("cut", steps=200), RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
                     for rank in range(2)]
        self.wait_for_lines("cut", 8)
        processes[1].kill()
        error = processes[0].communicate(timeout=120)[1]
        processes[1].communicate()
        self.assertEqual(processes[0].returncode, 1, error)
        self.assertIn("process 0 of 2 lost the others", error)
        self.assertFalse((self.folder / "cut" / "config.json").exists())
        self.torchrun("cut", steps=200)
        self.assert_same_curve(self.metrics("whole"), self.metrics("cut"), places=12)

    def test_torchrun_restarts_a_lost_process_and_the_run_continues(self):
        self.torchrun("whole", steps=120)
        run = self.start([TORCHRUN, "--no-python", "--nproc-per-node", "2", "--max-restarts", "1", "--monitor-interval", "0.2",
                          "--master-port", str(free_port()), *self.command("cut", steps=120)])
        self.wait_for_lines("cut", 8)
        workers = pathlib.Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        os.kill(int(next(pid for pid in workers if PROGRAM in pathlib.Path(f"/proc/{pid}/cmdline").read_text())), signal.SIGKILL)
        error = run.communicate(timeout=240)[1]
        self.assertEqual(run.returncode, 0, error)
        self.assertIn("continuing from step", error)
        self.assert_same_curve(self.metrics("whole"), self.metrics("cut"), places=12)

    def test_more_processes_than_passes_are_refused(self):
        process = self.start([TORCHRUN, "--no-python", "--nproc-per-node", "2", "--master-port", str(free_port()), *self.command("out", accumulate=1)])
        self.assertIn("raise --accumulate", process.communicate(timeout=240)[1])
        self.assertNotEqual(process.returncode, 0)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
