"""A conversation with the quickstart's chat model, its own template and all, behind the real daemon: what a reference
in Python generates greedily (tests/golden/demo-chat.json), and the official OpenAI client."""

import concurrent.futures
import json
import os
import shutil
import subprocess
import unittest
from pathlib import Path

from harness import SOURCE, Daemon, model, wait_until

NODE_FOLDER = Path(os.environ.get("BERTH_NODE", SOURCE / "build/node"))
GOLDEN = json.loads((SOURCE / "tests/golden/demo-chat.json").read_text())["cases"]


class Chat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        keys = {"kind": "llm", "source": str(SOURCE / "examples/quickstart/models/demo-chat"), "memory": "1GiB"}
        cls.berth = Daemon(model("chat", **keys, max_sequences=8),
                           # Pieces of 8 tokens at a time, nothing shared: the same words.
                           model("cut", **keys, max_sequences=2, kv_cache={"prefix": False}, batching={"max_tokens": 8}),
                           worker="berth-worker").start()

    @classmethod
    def tearDownClass(cls):
        cls.berth.__exit__(None)

    def chat(self, case, name="chat", **body):
        answer = self.berth.request("POST", "/v1/chat/completions",
                                    {"model": name, "messages": case["messages"], "temperature": 0, **body}, timeout=60)
        self.assertEqual(answer.status, 200, answer.body)
        return answer

    def test_answers_are_the_references(self):
        for case in GOLDEN:
            for name in ("chat", "cut"):
                with self.subTest(messages=case["messages"][-1]["content"], model=name):
                    reply = self.chat(case, name).json()
                    choice, usage = reply["choices"][0], reply["usage"]
                    self.assertEqual(choice["message"], {"role": "assistant", "content": case["text"]} | {
                        key: value for key, value in choice["message"].items() if value is None})
                    self.assertEqual(choice["finish_reason"], "stop")
                    self.assertEqual(usage["prompt_tokens"], len(case["prompt_ids"]))
                    self.assertEqual(usage["completion_tokens"], len(case["ids"]) + 1, "and the token that ends it")
                    self.assertEqual(usage["total_tokens"], usage["prompt_tokens"] + usage["completion_tokens"])

    def test_conversations_become_the_references_tokens(self):
        for case in GOLDEN:
            body = {"model": "chat", "messages": case["messages"]}
            self.assertEqual(self.berth.request("POST", "/tokenize", body).json()["tokens"], case["prompt_ids"])

    def test_twenty_conversations_at_once_say_what_each_says_alone(self):
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            replies = list(pool.map(lambda i: self.chat(GOLDEN[i % len(GOLDEN)]).json(), range(20)))
        for i, reply in enumerate(replies):
            self.assertEqual(reply["choices"][0]["message"]["content"], GOLDEN[i % len(GOLDEN)]["text"])

    def test_official_openai_client(self):
        if not (NODE_FOLDER / "node_modules/openai").exists():
            self.skipTest("the OpenAI client is not installed (scripts/dev setup)")
        shutil.copy(SOURCE / "tests/integration/node/chat.mjs", NODE_FOLDER)
        case = GOLDEN[0]
        done = subprocess.run(["node", "chat.mjs", f"http://127.0.0.1:{self.berth.port}/v1", "chat", json.dumps(case["messages"])],
                              cwd=NODE_FOLDER, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        got = json.loads(done.stdout)
        self.assertEqual(got["whole"]["choices"][0]["message"]["content"], case["text"])
        self.assertEqual(got["helper"], case["text"])
        self.check_stream(got, case)
        self.check_logprobs(got, case)
        self.check_choices(got)
        self.assertEqual(got["stopped"]["choices"][0]["message"]["content"], case["text"][:case["text"].index(" forest")])
        self.assertEqual(got["stopped"]["choices"][0]["finish_reason"], "stop")
        self.assertEqual(got["limited"]["choices"][0]["finish_reason"], "length")
        self.assertEqual(got["limited"]["usage"]["completion_tokens"], 5)
        self.assertGreaterEqual(got["seen"], 3)
        wait_until("the blocks of the stream that was left are free",
                   lambda: self.berth.metric("berth_kv_blocks", model="chat", state="used") == 0, 5)

    def check_stream(self, got, case):
        stream = got["stream"]
        self.assertEqual((stream["texts"], stream["reasons"]), ([case["text"]], ["stop"]))
        self.assertEqual(stream["usage"]["completion_tokens"], len(case["ids"]) + 1)
        self.assertGreater(stream["chunks"], 3, "it comes in parts, of which a quick model makes few")

    def check_logprobs(self, got, case):
        content = got["logprobs"]["choices"][0]["logprobs"]["content"]
        said = b"".join(bytes(token["bytes"]) for token in content).decode()
        self.assertEqual(said, case["text"])
        for token in content:
            self.assertEqual(token["top_logprobs"][0]["logprob"], token["logprob"], "greedy takes the likeliest")
            self.assertLess(token["top_logprobs"][1]["logprob"], token["logprob"])

    def check_choices(self, got):
        several = [choice["message"]["content"] for choice in got["several"]["choices"]]
        self.assertEqual(got["again"]["texts"], several, "the same seed says the same, streamed or not")
        self.assertEqual(len(set(several)), 3)
        self.assertNotEqual([choice["message"]["content"] for choice in got["other"]["choices"]], several)


if __name__ == "__main__":
    unittest.main(verbosity=2)
