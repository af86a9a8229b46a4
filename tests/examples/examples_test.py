"""The programs of examples/, run as a user runs them.   examples_test.py FOLDER_OF_THE_PROGRAMS"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAMS = pathlib.Path(sys.argv.pop(1))
SOURCE = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = pathlib.Path(os.environ.get("LIMPID_GOLDEN", SOURCE.parent / "shared" / "golden"))
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "limpid" / "models"


def toy_model():
    """A small model of golden/models that has a tokenizer and is supported."""
    for folder in sorted((GOLDEN / "models").glob("*")):
        if (folder / "tokenizer.json").exists() and (folder / "model.safetensors").exists():
            if run("generate", folder, "Hello").returncode == 0:
                return folder
    raise unittest.SkipTest(f"no model of {GOLDEN}/models can be opened")


def run(example, *arguments):
    return subprocess.run([PROGRAMS / f"example_{example}", *map(str, arguments)], capture_output=True, text=True)


class Examples(unittest.TestCase):
    def test_generate_writes_the_same_text_again_and_changes_it_with_a_detoxifier(self):
        model = toy_model()
        plain = run("generate", model, "Hello there")
        self.assertEqual(run("generate", model, "Hello there").stdout, plain.stdout)
        self.assertEqual(run("generate", model, "Hello there", "control:mask:0").stdout, plain.stdout)
        self.assertEqual(run("generate", model, "Hello there", "control:temperature:0.9").returncode, 0)
        self.assertEqual(run("generate", model, "Hello there", "absent.safetensors").returncode, 1)

    def test_a_logit_method_of_ones_own_does_nothing_at_strength_0_and_something_at_10(self):
        model = toy_model()
        lines = run("logit_method", model, "Hello there").stdout.splitlines()
        self.assertEqual(lines[0].removeprefix("0: "), lines[1].removeprefix("10: "))
        word = lines[0].removeprefix("0: ").split()
        if not word:
            self.skipTest("the toy model wrote no word")
        changed = run("logit_method", model, "Hello there", *word).stdout.splitlines()
        self.assertEqual(changed[0], lines[0])
        self.assertNotEqual(changed[1], lines[1])

    def test_score_gives_a_number_for_each_line(self):
        if not (CACHE / "minilm-l6").exists():
            self.skipTest("the scorer's encoder is not here: limpid models pull minilm-l6")
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("What a lovely morning.\nThe train leaves at nine.\n")
            file.flush()
            scores = [float(line) for line in run("score", file.name).stdout.split()]
        self.assertEqual(len(scores), 2)
        self.assertTrue(all(0 <= score < 0.5 for score in scores), scores)


if __name__ == "__main__":
    unittest.main()
