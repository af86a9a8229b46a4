"""The server's page in a headless Chromium: as `limpid serve` answers with it, and against a server that only says what that would, slowly or wrongly.

    python playground_test.py PROGRAM

Exits 77 with a sentence where there is no Chromium (CTest counts that as skipped). Screenshots stay in the folder $PICTURES, if given.
"""
import base64
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
from browser import Browser, find_chromium

CHROMIUM = find_chromium()
if not CHROMIUM:
    print("skipped: there is no Chromium in PATH (or $CHROMIUM); Debian's package is called chromium")
    sys.exit(77)

from fake_server import DETOXIFIED, PLAIN, FakeServer
from serving import Case, Server, main, write_chat_model

PAGE = {}  # body and headers, as the program answers with them
MASKED = "b***"
CONTROL = 2  # of the modifiers of a key


def text_of(selector):
    return f"document.querySelector({json.dumps(selector)}).textContent"


def setUpModule():
    with tempfile.TemporaryDirectory() as folder:
        server = Server("-m", write_chat_model(pathlib.Path(folder) / "toy"))
        status, headers, body = server.request("GET", "/")
        server.stop()
    assert status == 200, status
    PAGE.update(body=body.decode(), headers={name: headers[name] for name in ("Content-Type", "Content-Security-Policy", "X-Content-Type-Options")})


class Page(unittest.TestCase):
    """What the page is, before anything runs it."""

    def test_the_policy_allows_its_own_script_and_style_and_nothing_else(self):
        policy = PAGE["headers"]["Content-Security-Policy"]
        self.assertNotIn("unsafe", policy)
        self.assertIn("default-src 'none'", policy)
        self.assertIn("connect-src 'self'", policy)
        for tag, directive in (("script", "script-src"), ("style", "style-src")):
            content = re.search(rf"<{tag}[^>]*>(.*?)</{tag}>", PAGE["body"], re.S)[1]
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            self.assertIn(f"{directive} 'sha256-{digest}'", policy)
        self.assertEqual(PAGE["headers"]["X-Content-Type-Options"], "nosniff")

    def test_it_needs_nothing_else_and_text_enters_as_text(self):
        self.assertEqual(re.findall(r"(?:https?:|[\"'(=]\s*)//[^\s\"'<>]*", PAGE["body"]), [])
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage", "sessionStorage", "cookie", " style=\"", " onclick"):
            self.assertNotIn(way, PAGE["body"])
        self.assertEqual(PAGE["body"].count("<script"), 1)
        self.assertEqual(PAGE["body"].count("<style"), 1)

    def test_the_sources_are_in_it_as_they_are(self):
        folder = pathlib.Path(__file__).resolve().parents[2] / "limpid/server/playground"
        for source in [folder / "playground.css", *(folder / "script").glob("*.js")]:
            self.assertIn(source.read_text(), PAGE["body"], source.name)


class BrowserCase(unittest.TestCase):
    SERVER = {}

    @classmethod
    def setUpClass(cls):
        cls.browser = Browser(CHROMIUM)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def setUp(self):
        self.fake = FakeServer(PAGE, **self.SERVER)
        self.browser.errors.clear()
        self.browser.resize(1440, 1000)
        self.browser.open(self.fake.address)

    def tearDown(self):
        self.browser.call("Page.navigate", url="about:blank")
        self.fake.close()

    def see(self, selector):
        return self.browser.evaluate(text_of(selector))

    def connect(self):
        self.browser.wait("!document.querySelector('#run').disabled")

    def compare(self, prompt, wait=True):
        self.connect()
        self.browser.type("#prompt", prompt)
        self.browser.click("#run")
        if wait:
            self.wait_for_the_end()

    def wait_for_the_end(self):
        self.browser.wait("document.querySelector('#stop').disabled && document.querySelector('#run').disabled === false")

    def generations(self):
        return [body for path, body in self.fake.requests if path != "/v1/moderations"]


class Answers(BrowserCase):
    def test_both_answers_stream_side_by_side_from_one_seed(self):
        self.compare("Tell me of my slow neighbour", wait=False)
        self.browser.wait(text_of("#plain .text") + ".startsWith('Well, my')")
        self.assertTrue(self.see("#detoxified .text").startswith("Well"))
        self.assertEqual(self.browser.evaluate("document.querySelector('#plain .answer').ariaBusy"), "true")
        self.wait_for_the_end()
        self.assertEqual(self.see("#plain .text"), "".join(PLAIN).replace("butt", MASKED))
        self.assertEqual(self.see("#detoxified .text"), "".join(DETOXIFIED))
        plain, detoxified = sorted(self.generations(), key=lambda body: bool(body["detox"]))
        self.assertEqual((plain["detox"], detoxified["detox"]), (False, [{"name": "calm", "strength": 0.5}]))
        self.assertEqual(plain["seed"], detoxified["seed"])
        self.assertIn(str(plain["seed"]), self.see("#status"))
        self.assertEqual(plain["messages"], [{"role": "user", "content": "Tell me of my slow neighbour"}])
        self.assertIn("23 tokens, ended by itself", self.see("#detoxified .state"))
        self.assertEqual(self.browser.errors, [])

    def test_offensive_words_are_never_shown_until_asked_for(self):
        self.connect()
        self.browser.evaluate("window.seen = []; new MutationObserver(() => window.seen.push(document.querySelector('#plain .text').textContent))"
                              ".observe(document.querySelector('#plain'), {subtree: true, childList: true, characterData: true}); 0")
        self.compare("slow")
        seen = self.browser.evaluate("window.seen")
        self.assertGreater(len(seen), 3)
        self.assertFalse([text for text in seen if "bu" in text])  # not its beginning either, before the rest has come
        self.browser.click("#reveal")
        self.assertEqual(self.see("#plain .text"), "".join(PLAIN))
        self.browser.click("#reveal")
        self.assertIn(MASKED, self.see("#plain .text"))

    def test_completions_have_a_prompt_and_sampling_fields_of_their_own(self):
        self.connect()
        self.browser.click("[value=completion]")
        self.assertEqual(self.see("#prompt-label"), "Beginning of the text")
        self.browser.click("summary")
        for field, value in {"max_tokens": "5", "seed": "42", "temperature": "0.7", "top_p": "0.9", "top_k": "40", "min_p": "0.05", "typical_p": "0.95",
                             "repetition_penalty": "1.1", "presence_penalty": "-0.5", "frequency_penalty": "0.25"}.items():
            self.browser.type(f"[data-field={field}]", value)
        self.browser.type("#stop-texts", "END\n###")
        self.compare("My neighbour")
        paths = [path for path, _ in self.fake.requests]
        self.assertEqual(paths.count("/v1/completions"), 2)
        body = self.generations()[0]
        self.assertEqual({name: body[name] for name in ("prompt", "max_tokens", "seed", "temperature", "top_p", "top_k", "min_p", "typical_p",
                                                        "repetition_penalty", "presence_penalty", "frequency_penalty", "stop")},
                         {"prompt": "My neighbour", "max_tokens": 5, "seed": 42, "temperature": 0.7, "top_p": 0.9, "top_k": 40, "min_p": 0.05,
                          "typical_p": 0.95, "repetition_penalty": 1.1, "presence_penalty": -0.5, "frequency_penalty": 0.25, "stop": ["END", "###"]})
        self.assertIn("cut at the limit of tokens", self.see("#plain .state"))

    def test_a_strength_is_set_by_slider_by_keyboard_and_by_number_within_the_range(self):
        self.connect()
        self.browser.evaluate("document.querySelector('.detoxifier [type=range]').focus()")
        self.browser.key("End")
        self.assertEqual(self.browser.evaluate("document.querySelector('#strength-0').value"), "10")
        self.browser.key("ArrowLeft")
        self.assertEqual(self.browser.evaluate("document.querySelector('#strength-0').value"), "9.9")
        self.browser.key("Home")
        self.browser.type("#strength-1", "300")
        self.compare("Hello")
        self.assertIn([{"name": "steer", "strength": 300}], [body["detox"] for body in self.generations()])
        self.assertAlmostEqual(self.browser.evaluate("Number(document.querySelectorAll('.detoxifier [type=range]')[1].value)"), 0.3 ** (1 / 3), places=2)
        self.assertEqual(self.browser.evaluate("document.querySelector('.detoxifier [type=range]').getAttribute('aria-valuetext')"), "0, off")

    def test_a_token_tells_what_the_plain_model_would_have_said_on_hover_focus_and_tap(self):
        self.compare("Hello")
        self.browser.hover("#detoxified .token", 7)
        card = self.see("#detoxified .card")
        self.assertIn("“ kind”", card)
        self.assertIn("first choice: “ stu”", card)
        self.assertIn("2.1 nats", card)
        self.assertIn("67.0 %", card)  # exp(-0.4)
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('#detoxified .token')[7].className"), "token kl-4 shown")
        self.browser.evaluate("document.querySelectorAll('#detoxified .token')[0].focus()")
        self.assertIn("first choice, too", self.see("#detoxified .card"))
        for _ in range(17):
            self.browser.key("ArrowRight")
        self.assertIn("“tler”", self.see("#detoxified .card"))
        self.assertIn("first choice: “**”", self.see("#detoxified .card"))  # masked: with what stands before, the word is listed
        self.browser.key("Escape")
        self.assertTrue(self.browser.evaluate("document.querySelector('#detoxified .card').hidden"))
        self.browser.tap("#detoxified .token", 10)
        self.browser.wait(text_of("#detoxified .card") + ".includes('“ man”')")
        self.assertEqual(self.browser.evaluate("[...document.querySelectorAll('#detoxified .token')].filter(token => token.tabIndex === 0).length"), 1)
        self.assertEqual(self.browser.errors, [])

    def test_both_answers_are_scored(self):
        self.compare("Hello")
        self.assertIn("0.87 above 0.49", self.see("#plain footer"))
        self.assertIn("0.031 below 0.49", self.see("#detoxified footer"))

    def test_what_the_guard_did_is_a_sentence(self):
        self.connect()
        self.browser.click("#guard")
        self.browser.type("#guard-threshold", "0.3")
        self.compare("guarded")
        self.assertIn({"threshold": 0.3}, [body.get("guard") for body in self.generations()])
        self.assertIn("took text back 2 times (19 tokens), wrote again at strengths up to 1, and ended the answer.", self.see("#detoxified footer"))
        self.assertIn("I can't continue with this.", self.see("#detoxified .refusal"))
        self.assertIn("ended by the guard", self.see("#detoxified .state"))
        self.compare("Hello")
        self.assertIn("and let everything pass", self.see("#detoxified footer"))
        self.assertFalse(self.browser.evaluate("Boolean(document.querySelector('.refusal'))"))

    def test_stop_ends_both_requests_and_keeps_what_was_written(self):
        for end in (lambda: self.browser.click("#stop"), lambda: self.browser.key("Escape")):
            before = self.fake.aborted
            self.compare("slow", wait=False)
            self.browser.wait(text_of("#detoxified .text") + ".startsWith('Well, my')")
            end()
            self.wait_for_the_end()
            self.assertEqual((self.see("#plain .state"), self.see("#detoxified .state")), ("stopped", "stopped"))
            self.assertTrue(self.see("#plain .text").startswith("Well, my"))
            for _ in range(100):
                if self.fake.aborted == before + 2:
                    break
                self.browser.evaluate("new Promise(resolve => setTimeout(resolve, 30))")
            self.assertEqual(self.fake.aborted, before + 2)
        self.assertEqual(self.browser.errors, [])

    def test_the_keyboard_is_enough(self):
        self.connect()
        self.browser.evaluate("document.querySelector('#prompt').focus()")
        self.browser.call("Input.insertText", text="Hello")
        self.browser.key("Enter", CONTROL)
        self.browser.wait(text_of("#status") + ".startsWith('Done')")
        self.assertEqual(len(self.generations()), 2)

    def test_the_command_of_what_is_shown_repeats_it(self):
        self.compare("It's \"fine\" $HOME")
        command = self.see("#curl-detoxified")
        self.assertNotIn("Authorization", command)
        script = command.replace("curl -N", "printf '%s\\n'", 1)
        words = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True).stdout.splitlines()
        self.assertEqual(words[0], self.fake.address + "v1/chat/completions")
        self.assertIn(json.loads(words[-1]), self.generations())

    def test_errors_are_sentences_and_mark_their_field(self):
        self.connect()
        self.browser.click("summary")
        self.browser.type("[data-field=temperature]", "3")
        self.compare("Hello")
        self.assertEqual(self.see("#alert"), "Temperature is 3, expected 0 to 2.")
        self.assertEqual(self.browser.evaluate("document.querySelector('[data-field=temperature]').ariaInvalid"), "true")
        self.browser.type("[data-field=temperature]", "")
        self.compare("busy")
        self.assertEqual(self.see("#alert"), "The server is busy. Try again in 7 s.")
        self.compare("break")
        self.assertEqual(self.see("#alert"), "The answer broke off: the connection to the server ended early.")
        self.assertTrue(self.see("#plain .text").startswith("Well, my"))
        self.compare("")
        self.assertEqual(self.see("#alert"), "Write a message first.")
        self.compare("Hello")
        self.assertTrue(self.browser.evaluate("document.querySelector('#alert').hidden"))

    def test_markup_in_a_prompt_or_an_answer_is_text(self):
        self.compare("<img src=x onerror=alert(1)>")
        self.assertIn("<img src=x", self.see("#curl-plain"))
        self.assertEqual(self.browser.evaluate("document.images.length"), 0)

    def test_it_fits_a_phone_and_a_wide_screen_by_day_and_by_night(self):
        folder = os.environ.get("PICTURES")
        with tempfile.TemporaryDirectory() as scratch:
            pictures = pathlib.Path(folder or scratch)
            pictures.mkdir(parents=True, exist_ok=True)
            for width, height in ((375, 812), (1440, 900)):
                for scheme in ("light", "dark"):
                    self.browser.resize(width, height, scheme)
                    self.browser.open(self.fake.address)
                    self.compare("What is your neighbour like?")
                    self.browser.hover("#detoxified .token", 7)
                    self.assertLessEqual(self.browser.evaluate("document.documentElement.scrollWidth"), width)
                    card = self.browser.evaluate("(() => { const box = document.querySelector('.card').getBoundingClientRect(); return [box.left, box.right]; })()")
                    self.assertTrue(0 <= card[0] < card[1] <= width, card)
                    self.assertEqual(self.browser.screenshot(pictures / f"playground-{width}-{scheme}.png")[:4], b"\x89PNG")
        self.assertEqual(self.browser.errors, [])

    def test_controls_have_names(self):
        self.connect()
        nameless = self.browser.evaluate("[...document.querySelectorAll('input, textarea, button, meter')].filter(field => !field.labels?.[0]?.textContent.trim()"
                                         " && !field.ariaLabel && !field.textContent.trim()).map(field => field.outerHTML)")
        self.assertEqual(nameless, [])
        self.assertEqual(self.browser.evaluate("document.documentElement.lang"), "en")


class Keys(BrowserCase):
    SERVER = {"key": "s3cret"}

    def test_a_server_with_keys_asks_for_one_and_the_page_keeps_it_in_memory_only(self):
        self.browser.wait(text_of("#served") + ".includes('API key')")
        self.assertEqual(self.browser.evaluate("document.activeElement.id"), "key")
        self.browser.call("Input.insertText", text="s3cret")
        self.browser.key("Enter")
        self.compare("Hello")
        self.assertIn("Well", self.see("#plain .text"))
        self.assertIn('-H "Authorization: Bearer $LIMPID_API_KEY"', self.see("#curl-plain"))
        self.assertNotIn("s3cret", self.browser.evaluate("document.documentElement.outerHTML"))
        self.assertEqual(self.browser.evaluate("localStorage.length + sessionStorage.length + document.cookie.length"), 0)


class BareServer(BrowserCase):
    SERVER = {"has_scorer": False, "detoxifiers": [], "loading": 1}

    def test_a_server_that_is_loading_and_has_neither_detoxifiers_nor_scorer_is_told_apart(self):
        self.browser.wait(text_of("#served") + ".includes('not ready yet')")
        self.connect()
        self.assertIn("has no detoxifiers", self.see("#detoxifiers"))
        self.compare("Hello")
        self.assertIn("this server has no scorer", self.see("#plain footer"))
        self.browser.click("#guard")
        self.compare("Hello")
        self.assertIn("needs a scorer", self.see("#alert"))


class RunningServer(Case):
    """The page as `limpid serve` runs it, with a toy model."""

    ARGUMENTS = ["--detox", "mask=control:mask:0.3", "--detox", "cool=control:temperature:0"]

    def setUp(self):
        self.browser = Browser(CHROMIUM)
        self.addCleanup(self.browser.close)

    def open(self, server):
        self.browser.open(f"http://127.0.0.1:{server.port}/")
        self.browser.wait("!document.querySelector('#run').disabled")

    def test_both_answers_are_those_that_the_server_gives_anybody(self):
        self.open(self.server)
        self.browser.click("#reveal")
        self.browser.evaluate("document.querySelector('form details').open = true")
        for name, value in {"max_tokens": 40, "seed": 7, "temperature": 0.8}.items():
            self.browser.type(f"[data-field={name}]", str(value))
        self.browser.type("#prompt", "The weather")
        settings = {"max_tokens": 40, "seed": 7, "temperature": 0.8}
        for mode, ask in (("chat", lambda **more: self.chat("The weather", **settings, **more)["choices"][0]["message"]["content"]),
                          ("completion", lambda **more: self.complete(prompt="The weather", **settings, **more)["choices"][0]["text"])):
            self.browser.click(f"[value={mode}]")
            self.browser.click("#run")
            self.browser.wait(text_of("#status") + ".startsWith('Done')")
            self.assertEqual(self.browser.evaluate(text_of("#plain .text")), ask(detox=False))
            self.assertEqual(self.browser.evaluate(text_of("#detoxified .text")), ask())
            self.assertIn("mean KL", self.browser.evaluate(text_of("#detoxified footer")))
        self.assertEqual([error for error in self.browser.errors if "404" not in error], [])  # of the scorer, which the server may lack

    def test_what_the_server_refuses_is_a_sentence(self):
        self.open(self.server)
        self.browser.type("#prompt", "a" * 2000)
        self.browser.click("#run")
        self.browser.wait("!document.querySelector('#alert').hidden")
        self.assertIn("context", self.browser.evaluate(text_of("#alert")))

    def test_no_playground_leaves_no_page(self):
        server = Server("-m", self.model, "--no-playground")
        self.addCleanup(server.stop)
        self.assertEqual(server.request("GET", "/")[0], 404)


if __name__ == "__main__":
    main()
