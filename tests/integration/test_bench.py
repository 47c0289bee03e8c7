"""berth bench against a server of the test's own: what it sends, what it counts, how it ends."""

import http.server
import json
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from harness import BIN

TOKENS = 5


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behave):
        super().__init__(("127.0.0.1", 0), Handler)
        self.behave, self.bodies, self.lock = behave, [], threading.Lock()
        self.running = self.most_running = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.bodies.append((self.path, body, self.headers.get("Authorization")))
            number = len(server.bodies)
            server.running += 1
            server.most_running = max(server.most_running, server.running)
        server.behave(self, body, number)
        with server.lock:
            server.running -= 1

    def reply(self, status, text, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def stream(self, events):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            data = f"data: {event}\n\n".encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")


def chat(handler, body, _):
    pieces = [{"choices": [{"delta": {"content": f"w{i} "}}]} for i in range(TOKENS)]
    usage = {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": TOKENS}}
    handler.stream([*map(json.dumps, [*pieces, usage]), "[DONE]"])


def bench(server, *arguments, env=None, status=0):
    done = subprocess.run([BIN / "berth", "bench", server.url, "--model", "m", "--json", *arguments],
                          capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)


class Bench(unittest.TestCase):
    def server(self, behave):
        server = Server(behave)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def test_counts_requests_tokens_and_times(self):
        server = self.server(chat)
        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder) / "run.svg"
            got = bench(server, "--requests", "40", "--concurrency", "4", "--picture", str(picture),
                        env={"OPENAI_API_KEY": "secret"})
            self.assertTrue(picture.read_text().startswith("<svg "))
        self.assertEqual((got["requests"], got["failed"]), (40, 0))
        self.assertEqual(got["first_token_seconds"]["count"], 40)
        self.assertEqual(got["inter_token_seconds"]["count"], 40 * (TOKENS - 1))
        self.assertAlmostEqual(got["generated_tokens_per_second"] / got["requests_per_second"], TOKENS)
        self.assertAlmostEqual(got["prompt_tokens_per_second"] / got["requests_per_second"], 11)
        self.assertLessEqual(server.most_running, 4)
        path, body, authorization = server.bodies[0]
        self.assertEqual((path, authorization), ("/v1/chat/completions", "Bearer secret"))
        self.assertEqual(len(body["messages"][0]["content"].split()), 128)
        self.assertNotEqual(body["messages"], server.bodies[1][1]["messages"])

    def test_failures_are_counted_by_what_they_are(self):
        def behave(handler, body, number):
            if number % 3 == 0:
                return handler.reply(429, json.dumps({"error": {"message": "m", "code": "queue_full"}}))
            return chat(handler, body, number)

        got = bench(self.server(behave), "--requests", "30", "-c", "3", status=1)
        self.assertEqual(got["errors"], {"429 queue_full": 10})
        self.assertEqual(got["total_seconds"]["count"], 20)

    def test_a_trace_is_replayed_in_its_time_and_lengths(self):
        server = self.server(chat)
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as trace:
            trace.write("TIMESTAMP,ContextTokens,GeneratedTokens\n")
            for i in range(10):
                trace.write(f"2023-11-16 18:17:{3 + i:02}.0000000,{100 + i},{10 + i}\n")
            trace.flush()
            got = bench(server, "--trace", trace.name, "--speed", "10", "--length", "2", "--api", "completions",
                        "--ignore-eos")
        self.assertEqual(got["requests"], 10)
        self.assertGreaterEqual(got["seconds"], 0.9)
        self.assertEqual([body["max_tokens"] for _, body, _ in server.bodies], [2 * (10 + i) for i in range(10)])
        self.assertEqual([len(body["prompt"].split()) for _, body, _ in server.bodies], [2 * (100 + i) for i in range(10)])
        self.assertTrue(all(body["ignore_eos"] for _, body, _ in server.bodies))

    def test_embeddings(self):
        server = self.server(lambda handler, body, _: handler.reply(200, json.dumps({"data": [], "usage": {"prompt_tokens": 9}})))
        got = bench(server, "--api", "embeddings", "--requests", "5")
        self.assertEqual((got["failed"], got["first_token_seconds"]["count"]), (0, 0))
        self.assertAlmostEqual(got["prompt_tokens_per_second"] / got["requests_per_second"], 9)

    def test_a_silent_server_costs_the_time_limit_and_no_more(self):
        release = threading.Event()
        self.addCleanup(release.set)
        server = self.server(lambda handler, body, number: (release.wait(60), handler.close_connection))
        got = bench(server, "--requests", "2", "--timeout", "200ms", status=1)
        self.assertEqual(got["errors"], {"no end within the time limit": 2})

    def test_mistakes_of_the_command_line_send_nothing(self):
        for arguments, says in ((["http://x/v1"], "--model"), (["https://x/v1", "--model", "m"], "https"),
                                (["http://x/v1", "--model", "m", "--rate", "0"], "--rate"),
                                (["http://x/v1", "--model", "m", "--speed", "2"], "--trace"),
                                (["http://x/v1", "--model", "m", "--api", "images"], "--api")):
            done = subprocess.run([BIN / "berth", "bench", *arguments], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 64, done.stderr)
            self.assertIn(says, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
