"""The playground in headless Chromium. Skipped where there is none. With PICTURES=FOLDER its screenshots are kept there.

    python playground_test.py PROGRAM
"""
import os
import pathlib
import re
import sys
import tempfile

from browser import CHROMIUM, Browser

if not CHROMIUM:
    print("skipped: there is no Chromium (package chromium)")
    sys.exit(77)

from serving import Case, Server, main


class Playground(Case):
    ARGUMENTS = ["--detox", "mask=control:mask:0.3", "--detox", "cool=control:temperature:0"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        super().tearDownClass()

    def setUp(self):
        self.browser.events.clear()
        self.browser.open(f"http://127.0.0.1:{self.server.port}/")
        self.browser.wait("document.querySelectorAll('.dial').length === 2")

    def write(self, tokens=12):
        self.browser.run(f"byId('max_tokens').value = {tokens}")
        self.browser.run("byId('run').click()")
        self.browser.wait("!byId('run').disabled && byId('plain-facts').textContent.includes('tokens')")

    def text(self, name):
        return self.browser.run(f"byId('{name}').textContent")

    def test_both_answers_are_written_and_explained_token_by_token(self):
        self.browser.run("byId('prompt').value = 'Hello there'")
        self.write()
        self.assertEqual(self.text("plain"), self.chat("Hello there", detox=False, temperature=0.8, top_p=0.9)["choices"][0]["message"]["content"])
        self.assertEqual(self.text("detox"), self.chat("Hello there", temperature=0.8, top_p=0.9)["choices"][0]["message"]["content"])
        self.assertIn("mean KL", self.text("detox-facts"))
        self.browser.run("byId('detox').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))")
        self.assertRegex(self.text("token"), r"plain .* %; .*|plain .* %, its own word")
        self.assertEqual(self.browser.complaints(), [] if self.text("detox-facts").count("toxicity") else self.browser.complaints()[:1])

    def test_a_dial_changes_the_answer_and_the_command(self):
        self.browser.run("(() => { const dial = byId('dial-mask'); dial.value = 0; dial.dispatchEvent(new Event('input', {bubbles: true})); })()")
        self.assertIn('"detox":[]', self.text("curl"))
        self.write()
        self.assertEqual(self.text("detox"), self.text("plain"))
        self.assertEqual(self.text("state"), "both say the same")

    def test_writing_can_be_stopped(self):
        self.browser.run("byId('max_tokens').value = 400; document.querySelector('input[value=completion]').click(); byId('prompt').value = 'a'; byId('run').click()")
        self.browser.run("byId('stop').click()")
        self.browser.wait("!byId('run').disabled")
        self.assertIn(self.text("state"), ("stopped", "both say the same", ""))

    def test_what_is_wrong_is_a_sentence(self):
        self.browser.run("byId('prompt').value = 'a'.repeat(2000); byId('run').click()")
        self.browser.wait("!byId('error').hidden")
        self.assertIn("context", self.text("error"))

    def test_it_fits_a_phone_and_a_desk_in_both_schemes(self):
        folder = pathlib.Path(os.environ.get("PICTURES") or tempfile.mkdtemp())
        self.write(60)
        for width in (375, 1440):
            for scheme in ("light", "dark"):
                self.browser.show(width, scheme)
                self.assertLessEqual(self.browser.run("document.documentElement.scrollWidth"), width)
                self.browser.picture(folder / f"playground-{width}-{scheme}.png")
                self.assertGreater((folder / f"playground-{width}-{scheme}.png").stat().st_size, 10000)

    def test_the_page_names_no_address_and_runs_nothing_else(self):
        status, headers, body = self.server.request("GET", "/")
        self.assertFalse(re.findall(rb"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", body))
        policy = headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe-inline", policy)
        self.assertNotIn(b"innerHTML", body)

    def test_a_key_is_asked_for_and_kept_nowhere(self):
        server = Server("-m", self.model, "--api-key", "secret")
        self.browser.open(f"http://127.0.0.1:{server.port}/")
        self.browser.wait("!byId('error').hidden")
        self.browser.run("(() => { byId('key').value = 'secret'; byId('key').dispatchEvent(new Event('change', {bubbles: true})); })()")
        self.browser.wait("byId('model').textContent.includes('tokens')")
        self.assertEqual(self.browser.run("localStorage.length + sessionStorage.length + document.cookie.length"), 0)
        server.stop()


if __name__ == "__main__":
    main()
