"""Requests through the real daemon: every one gets exactly one right answer."""

import concurrent.futures
import json
import os
import signal
import socket
import time
import unittest

from harness import Daemon, model, wait_until

FAST = {"beat_ms": 50, "load_ms": 20}


def read_all(sock, deadline_s=20):
    """Everything the peer sends until it closes."""
    sock.settimeout(deadline_s)
    data = b""
    while True:
        try:
            piece = sock.recv(65536)
        except ConnectionResetError:
            return data
        if not piece:
            return data
        data += piece


class Routing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.berth = Daemon(model("org/m", aliases=["text-embedding-3-small"], behaviour=FAST),
                           model("n", behaviour=FAST)).start()

    @classmethod
    def tearDownClass(cls):
        cls.berth.__exit__(None)

    def test_model_by_body_header_path_and_alias(self):
        for path, name, headers in [("/v1/embeddings", "org/m", {}), ("/v1/embeddings", "text-embedding-3-small", {}),
                                    ("/models/org/m/v1/embeddings", None, {}),
                                    ("/models/org%2Fm/v1/embeddings", None, {}),
                                    ("/v1/embeddings", None, {"X-Berth-Model": "org/m"})]:
            with self.subTest(path=path, name=name):
                body = {"input": "x", **({"model": name} if name else {})}
                answer = self.berth.request("POST", path, body, headers)
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual(answer.headers["x-model-id"], "org/m")
                self.assertIn("x-request-id", answer.headers)
                self.assertIn("x-queue-ms", answer.headers)

    def test_disagreement_is_refused(self):
        answer = self.berth.request("POST", "/models/n/v1/embeddings", {"model": "org/m", "input": "x"})
        self.assertEqual(answer.status, 400)

    def test_duplicate_model_key_is_refused(self):
        answer = self.berth.request("POST", "/v1/embeddings", b'{"model":"n","model":"org/m","input":"x"}')
        self.assertEqual(answer.status, 400)

    def test_unknown_model_is_404_in_the_envelope(self):
        answer = self.berth.embed("nope")
        self.assertEqual((answer.status, answer.code), (404, "model_not_found"))
        self.assertEqual(answer.json()["error"]["type"], "not_found_error")

    def test_no_model_at_all_names_the_parameter(self):
        answer = self.berth.request("POST", "/v1/embeddings", {"input": "x"})
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.json()["error"]["param"], "model")

    def test_broken_json_is_400(self):
        for body in (b"{", b"[]", b'"x"', b"\xff\xfe", b'{"model": 3}', b"[" * 100000):
            with self.subTest(body=body[:20]):
                self.assertEqual(self.berth.request("POST", "/v1/embeddings", body).status, 400)

    def test_models_are_listed_with_their_state(self):
        listed = self.berth.get("/v1/models").json()
        self.assertEqual({one["id"]: one["status"] for one in listed["data"]}, {"org/m": "ready", "n": "ready"})
        self.assertEqual(self.berth.get("/v1/models/org/m").json()["id"], "org/m")
        self.assertEqual(self.berth.get("/v1/models/org%2Fm").json()["id"], "org/m")
        self.assertEqual(self.berth.get("/v1/models/nope").status, 404)

    def test_own_routes(self):
        for path in ("/health", "/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/version",
                     "/metrics", "/health/ready?model=n"):
            with self.subTest(path=path):
                self.assertEqual(self.berth.get(path).status, 200)
                head = self.berth.request("HEAD", path)
                self.assertEqual((head.status, head.body), (200, b""))
        wrong = self.berth.request("POST", "/health", b"{}")
        self.assertEqual(wrong.status, 405)
        self.assertIn("GET", wrong.headers["allow"])
        self.assertEqual(self.berth.get("/nowhere").status, 404)

    def test_keep_alive_serves_many_requests_on_one_connection(self):
        connection = self.berth.connection()
        for _ in range(20):
            connection.request("POST", "/v1/embeddings", json.dumps({"model": "n", "input": "x"}),
                               {"Content-Type": "application/json"})
            self.assertEqual(connection.getresponse().read()[:1], b"{")

    def test_pipelined_requests_are_answered_in_order(self):
        one = b"GET /v1/models/%s HTTP/1.1\r\nHost: b\r\n%s\r\n"
        sock = self.berth.raw(one % (b"n", b"") + one % (b"nope", b"Connection: close\r\n"))
        data = read_all(sock)
        self.assertLess(data.index(b"200 OK"), data.index(b"404 Not Found"))

    def test_request_id_is_taken_over_or_made(self):
        self.assertEqual(self.berth.embed("n", headers={"X-Request-Id": "abc-123"}).headers["x-request-id"], "abc-123")
        self.assertNotIn(" ", self.berth.embed("n", headers={"X-Request-Id": "a b\tc"}).headers["x-request-id"])


class Limits(unittest.TestCase):
    def test_body_over_the_limit_is_413_and_100_continue_comes_after_the_check(self):
        with Daemon(model("m", behaviour=FAST), server={"max_body": "10KiB"}) as berth:
            self.assertEqual(berth.embed("m", "x" * 20000).status, 413)
            head = (b"POST /v1/embeddings HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\n"
                    b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n")
            data = read_all(berth.raw(head % 20000))
            self.assertTrue(data.startswith(b"HTTP/1.1 413"), data)
            sock = berth.raw(head % 26)
            sock.settimeout(10)
            self.assertTrue(sock.recv(1000).startswith(b"HTTP/1.1 100"))
            sock.sendall(b'{"model":"m", "input":"x"}')
            self.assertTrue(sock.recv(1000).startswith(b"HTTP/1.1 200"))

    def test_slow_head_and_slow_body_are_408(self):
        limits = {"header_timeout": "300ms", "body_timeout": "300ms"}
        with Daemon(model("m", behaviour=FAST), server=limits) as berth:
            self.assertTrue(read_all(berth.raw(b"GET / HT")).startswith(b"HTTP/1.1 408"))
            head = b"POST /v1/embeddings HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
            self.assertTrue(read_all(berth.raw(head)).startswith(b"HTTP/1.1 408"))

    def test_full_queue_is_429_at_once_with_retry_after(self):
        with Daemon(model("m", queue={"max": 2, "timeout": "20s"}, behaviour={**FAST, "work_ms": 1500, "window": 1})) as berth:
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                first = [pool.submit(berth.embed) for _ in range(3)]
                wait_until("one running, two waiting",
                           lambda: berth.metric("berth_requests_waiting", model="m") == 2)
                began = time.monotonic()
                refused = berth.embed()
                took = time.monotonic() - began
                self.assertEqual((refused.status, refused.code), (429, "queue_full"), refused.body)
                self.assertGreaterEqual(int(refused.headers["retry-after"]), 1)
                self.assertLess(took, 0.2)
                self.assertEqual([one.result().status for one in first], [200, 200, 200])

    def test_waiting_longer_than_the_queue_allows_is_504_or_503(self):
        with Daemon(model("m", queue={"max": 9, "timeout": "200ms"}, behaviour={**FAST, "work_ms": 1500, "window": 1})) as berth:
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                running = pool.submit(berth.embed)
                wait_until("one running", lambda: berth.replicas()[0]["in_flight"] == 1)
                self.assertIn(berth.embed().status, (503, 504))
                self.assertEqual(running.result().status, 200)

    def test_expired_deadline_is_504_and_never_run(self):
        with Daemon(model("m", behaviour={**FAST, "work_ms": 1000, "window": 1})) as berth:
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                running = pool.submit(berth.embed)
                wait_until("one running", lambda: berth.replicas()[0]["in_flight"] == 1)
                late = berth.embed(headers={"X-Deadline-Ms": "100"})
                self.assertEqual((late.status, late.code), (504, "deadline_exceeded"))
                self.assertEqual(running.result().status, 200)


class Clients(unittest.TestCase):
    REQUEST = (b"POST /v1/embeddings HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\n"
               b"Content-Length: 26\r\n\r\n" b'{"model":"m", "input":"x"}')

    def test_client_that_leaves_frees_its_place(self):
        with Daemon(model("m", behaviour={**FAST, "work_ms": 10000, "window": 1})) as berth:
            for how in ("close", "reset", "half-close"):
                with self.subTest(how=how):
                    sock = berth.raw(self.REQUEST)
                    wait_until("in flight", lambda: berth.replicas()[0]["in_flight"] == 1)
                    if how == "reset":
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    if how == "half-close":
                        sock.shutdown(socket.SHUT_WR)
                    else:
                        sock.close()
                    wait_until("place free", lambda: berth.replicas()[0]["in_flight"] == 0, 3)

    def test_stream_is_relayed_as_it_comes(self):
        with Daemon(model("m", behaviour={**FAST, "stream_chunks": 5, "stream_chunk_ms": 300})) as berth:
            connection = berth.connection()
            connection.request("POST", "/v1/chat/completions",
                               json.dumps({"model": "m", "stream": True, "messages": []}),
                               {"Content-Type": "application/json"})
            began = time.monotonic()
            reply = connection.getresponse()
            self.assertTrue(reply.getheader("content-type").startswith("text/event-stream"))
            first = reply.read1(65536)
            self.assertTrue(first.startswith(b"data: "), first)
            self.assertLess(time.monotonic() - began, 1.0)
            rest = reply.read()
            self.assertTrue(rest.rstrip().endswith(b"data: [DONE]"), rest[-100:])

    def test_death_in_mid_stream_is_an_error_event_without_done(self):
        with Daemon(model("m", behaviour={**FAST, "stream_chunks": 5, "stream_chunk_ms": 50, "die_mid_stream": True})) as berth:
            answer = berth.request("POST", "/v1/chat/completions", {"model": "m", "stream": True, "messages": []})
            events = [line for line in answer.body.decode().split("\n\n") if line]
            self.assertIn('"error"', events[-1])
            self.assertNotIn("[DONE]", answer.body.decode())

    def open_stream(self, berth, headers=None):
        """The reply to a streamed chat whose first event is there; and the connection, which keeps it open."""
        connection = berth.connection()
        connection.request("POST", "/v1/chat/completions", json.dumps({"model": "m", "stream": True, "messages": []}),
                           {"Content-Type": "application/json", **(headers or {})})
        reply = connection.getresponse()
        self.assertTrue(reply.read1(65536).startswith(b"data: "))
        return connection, reply

    def test_no_timeout_ends_a_stream_that_goes_on(self):
        behaviour = {**FAST, "stream_chunks": 12, "stream_chunk_ms": 100}
        with Daemon(model("m", behaviour=behaviour, queue={"timeout": "200ms"}), server={"body_timeout": "300ms"}) as berth:
            connection, reply = self.open_stream(berth)
            self.assertTrue(reply.read().rstrip().endswith(b"data: [DONE]"))
            connection.close()

    def test_deadline_in_mid_stream_is_an_error_event_without_done(self):
        with Daemon(model("m", behaviour={**FAST, "stream_chunks": 1000, "stream_chunk_ms": 20})) as berth:
            connection, reply = self.open_stream(berth, {"X-Deadline-Ms": "500"})
            rest = reply.read().decode()
            self.assertIn("deadline_exceeded", rest.rstrip().split("\n\n")[-1])
            self.assertNotIn("[DONE]", rest)
            connection.close()
            wait_until("place free", lambda: berth.replicas()[0]["in_flight"] == 0, 3)

    def test_client_that_leaves_a_stream_frees_its_place(self):
        with Daemon(model("m", behaviour={**FAST, "stream_chunks": 100000, "stream_chunk_ms": 20, "window": 1})) as berth:
            connection, _ = self.open_stream(berth)
            self.assertEqual(berth.replicas()[0]["in_flight"], 1)
            connection.close()
            wait_until("place free", lambda: berth.replicas()[0]["in_flight"] == 0, 3)
            wait_until("counted as one that left", lambda: berth.metric(
                "berth_http_client_disconnects_total", route="/v1/chat/completions", phase="stream") == 1, 3)

    def test_slow_reader_of_a_stream_does_not_grow_memory(self):
        behaviour = {**FAST, "stream_chunks": 20000, "stream_chunk_ms": 0, "response_bytes": 4096}
        with Daemon(model("m", behaviour=behaviour)) as berth:
            body = json.dumps({"model": "m", "stream": True, "messages": []}).encode()
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", berth.port))
            sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(body) + body)
            sock.recv(1000)
            rss = lambda: int(next(line for line in open(f"/proc/{berth.process.pid}/status")
                                   if line.startswith("VmRSS")).split()[1])
            before = rss()
            for _ in range(50):
                self.assertEqual(berth.embed().status, 200)
            self.assertLess(rss() - before, 16 * 1024, "KiB grown behind a slow reader")
            sock.close()

    def test_garbage_from_a_worker_is_502(self):
        with Daemon(model("m", behaviour={**FAST, "http_garbage": True})) as berth:
            answer = berth.embed()
            self.assertEqual(answer.status, 502)
            self.assertEqual(answer.headers["x-should-retry"], "false")

    def test_idle_connections_do_not_slow_others(self):
        count = 1000
        with Daemon(model("m", behaviour=FAST)) as berth:
            idle = [berth.raw(b"GET /he") for _ in range(count)]
            took = []
            for _ in range(20):
                began = time.monotonic()
                self.assertEqual(berth.embed().status, 200)
                took.append(time.monotonic() - began)
            self.assertLess(sorted(took)[10], 0.1)
            for sock in idle:
                sock.close()


class Unready(unittest.TestCase):
    def test_health_tells_the_truth(self):
        with Daemon(model("m", behaviour={**FAST, "never_ready": True}), model("extra", required=False, behaviour=FAST)).start(
                wait_ready=False) as berth:
            self.assertEqual(berth.get("/health/live").status, 200)
            ready = berth.get("/health/ready")
            self.assertEqual(ready.status, 503)
            self.assertIn("m", ready.body.decode())
            answer = berth.embed("m", headers={"X-Deadline-Ms": "200"})
            self.assertIn(answer.status, (503, 504))

    def test_least_loaded_uses_both_replicas_and_round_robin_alternates(self):
        for balance in ("least_loaded", "round_robin", "random"):
            with self.subTest(balance=balance), Daemon(
                    model("m", replicas=2, balance=balance, behaviour={**FAST, "work_ms": 20})) as berth:
                with concurrent.futures.ThreadPoolExecutor(8) as pool:
                    answers = list(pool.map(lambda _: berth.embed().status, range(60)))
                self.assertEqual(set(answers), {200})
                wait_until("both replicas worked", lambda: all(one["steps"] for one in berth.replicas()))


if __name__ == "__main__":
    unittest.main(verbosity=2)
