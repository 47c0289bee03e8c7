"""The real worker behind the real daemon: embeddings equal to the reference, alone and in company."""

import base64
import concurrent.futures
import json
import math
import random
import struct
import unittest

from harness import Daemon, model, need_data

TOLERANCE = 5e-6


def unpack(text):
    data = base64.b64decode(text)
    return struct.unpack(f"<{len(data) // 4}f", data)


class Embedding(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        source = need_data("models", "bert-mini-sts")
        cls.golden = json.loads((source / "golden-embeddings.json").read_text())
        cls.berth = Daemon(
            model("bert", source=str(source), memory="1GiB", replicas=2, aliases=["text-embedding-3-small"]),
            model("mrl", source=str(source), memory="1GiB", matryoshka=True), worker="berth-worker").start()

    @classmethod
    def tearDownClass(cls):
        cls.berth.__exit__(None)

    def cases(self):
        golden = self.golden
        items = golden["cases"] if isinstance(golden, dict) and "cases" in golden else golden
        if isinstance(items, dict):
            keys = {"text": next(k for k in items if "text" in k or "sentence" in k),
                    "vector": next(k for k in items if "embedding" in k or "vector" in k)}
            return list(zip(items[keys["text"]], items[keys["vector"]]))
        text = next(k for k in items[0] if "text" in k or "sentence" in k)
        vector = next(k for k in items[0] if "embedding" in k or "vector" in k)
        return [(one[text], one[vector]) for one in items]

    def assertNear(self, vector, expected):
        self.assertEqual(len(vector), len(expected))
        worst = max(abs(a - b) for a, b in zip(vector, expected))
        self.assertLessEqual(worst, TOLERANCE)
        return worst

    def ask(self, text, name="bert", **more):
        answer = self.berth.embed(name, text, **more)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def test_equal_to_golden_alone(self):
        worst = max(self.assertNear(self.ask(text)["data"][0]["embedding"], vector) for text, vector in self.cases())
        print(f"\nworst difference from golden over {len(self.cases())} sentences: {worst:.2e}")

    def test_equal_to_golden_in_any_batch(self):
        rng = random.Random(7)
        cases = self.cases()
        for size in (2, 3, 7, 32, 100):
            batch = [rng.choice(cases) for _ in range(size)]
            data = self.ask([text for text, _ in batch])["data"]
            self.assertEqual([one["index"] for one in data], list(range(size)))
            for one, (_, vector) in zip(data, batch):
                self.assertNear(one["embedding"], vector)

    def test_equal_to_golden_under_concurrency(self):
        cases = self.cases() * 40
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for reply, (_, vector) in zip(pool.map(lambda case: self.ask(case[0]), cases), cases):
                self.assertNear(reply["data"][0]["embedding"], vector)

    def test_base64_is_the_same_vector(self):
        plain = self.ask("a cat")["data"][0]["embedding"]
        packed = unpack(self.ask("a cat", encoding_format="base64")["data"][0]["embedding"])
        self.assertNear(packed, plain)

    def test_token_ids_give_the_same_vector_as_their_text(self):
        tokens = self.berth.request("POST", "/tokenize", {"model": "bert", "prompt": "a small cat"}).json()["tokens"]
        by_text = self.ask("a small cat")
        for form in (tokens, [tokens]):
            by_ids = self.ask(form)
            self.assertNear(by_ids["data"][0]["embedding"], by_text["data"][0]["embedding"])
            self.assertEqual(by_ids["usage"], by_text["usage"])
        self.assertEqual(by_text["usage"], {"prompt_tokens": len(tokens), "total_tokens": len(tokens)})

    def test_detokenize_turns_ids_back_into_text(self):
        tokens = self.berth.request("POST", "/tokenize",
                                    {"model": "bert", "prompt": "a small cat", "add_special_tokens": False}).json()
        self.assertEqual(tokens["count"], len(tokens["tokens"]))
        back = self.berth.request("POST", "/detokenize", {"model": "bert", "tokens": tokens["tokens"]}).json()
        self.assertEqual(back["prompt"], "a small cat")

    def test_dimensions_are_cut_then_normalised_where_the_plan_allows(self):
        whole = self.ask("a cat", name="mrl")["data"][0]["embedding"]
        cut = self.ask("a cat", name="mrl", dimensions=32)["data"][0]["embedding"]
        norm = math.sqrt(sum(x * x for x in whole[:32]))
        self.assertNear(cut, [x / norm for x in whole[:32]])
        self.assertEqual(self.berth.embed("mrl", "a cat", dimensions=100000).status, 400)
        refused = self.berth.embed("bert", "a cat", dimensions=32)
        self.assertEqual((refused.status, refused.json()["error"]["param"]), (400, "dimensions"))

    def test_bad_requests_name_the_parameter(self):
        for body, param in [({"input": ""}, "input"), ({"input": []}, "input"), ({"input": ["a", ""]}, "input"),
                            ({"input": 3}, "input"), ({"input": [[-1]]}, "input"), ({"input": [1 << 40]}, "input"),
                            ({"input": ["x"] * 2049}, "input"), ({"input": "x", "encoding_format": "hex"}, "encoding_format"),
                            ({"input": "x", "dimensions": 0}, "dimensions"), ({}, "input")]:
            with self.subTest(body=str(body)[:50]):
                answer = self.berth.request("POST", "/v1/embeddings", {"model": "bert", **body})
                self.assertEqual(answer.status, 400, answer.body)
                error = answer.json()["error"]
                self.assertTrue(error["param"].startswith(param), error)
                self.assertEqual(error["type"], "invalid_request_error")

    def test_over_length_is_400_unless_truncation_is_asked_for(self):
        long = "cat " * 5000
        refused = self.berth.embed("bert", long)
        self.assertEqual((refused.status, refused.code), (400, "context_length_exceeded"))
        cut = self.ask(long, truncate=True)
        self.assertEqual(cut["usage"]["prompt_tokens"], self.berth.get("/v1/models/bert").json()["context_length"])

    def test_memory_is_flat_over_3000_distinct_batch_sizes(self):
        replica = lambda: self.berth.replicas("mrl")[0]["pid"]
        pid = replica()

        def private_kib():
            with open(f"/proc/{pid}/status") as status:
                return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

        ids = self.golden["cases"][0]["ids"]
        longest = 100
        samples = []
        connection = self.berth.connection()
        sizes = list(range(2, 3002))
        random.Random(3).shuffle(sizes)
        for count, tokens in enumerate(sizes):
            # One request of exactly `tokens` tokens, as inputs of at most `longest`.
            whole = [ids[i % len(ids)] for i in range(tokens)]
            body = {"model": "mrl", "input": [whole[i:i + longest] for i in range(0, tokens, longest)],
                    "encoding_format": "base64"}
            connection.request("POST", "/v1/embeddings", json.dumps(body), {"Content-Type": "application/json"})
            reply = connection.getresponse()
            self.assertEqual(reply.status, 200)
            reply.read()
            if count >= 500 and count % 100 == 0:
                samples.append((count, private_kib()))
        self.assertEqual(replica(), pid)
        mean_x = sum(x for x, _ in samples) / len(samples)
        mean_y = sum(y for _, y in samples) / len(samples)
        slope = (sum((x - mean_x) * (y - mean_y) for x, y in samples) / sum((x - mean_x) ** 2 for x, _ in samples))
        print(f"\n3,000 distinct batch sizes: RssAnon {samples[0][1]} -> {samples[-1][1]} KiB, "
              f"slope {slope * 1024:.0f} bytes per size")
        # Freed pages come and go by about 2 MiB; a primitive cached per size would cost over 1 MiB each.
        self.assertLess(slope, 4.0, "KiB per distinct size")

    def test_reply_names_the_model_as_the_client_did(self):
        self.assertEqual(self.ask("x", name="text-embedding-3-small")["model"], "text-embedding-3-small")

    def test_models_show_what_they_can(self):
        shown = self.berth.get("/v1/models/bert").json()
        self.assertEqual(shown["dimensions"], len(self.cases()[0][1]))
        self.assertEqual(shown["status"], "ready")


if __name__ == "__main__":
    unittest.main(verbosity=2)
