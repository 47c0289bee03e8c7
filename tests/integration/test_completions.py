"""A language model behind the real daemon: a small trained one of Llama's line (test data), its golden tokens over
HTTP, and the official OpenAI client."""

import concurrent.futures
import json
import os
import shutil
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import SOURCE, Daemon, model, need_data, wait_until

NODE_FOLDER = Path(os.environ.get("BERTH_NODE", SOURCE / "build/node"))
# A template that says nothing of its own: the stories' model knows no roles.
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def events_of(body):
    """The events of a streamed reply: JSON, "[DONE]", or a comment."""
    events = []
    for event in body.decode().split("\n\n")[:-1]:
        data = event.removeprefix("data: ")
        events.append(json.loads(data) if data.startswith("{") else data)
    return events


class Stories(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        source = need_data("models/stories260K")
        cls.golden = json.loads((source / "golden-greedy.json").read_text())["cases"]
        cls.folder = tempfile.TemporaryDirectory()
        template = Path(cls.folder.name) / "plain.jinja"
        template.write_text(TEMPLATE)
        keys = {"kind": "llm", "source": str(source), "memory": "1GiB"}
        cls.berth = Daemon(model("stories", **keys, chat_template=str(template), aliases=["gpt-4o-mini"], max_sequences=8),
                           model("plain", **keys, kv_cache={"prefix": False}, context=256,
                                 batching={"max_tokens": 8}, generation_defaults="openai"),
                           model("fake", kind="embedding", start="manual", behaviour={}), threads=2,
                           worker="berth-worker").start()

    @classmethod
    def tearDownClass(cls):
        cls.berth.__exit__(None)
        cls.folder.cleanup()

    def complete(self, name="stories", **body):
        return self.berth.request("POST", "/v1/completions", {"model": name, "temperature": 0, **body}, timeout=60)

    def chat(self, **body):
        messages = [{"role": "user", "content": "Once upon a time"}]
        return self.berth.request("POST", "/v1/chat/completions", {"model": "stories", "messages": messages, **body},
                                  timeout=60)

    def assert_refused(self, answer, status, param, code=None):
        self.assertEqual(answer.status, status, answer.body)
        error = answer.json()["error"]
        self.assertEqual(error["param"], param, error)
        if code:
            self.assertEqual(error["code"], code)

    # --- golden tokens ---

    def expected(self, case):
        """The tokens after the prompt, up to where a story ends, and how many to ask for."""
        ids = case["ids"][len(case["prompt_ids"]):]
        ends = [index for index, token in enumerate(ids) if token in (1, 2)]
        return (ids[:ends[0]] if ends else ids), len(ids)

    def test_greedy_tokens_are_the_golden_ones_whole_and_streamed(self):
        for case in self.golden:
            ids, most = self.expected(case)
            want = self.berth.request("POST", "/detokenize", {"model": "stories", "tokens": ids}).json()["prompt"]
            for name in ("stories", "plain"):
                with self.subTest(prompt=case["prompt"][:20], model=name):
                    body = {"prompt": case["prompt_ids"], "max_tokens": most}
                    whole = self.complete(name, **body, logprobs=0).json()["choices"][0]
                    events = events_of(self.complete(name, **body, stream=True).body)
                    self.assertEqual(events[-1], "[DONE]")
                    self.assertEqual("".join(one["choices"][0]["text"] for one in events[:-1]), whole["text"])
                    self.assertEqual(whole["text"].lstrip(), want.lstrip())
                    self.assertIn(len(whole["logprobs"]["tokens"]) - len(ids), (0, 1), "but for the token that ends it")
            text = self.complete(prompt=case["prompt"], max_tokens=most).json()
            self.assertEqual(text["choices"][0]["text"].lstrip(), want.lstrip(), "the same from the prompt's text")
            self.assertEqual(text["usage"]["prompt_tokens"], len(case["prompt_ids"]))

    def test_many_at_once_say_what_each_says_alone(self):
        prompts = [case["prompt_ids"] for case in self.golden]
        alone = [self.complete(prompt=prompt, max_tokens=60).json()["choices"][0]["text"] for prompt in prompts]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            together = list(pool.map(lambda i: self.complete(prompt=prompts[i % len(prompts)], max_tokens=60).json(), range(40)))
        for i, reply in enumerate(together):
            self.assertEqual(reply["choices"][0]["text"], alone[i % len(prompts)])
        listed = self.complete(prompt=prompts, max_tokens=60).json()
        self.assertEqual([choice["text"] for choice in listed["choices"]], alone)

    # --- what replies hold ---

    def test_prompt_forms_and_choices_are_numbered_through(self):
        reply = self.complete(prompt=["Once upon a time", "One day"], n=2, max_tokens=4, temperature=1, seed=3).json()
        self.assertEqual([choice["index"] for choice in reply["choices"]], [0, 1, 2, 3])
        self.assertEqual(reply["usage"]["completion_tokens"], 16)
        again = self.complete(prompt=["Once upon a time", "One day"], n=2, max_tokens=4, temperature=1, seed=3).json()
        self.assertEqual([c["text"] for c in reply["choices"]], [c["text"] for c in again["choices"]])
        one = self.complete(prompt=[403, 407, 261], max_tokens=1).json()
        self.assertEqual(one["usage"]["prompt_tokens"], 3)
        two = self.complete(prompt=[[403, 407, 261], [403]], max_tokens=1).json()
        self.assertEqual(two["usage"]["prompt_tokens"], 4)

    def test_the_best_of_many_is_the_likeliest(self):
        many = self.complete(prompt="Once upon", n=4, best_of=4, max_tokens=8, temperature=1, seed=5, logprobs=0).json()
        mean = lambda choice: sum(choice["logprobs"]["token_logprobs"]) / len(choice["logprobs"]["token_logprobs"])
        best = self.complete(prompt="Once upon", best_of=4, max_tokens=8, temperature=1, seed=5).json()
        self.assertEqual(best["choices"][0]["text"], max(many["choices"], key=mean)["text"])
        self.assertEqual(best["usage"]["completion_tokens"], many["usage"]["completion_tokens"])

    def test_a_prefix_that_was_computed_is_not_computed_again(self):
        body = {"prompt": "Tim and Sue went to the park to play with a big red ball. " * 3, "max_tokens": 4}
        first, second = self.complete(**body).json(), self.complete(**body).json()
        self.assertEqual(first["choices"], second["choices"])
        self.assertGreater(second["usage"]["prompt_tokens_details"]["cached_tokens"], 16)
        salted = self.complete(**body, cache_salt="mine").json()
        self.assertEqual(salted["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
        self.assertEqual(self.complete("plain", **body).json()["usage"]["prompt_tokens_details"]["cached_tokens"], 0)

    def test_a_stop_string_is_not_told_even_when_it_is_cut_across_events(self):
        whole = self.complete(prompt="Once upon a time", max_tokens=40).json()["choices"][0]["text"]
        stop = whole[20:26]
        for stream in (False, True):
            answer = self.complete(prompt="Once upon a time", max_tokens=40, stop=stop, stream=stream)
            if stream:
                events = events_of(answer.body)[:-1]
                text = "".join(one["choices"][0]["text"] for one in events)
                reason = events[-1]["choices"][0]["finish_reason"]
            else:
                text, reason = answer.json()["choices"][0]["text"], answer.json()["choices"][0]["finish_reason"]
            self.assertEqual((text, reason), (whole[:whole.index(stop)], "stop"))

    def test_the_models_own_defaults_hold_unless_the_plan_says_otherwise(self):
        shown = {one["id"]: one for one in self.berth.get("/v1/models").json()["data"]}
        self.assertEqual(shown["stories"]["sampling_defaults"]["temperature"], 0, "its file says do_sample: false")
        self.assertEqual(shown["plain"]["sampling_defaults"]["temperature"], 1)
        self.assertEqual(shown["stories"]["context_length"], 512)
        self.assertEqual(shown["plain"]["context_length"], 256)
        self.assertIn("/v1/chat/completions", shown["stories"]["capabilities"])

    def test_conversations_are_tokenised_and_answered_by_the_plans_template(self):
        messages = [{"role": "user", "content": "Once upon a time"}]
        tokens = self.berth.request("POST", "/tokenize", {"model": "stories", "messages": messages}).json()
        self.assertEqual(tokens["max_model_len"], 512)
        reply = self.chat(max_tokens=5).json()
        self.assertEqual(reply["usage"]["prompt_tokens"], tokens["count"])
        self.assertEqual(reply["choices"][0]["message"]["content"],
                         self.complete(prompt=tokens["tokens"], max_tokens=5).json()["choices"][0]["text"])
        plain = self.berth.request("POST", "/v1/chat/completions", {"model": "plain", "messages": messages})
        self.assert_refused(plain, 400, "messages", "no_chat_template")

    # --- mistakes ---

    def test_mistakes_name_their_parameter(self):
        self.assert_refused(self.complete(prompt="a", temperature=2.5), 400, "temperature")
        self.assert_refused(self.complete(prompt="a", max_tokens=1000), 400, "max_tokens")
        self.assert_refused(self.complete(prompt="a", max_tokens=512), 400, "prompt", "context_length_exceeded")
        self.assert_refused(self.complete(prompt=[512]), 400, "prompt[0]")
        self.assert_refused(self.complete(prompt="a", best_of=2, stream=True), 400, "best_of")
        self.assert_refused(self.complete(prompt="a", suffix="b"), 400, "suffix", "unsupported_parameter")
        self.assert_refused(self.chat(response_format={"type": "json_object"}), 400, "response_format.type", "unsupported_value")
        self.assert_refused(self.chat(messages=[]), 400, "messages")
        route = self.berth.request("POST", "/v1/embeddings", {"model": "stories", "input": "x"})
        self.assertEqual(route.status, 404)

    # --- clients that leave ---

    def blocks(self, state):
        return self.berth.metric("berth_kv_blocks", model="stories", state=state)

    def leave(self, stream):
        body = json.dumps({"model": "stories", "prompt": "Once", "max_tokens": 500, "ignore_eos": True, "n": 4,
                           "stream": stream}).encode()
        sock = self.berth.raw(b"POST /v1/completions HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\n"
                              b"Content-Length: %d\r\n\r\n" % len(body) + body)
        if stream:
            sock.recv(100)
        else:
            wait_until("begun", lambda: self.berth.replicas("stories")[0]["in_flight"] > 0)
        sock.close()

    def test_a_client_that_leaves_frees_its_blocks(self):
        before = self.berth.metric("berth_generated_tokens_total", model="stories") or 0
        for stream in (True, False):
            with self.subTest(stream=stream):
                self.leave(stream)
                wait_until("place free", lambda: self.berth.replicas("stories")[0]["in_flight"] == 0, 5)
                wait_until("blocks free", lambda: self.blocks("used") == 0, 5)
        after = self.berth.metric("berth_generated_tokens_total", model="stories") or 0
        self.assertLess(after - before, 2 * 4 * 500, "the requests were run to their ends")

    def test_a_reader_who_takes_nothing_holds_nobody_up(self):
        body = json.dumps({"model": "stories", "prompt": "Once", "max_tokens": 500, "ignore_eos": True, "n": 4,
                           "logprobs": 5, "stream": True}).encode()
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", self.berth.port))
        sock.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(body) + body)
        sock.recv(100)
        for _ in range(5):
            self.assertEqual(self.complete(prompt="Once upon a time", max_tokens=20).status, 200)
        sock.close()
        wait_until("place free", lambda: self.berth.replicas("stories")[0]["in_flight"] == 0, 5)

    # --- the official client ---

    def test_official_openai_client(self):
        if not (NODE_FOLDER / "node_modules/openai").exists():
            self.skipTest("the OpenAI client is not installed (scripts/dev setup)")
        shutil.copy(SOURCE / "tests/integration/node/completions.mjs", NODE_FOLDER)
        done = subprocess.run(["node", "completions.mjs", f"http://127.0.0.1:{self.berth.port}/v1", "gpt-4o-mini"],
                              cwd=NODE_FOLDER, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        got = json.loads(done.stdout)
        self.check_chat(got)
        self.check_completions(got)
        refused = got["refused"]
        self.assertEqual((refused["range"]["status"], refused["range"]["param"]), (400, "temperature"))
        self.assertEqual((refused["context"]["name"], refused["context"]["code"]), ("BadRequestError", "context_length_exceeded"))
        self.assertEqual(refused["tools"]["param"], "tool_choice")
        self.assertEqual(refused["route"]["status"], 404)
        self.assertEqual(refused["stream"]["param"], "n")

    def check_chat(self, got):
        whole, stream = got["whole"], got["stream"]
        self.assertEqual(whole["model"], "gpt-4o-mini")
        self.assertEqual(whole["usage"]["completion_tokens"], 12)
        self.assertEqual(whole["choices"][0]["finish_reason"], "length")
        self.assertEqual(stream["text"], whole["choices"][0]["message"]["content"])
        chunks = stream["chunks"]
        self.assertEqual(chunks[0]["choices"][0]["delta"], {"role": "assistant", "content": ""})
        self.assertEqual(chunks[-1]["choices"], [])
        self.assertEqual(chunks[-1]["usage"]["completion_tokens"], 12)
        self.assertEqual({(c["id"], c["created"], c["model"]) for c in chunks}, {(chunks[0]["id"], chunks[0]["created"], "gpt-4o-mini")})
        self.assertTrue(all(c["usage"] is None for c in chunks[:-1]))
        content = got["logprobs"]["choices"][0]["logprobs"]["content"]
        self.assertEqual(len(content), 12)
        for token in content:
            self.assertEqual(len(token["top_logprobs"]), 3)
            self.assertEqual(token["top_logprobs"][0]["logprob"], token["logprob"], "greedy takes the best")
        self.assertEqual(b"".join(bytes(t["bytes"]) for t in content).decode().strip(),
                         whole["choices"][0]["message"]["content"].strip())
        said = [[c["message"]["content"] for c in got[key]["choices"]] for key in ("three", "again")]
        self.assertEqual(said[0], said[1])
        self.assertEqual(len(set(said[0])), 3, "choices of one seed differ")
        self.assertEqual(got["newer"]["usage"]["completion_tokens"], 3)

    def check_completions(self, got):
        text = got["plain"]["choices"][0]["text"]
        self.assertEqual(got["plainStream"]["text"], text)
        self.assertEqual(got["stopped"]["choices"][0]["text"], text[:text.index(got["firstWord"])])
        self.assertEqual(got["stopped"]["choices"][0]["finish_reason"], "stop")
        scored = got["scored"]["choices"][0]
        self.assertEqual(scored["text"], "Once upon a time" + text)
        logprobs = scored["logprobs"]
        self.assertIsNone(logprobs["token_logprobs"][0])
        self.assertTrue(all(value <= 0 for value in logprobs["token_logprobs"][1:]))
        self.assertEqual(logprobs["text_offset"], sorted(logprobs["text_offset"]))
        self.assertEqual([choice["index"] for choice in got["list"]["choices"]], [0, 1, 2, 3])
        self.assertEqual(got["seen"], 3)
        wait_until("the stream that was left is given up", lambda: self.blocks("used") == 0, 5)


if __name__ == "__main__":
    unittest.main()
