"""Conversations: prompts in a chat template, messages, sampling as the model asks, and `limpid chat` on a terminal.

    python chat_test.py PROGRAM      fixtures as for cli_test.py
"""
import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import unittest

sys.dont_write_bytecode = True
from cli_test import MODEL, PROGRAM, Case, limpid, needs_fixtures


@needs_fixtures
class Chat(Case):
    TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
                "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
    GEMMA = ("{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}"
             "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
             "{{ '<start_of_turn>' + message['role'] + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}")

    def setUp(self):
        super().setUp()
        self.model = self.folder / "model"
        shutil.copytree(MODEL, self.model)
        self.say(chat_template=self.TEMPLATE)

    def say(self, file="tokenizer_config.json", **settings):
        path = self.model / file
        path.write_text(json.dumps(json.loads(path.read_text()) | settings))

    def chat(self, *arguments):
        return ["generate", "-m", self.model, "-n", 16, "--seed", 5, *arguments]

    def answer(self, *arguments, **keywords):
        return json.loads(self.succeed(*self.chat(*arguments, "--json"), **keywords))

    def test_a_conversation_goes_through_the_template(self):
        turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Who?"}]
        text = "".join(f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n" for turn in turns) + "<|im_start|>assistant\n"
        plain = self.answer("-p", text)
        file = self.write("turns.json", json.dumps(turns))
        said = self.answer("--messages", file)
        self.assertEqual(said["generations"], plain["generations"])
        self.assertEqual((said["messages"], said["prompt"]), (turns, "Who?"))
        self.assertEqual(self.answer("--messages", "-", typed=json.dumps(turns)), said)
        self.assertEqual(self.answer("--messages", file, "--chat"), said)

    def test_a_system_turn_stands_in_front_of_each_prompt(self):
        said = self.answer("--chat", "--system", "Rhyme.", "-p", "Hi")
        self.assertEqual(said["generations"], self.answer("-p", "<|im_start|>system\nRhyme.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")["generations"])
        self.assertEqual(said["prompt"], "Hi")
        empty = self.answer("--chat", "--system", "", "-p", "Hi")["generations"]
        self.assertEqual(empty, self.answer("-p", "<|im_start|>system\n<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")["generations"])
        self.fail_in_one_line(2, *self.chat("--system", "Rhyme.", "-p", "Hi"), naming=["--system", "--chat"])

    def test_what_a_template_cannot_say_is_refused_in_its_words(self):
        self.say(chat_template=self.GEMMA)
        self.answer("--chat", "-p", "Hi")
        self.fail_in_one_line(1, *self.chat("--chat", "--system", "Rhyme.", "-p", "Hi"), naming=["System role not supported"])
        turns = self.write("turns.json", json.dumps([{"role": "user", "content": "a"}] * 2))
        self.fail_in_one_line(1, *self.chat("--messages", turns), naming=["must alternate"])
        self.say(chat_template="")
        self.fail_in_one_line(1, *self.chat("--messages", turns), naming=["no chat template"])

    def test_a_template_that_goes_wrong_is_told_with_its_line(self):
        for template, naming in {"a\n{{ messages[0].name.first }}": ["line 2", "'name'"], "{% for": ["line 1", "not closed"], "{{ 'a' * 99999999999 }}": ["grows beyond"],
                                 "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}": ["steps"]}.items():
            with self.subTest(template):
                self.say(chat_template=template)
                self.fail_in_one_line(1, *self.chat("--chat", "-p", "Hi"), naming=["chat template", *naming])

    def test_tokenize_shows_what_a_template_makes_of_messages(self):
        rows = [{"messages": [{"role": "user", "content": "Hi"}], "add_generation_prompt": True},
                {"messages": [{"content": "Hi", "role": "user"}], "x": 1, "chat_template": "{{ messages }}{{ x }}{{ eos_token is string }}"}]
        shown = [json.loads(line) for line in self.succeed("tokenize", "-m", self.model, self.write("m.jsonl", "".join(json.dumps(row) + "\n" for row in rows))).splitlines()]
        self.assertEqual([row["text"] for row in shown], ["<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", "[{'content': 'Hi', 'role': 'user'}]1True"])
        bad = self.write("bad.jsonl", "\n" + json.dumps({"messages": [], "chat_template": "{{ x.y }}"}) + "\n")
        self.fail_in_one_line(1, "tokenize", "-m", self.model, bad, naming=[f"{bad}:2", "'x' is undefined"])

    def test_a_malformed_conversation_is_told_with_file_and_place(self):
        for content, naming in {'[{"role": "user"': ["byte 17"], '{"role": "user", "content": "x"}': ["an object", "a list"], "[]": ["empty"],
                                '[{"role": "user", "content": "x"}, 3]': ["message 2", "a number"], '[{"role": "usr", "content": "x"}]': ["message 1", "usr", "system, user or assistant"],
                                '[{"role": "user", "content": null}]': ["message 1", "content", "null", "a string"],
                                '[{"role": "assistant", "content": "x"}]': ["message 1", "assistant"]}.items():
            with self.subTest(content):
                file = self.write("turns.json", content)
                self.fail_in_one_line(1, *self.chat("--messages", file), naming=[file, *naming])
                self.fail_in_one_line(1, *self.chat("--messages", "-"), typed=content, naming=["standard input", *naming])
        self.fail_in_one_line(1, *self.chat("--messages", self.folder / "none.json"), naming=["none.json"])
        for more in (["-p", "x"], ["--prompts", "x"], ["--chat", "--system", "x"]):
            self.fail_in_one_line(2, *self.chat("--messages", file, *more), naming=["--messages"])

    def talk(self, *lines, arguments=(), code=0):
        """What a conversation shows, and what it says on standard error."""
        done = limpid("chat", "-m", self.model, "-n", 8, "--greedy", *arguments, typed="".join(line + "\n" for line in lines))
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout, done.stderr

    def test_a_conversation_goes_on_with_what_was_said(self):
        def answer(*turns):
            file = self.write("turns.json", json.dumps([{"role": role, "content": content} for role, content in turns]))
            return json.loads(self.succeed("generate", "-m", self.model, "-n", 8, "--greedy", "--json", "--messages", file))["generations"][0]["text"]
        first = answer(("user", "Hi"))
        second = answer(("user", "Hi"), ("assistant", first), ("user", "/Who?"))
        self.assertEqual(self.talk("Hi", "", "//Who?"), (f"{first}\n{second}\n", ""))
        self.assertEqual(self.talk("Hi", "/reset", "Hi", "/quit", "Hi"), (f"{first}\n{first}\n", "forgotten\n"))
        rhymed = answer(("system", "Rhyme."), ("user", "Hi"))
        self.assertEqual(self.talk("/system Rhyme.", "Hi")[0], rhymed + "\n")
        self.assertEqual(self.talk("Hi", arguments=["--system", "Rhyme."])[0], rhymed + "\n")
        self.assertEqual(self.talk("Hi\r", "/quit\r"), self.talk("Hi"))
        self.assertIn("strength 0.3 (control/mask), 0.5 (fusion/temperature)",
                      self.talk("/strength 0.3, 0.5 ", arguments=["-q", "--detox", "control:mask", "--detox", "control:temperature"])[0])

    def test_the_plain_model_answers_the_last_question_once_more(self):
        plain = self.talk("Hi")[0]
        hot = self.talk("Hi", "/plain", "/strength", "/strength 0", "/reset", "Hi", arguments=["--detox", "control:temperature:0.9"])
        self.assertTrue(hot[0].endswith(plain), hot[0])
        self.assertIn("the plain model:\n" + plain + "strength 0.9 (", hot[0])
        self.assertIn("strength 0 (", hot[0])
        asked = self.talk("/system Rhyme.", "Hi", "/system", "/plain")[0].split("the plain model:\n")
        self.assertEqual(asked[0], asked[1])

    def test_a_mistake_in_a_conversation_does_not_end_it(self):
        answered = self.talk("Hi")[0]
        for line, said in {"/nonsense": "/nonsense: there is no such command", "/plain": "nothing was asked", "/strength 1": "no detoxifier", "/reset now": "/reset: takes nothing"}.items():
            with self.subTest(line):
                shown, told = self.talk(line, "Hi", code=1)
                self.assertEqual(shown, answered)
                self.assertIn(said, told)
        self.say(chat_template=self.GEMMA)
        self.assertIn("System role not supported", self.talk("Hi", arguments=["--system", "x"], code=1)[1])
        self.say(chat_template="")
        self.fail_in_one_line(1, "chat", "-m", self.model, typed="Hi\n", naming=["no chat template"])

    def test_a_full_context_forgets_the_oldest_turns_and_says_so(self):
        self.say("config.json", max_position_embeddings=64)
        shown, told = self.talk(*["Once upon a time there was a word"] * 6)
        self.assertEqual(len(shown.splitlines()) >= 6, True, shown)
        self.assertIn("the context is full: the oldest 2 turns are forgotten", told)
        self.assertIn("the model's context has 64", self.talk("word " * 80, code=1)[1])

    def on_a_terminal(self):
        """A conversation, and our end of the terminal that it runs on."""
        ours, theirs = pty.openpty()
        running = subprocess.Popen([PROGRAM, "chat", "-m", str(self.model), "-n", "100000", "--greedy"], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                                   preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(theirs)
        self.addCleanup(os.close, ours)
        return running, ours

    def test_being_asked_to_end_ends_a_conversation(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            running, ours = self.on_a_terminal()
            shown = b""
            while b"> " not in shown:
                shown += os.read(ours, 1 << 16)
            running.send_signal(number)
            self.assertEqual(running.wait(60), 128 + number)

    def test_ctrl_c_stops_the_answer_and_not_the_conversation(self):
        running, ours = self.on_a_terminal()
        shown = b""
        def wait_for(text):
            nonlocal shown
            while text not in shown:
                shown += os.read(ours, 1 << 16)
            shown = shown[shown.index(text) + len(text):]
        wait_for(b"> ")
        os.write(ours, b"\x03")
        wait_for(b"Ctrl-D ends")
        wait_for(b"> ")
        os.write(ours, b"Hi\n")
        wait_for(b"Hi\r\n")
        os.write(ours, b"\x03")
        wait_for(b"> ")
        os.write(ours, b"/help\n")
        wait_for(b"/strength")
        wait_for(b"> ")
        os.write(ours, b"\x04")
        self.assertEqual(running.wait(60), 0)

    def test_a_model_is_sampled_as_it_asks_in_chats_where_nothing_else_is_said(self):
        def run(*arguments):
            done = limpid(*self.chat("-p", "Hi", "--stream", *arguments))
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout, done.stderr
        plain = run("--chat")
        self.assertEqual(plain[1], "")
        self.say("generation_config.json", do_sample=True, temperature=0.6, top_p=0.5, top_k=None)
        asked = run("--chat")
        self.assertEqual(asked, (run("--chat", "--temperature", 0.6, "--top-p", 0.5)[0], "sampling as the model asks: temperature 0.6, top-p 0.5\n"))
        self.assertNotEqual(asked[0], plain[0])
        self.assertEqual(run("--chat", "--top-p", 1), (run("--chat", "--temperature", 0.6, "--top-p", 1, "--plain-sampling")[0], "sampling as the model asks: temperature 0.6\n"))
        self.assertEqual(run("--chat", "--plain-sampling"), plain)
        self.assertEqual(run("--chat", "-q"), (asked[0], ""))
        self.assertEqual(run()[1], "")
        self.assertEqual(run("--chat", "--greedy")[1], "")
        self.say("generation_config.json", do_sample=False)
        self.assertEqual(run("--chat"), (run("--chat", "--greedy")[0], "sampling as the model asks: greedy\n"))
        self.say("generation_config.json", top_p="much")
        self.fail_in_one_line(1, *self.chat("--chat", "-p", "Hi"), naming=["generation_config.json", "top_p"])
        self.assertEqual(run("--chat", "--plain-sampling"), plain)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
