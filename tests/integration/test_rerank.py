"""Cross-encoders behind the reranking routes: the real worker behind the real daemon, scores as the reference's."""

import concurrent.futures
import json
import math
import unittest

from harness import SOURCE, Daemon, model, wait_until

ENCODERS = SOURCE / "tests/golden/encoders"
RANKERS = ["bert-ranking", "distilbert-ranking", "mpnet-ranking"]
TOLERANCE = 1e-5


def sigmoid(logit):
    return 1 / (1 + math.exp(-logit))


def cases(name):
    """(query, document, logit) of a ranker's golden file, which also has cases of token ids alone."""
    golden = json.loads((ENCODERS / name / "golden.json").read_text())
    return [(one["text"], one["second_text"], one["logit"]) for one in golden["cases"] if "second_text" in one]


class Rerank(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        models = [model(name, source=str(ENCODERS / name), memory="512MiB") for name in [*RANKERS, "bert-embedding"]]
        cls.berth = Daemon(*models, worker="berth-worker", threads=1).start()

    @classmethod
    def tearDownClass(cls):
        cls.berth.__exit__(None)

    def post(self, path, name="bert-ranking", **body):
        return self.berth.request("POST", path, {"model": name, **body})

    def ask(self, path, name="bert-ranking", **body):
        answer = self.post(path, name, **body)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def test_scores_equal_the_reference_alone(self):
        for name in RANKERS:
            worst = 0
            for query, document, logit in cases(name):
                raw = self.ask("/rerank", name, query=query, texts=[document], raw_scores=True, truncate=True)
                worst = max(worst, abs(raw[0]["score"] - logit))
                score = self.ask("/v1/rerank", name, query=query, documents=[document])["results"][0]
                self.assertAlmostEqual(score["relevance_score"], sigmoid(logit), delta=TOLERANCE)
            self.assertLessEqual(worst, TOLERANCE, name)
            print(f"\n{name}: worst difference of {len(cases(name))} logits from the reference: {worst:.1e}")

    def test_scores_equal_the_reference_in_company(self):
        """One document of each request is the golden one; around it and beside it is other work."""
        def one(item):
            name, (query, document, logit) = item
            others = [other for _, other, _ in cases(name) if other != document]
            documents = others[:3] + [document] + others[3:]
            results = self.ask("/v1/rerank", name, query=query, documents=documents, raw_scores=True)["results"]
            self.assertEqual(sorted(result["index"] for result in results), list(range(len(documents))))
            scores = [result["relevance_score"] for result in results]
            self.assertEqual(scores, sorted(scores, reverse=True))
            for result in results:
                self.assertEqual(result["document"], {"text": documents[result["index"]]})
            found = next(result for result in results if result["index"] == documents.index(document))
            self.assertAlmostEqual(found["relevance_score"], logit, delta=TOLERANCE)

        work = [(name, case) for name in RANKERS for case in cases(name)] * 5
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(one, work))

    def test_each_dialect_gets_its_reply(self):
        query, documents = "ab", ["cd", "ef gh", "ij"]
        jina = self.ask("/v1/rerank", query=query, documents=documents)
        self.assertEqual(jina["model"], "bert-ranking")
        self.assertEqual(jina["object"], "list")
        self.assertEqual(set(jina["results"][0]), {"index", "relevance_score", "document"})
        tokens = jina["usage"]["total_tokens"]
        self.assertEqual(jina["usage"], {"prompt_tokens": tokens, "total_tokens": tokens})
        cohere = self.ask("/v2/rerank", query=query, documents=[{"text": one} for one in documents])
        self.assertEqual(set(cohere["results"][0]), {"index", "relevance_score"})
        self.assertEqual(cohere["meta"], {"tokens": {"input_tokens": tokens}})
        self.assertTrue(cohere["id"])
        tei = self.ask("/rerank", query=query, texts=documents, return_text=True)
        self.assertEqual([set(one) for one in tei], [{"index", "score", "text"}] * 3)
        ranking = [(one["index"], one["relevance_score"]) for one in jina["results"]]
        self.assertEqual(ranking, [(one["index"], one["relevance_score"]) for one in cohere["results"]])
        self.assertEqual(ranking, [(one["index"], one["score"]) for one in tei])
        self.assertEqual(self.ask("/rerank", query=query, documents=documents)["results"], jina["results"])

    def test_top_n_cuts_the_results(self):
        documents = ["cd", "ef", "gh", "ij"]
        every = self.ask("/v1/rerank", query="ab", documents=documents)
        two = self.ask("/v1/rerank", query="ab", documents=documents, top_n=2)
        self.assertEqual(two["results"], every["results"][:2])
        self.assertEqual(two["usage"], every["usage"])

    def test_equal_documents_keep_their_order(self):
        results = self.ask("/v1/rerank", query="ab", documents=["cd"] * 50)["results"]
        self.assertEqual([one["index"] for one in results], list(range(50)))

    def test_headers_are_those_of_every_inference(self):
        answer = self.berth.request("POST", "/v1/rerank", {"model": "bert-ranking", "query": "ab", "documents": ["cd"]},
                                    headers={"X-Request-Id": "mine"})
        self.assertEqual(answer.headers["x-request-id"], "mine")
        self.assertEqual(answer.json()["id"], "mine")
        self.assertEqual(answer.headers["x-model-id"], "bert-ranking")
        self.assertEqual(answer.headers["x-prompt-tokens"], str(answer.json()["usage"]["prompt_tokens"]))
        self.assertIn("x-inference-ms", answer.headers)

    def test_what_is_too_long_is_cut_or_refused_as_the_dialect_says(self):
        context = self.berth.get("/v1/models/bert-ranking").json()["context_length"]
        long = "ab " * 500
        cut = self.ask("/v1/rerank", query=long, documents=[long])
        self.assertEqual(cut["usage"]["total_tokens"], context)
        for path, key, more in [("/rerank", "texts", {}), ("/v1/rerank", "documents", {"truncate": False})]:
            refused = self.post(path, query="ab", **{key: ["cd", long]}, **more)
            self.assertEqual((refused.status, refused.code), (400, "context_length_exceeded"))
            self.assertEqual(refused.json()["error"]["param"], f"{key}[1]")

    def test_hostile_bodies_are_named_400s(self):
        good = {"query": "ab", "documents": ["cd"]}
        table = [({"query": ""}, "query"), ({"query": None}, "query"), ({"query": ["ab"]}, "query"),
                 ({"documents": []}, "documents"), ({"documents": "cd"}, "documents"), ({"documents": None}, "documents"),
                 ({"documents": ["cd", ""]}, "documents[1]"), ({"documents": [[1, 2]]}, "documents[0]"),
                 ({"documents": [{"body": "cd"}]}, "documents[0].text"), ({"documents": ["cd"] * 2049}, "documents"),
                 ({"top_n": 0}, "top_n"), ({"top_n": 1 << 70}, "top_n"), ({"top_n": "3"}, "top_n"),
                 ({"return_documents": "no"}, "return_documents"), ({"rank_fields": ["title"]}, "rank_fields"),
                 ({"max_tokens_per_doc": 0}, "max_tokens_per_doc"), ({"truncation_direction": "up"}, "truncation_direction")]
        for change, param in table:
            with self.subTest(change=str(change)[:60]):
                refused = self.post("/v1/rerank", **{**good, **change})
                self.assertEqual(refused.status, 400, refused.body[:300])
                error = refused.json()["error"]
                self.assertEqual((error["type"], error["param"]), ("invalid_request_error", param))
        both = self.post("/rerank", query="ab", documents=["cd"], texts=["cd"])
        self.assertEqual((both.status, both.json()["error"]["param"]), (400, "texts"))
        for body in (b"", b"[]", b"{", b'{"model":"bert-ranking","query":"\xff","documents":["a"]}'):
            answer = self.berth.request("POST", "/models/bert-ranking/v1/rerank", body,
                                        {"Content-Type": "application/json"})
            self.assertEqual(answer.status, 400, body)
        self.ask("/v1/rerank", **good)  # and the worker is as it was

    def test_a_model_of_the_other_kind_says_what_it_is_for(self):
        ranker = self.berth.embed("bert-ranking", "ab")
        self.assertEqual((ranker.status, ranker.code), (404, "unknown_route"))
        for route in ("/v1/rerank", "/v2/rerank", "/rerank"):
            self.assertIn(route, ranker.json()["error"]["message"])
        embedder = self.post("/v1/rerank", "bert-embedding", query="ab", documents=["cd"])
        self.assertEqual((embedder.status, embedder.code), (404, "unknown_route"))
        for route in ("/v1/embeddings", "/embed"):
            self.assertIn(route, embedder.json()["error"]["message"])

    def test_models_show_what_they_can(self):
        ranker = self.berth.get("/v1/models/bert-ranking").json()
        self.assertEqual(ranker["kind"], "embedding")
        self.assertEqual(ranker["capabilities"], ["/v1/rerank", "/v2/rerank", "/rerank", "/tokenize", "/detokenize"])
        self.assertNotIn("dimensions", ranker)
        embedder = self.berth.get("/v1/models/bert-embedding").json()
        self.assertNotIn("/v1/rerank", embedder["capabilities"])
        self.assertEqual(embedder["dimensions"], 16)

    def test_requests_are_counted_under_their_task(self):
        def counted():
            return self.berth.metric("berth_requests_total", model="distilbert-ranking", task="rerank") or 0

        before = counted()
        self.ask("/v1/rerank", "distilbert-ranking", query="ab", documents=["cd"])
        self.ask("/v2/rerank", "distilbert-ranking", query="ab", documents=["cd"])
        wait_until("both requests are counted", lambda: counted() == before + 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
