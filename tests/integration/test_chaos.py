"""10,000 requests from 64 connections while workers are killed at random: exactly one right answer each."""

import asyncio
import collections
import json
import os
import random
import signal
import time
import unittest

from harness import SLOWDOWN, Daemon, model, wait_until

REQUESTS = int(os.environ.get("BERTH_CHAOS_REQUESTS", "10000")) // SLOWDOWN
CONNECTIONS = 64
KILLS = 100 // SLOWDOWN
KILLS_WITH_BEGUN = 30 // SLOWDOWN
SEED = int(os.environ.get("BERTH_SEED", str(random.SystemRandom().randrange(1 << 30))))


class Client:
    """One kept-alive connection that sends its share of the requests and reads just one answer to each."""

    def __init__(self, berth, ids, tally):
        self.berth, self.ids, self.tally = berth, ids, tally

    async def run(self):
        reader = writer = None
        for ident in self.ids:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.berth.port)
            body = json.dumps({"model": "m", "input": ident}).encode()
            writer.write(b"POST /v1/embeddings HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\n"
                         b"X-Request-Id: %s\r\nContent-Length: %d\r\n\r\n" % (ident.encode(), len(body)) + body)
            status, headers, payload = await asyncio.wait_for(self.read(reader), 60)
            self.note(ident, status, headers, payload)
            if headers.get("connection") == "close":
                writer.close()
                writer = None
        if writer:
            # Nothing may come after the last answer: a second reply would be seen here.
            try:
                extra = await asyncio.wait_for(reader.read(1), 0.3)
                assert extra == b"", f"bytes after the last answer: {extra!r}"
            except asyncio.TimeoutError:
                pass
            writer.close()

    @staticmethod
    async def read(reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:] if line)}
        payload = await reader.readexactly(int(headers["content-length"]))
        return int(lines[0].split()[1]), headers, json.loads(payload)

    def note(self, ident, status, headers, payload):
        assert headers["x-request-id"] == ident, (ident, headers)
        self.tally["replies"] += 1
        self.tally[status] += 1
        if status == 200:
            return
        error = payload["error"]
        assert error["message"] and error["type"] and isinstance(error["code"], str), payload
        self.tally[f"{status} {error['code']}"] += 1
        allowed = {502: ("worker_lost",), 503: ("model_loading", "model_unavailable", "worker_lost"),
                   429: ("queue_full",), 504: ("deadline_exceeded", "queue_timeout")}
        assert error["code"] in allowed.get(status, ()), (status, payload)
        if status == 502:
            assert headers["x-should-retry"] == "false", headers


class Killer:
    """Kills a random worker, mostly one that has begun requests; -9 twice as often as -STOP."""

    def __init__(self, berth, rng):
        self.berth, self.rng = berth, rng
        self.kills = self.with_begun = 0

    def strike(self):
        ready = [one for one in self.berth.replicas() if one["state"] == "ready" and one["pid"]]
        if len(ready) < 1:
            return
        victim = self.rng.choice(ready)
        try:
            os.kill(victim["pid"], self.rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP]))
        except ProcessLookupError:
            return
        self.kills += 1
        self.with_begun += victim["in_flight"] > 0


class Chaos(unittest.TestCase):
    def test_exactly_one_reply_and_no_request_run_twice(self):
        print(f"\nchaos seed {SEED} (BERTH_SEED repeats it)")
        rng = random.Random(SEED)
        counter = "/tmp/berth-chaos-%d-%d" % (os.getpid(), SEED)
        behaviour = {"beat_ms": 50, "load_ms": 20, "work_ms": 8, "window": 16, "counter_file": counter}
        plan = model("m", replicas=2, behaviour=behaviour, health={"stall": "300ms"}, queue={"max": 512, "timeout": "30s"},
                     restart={"backoff": ["10ms", "50ms"], "give_up": "1000 in 1m"})
        with Daemon(plan) as berth:
            tally = collections.Counter()
            ids = [f"r{i:06d}" for i in range(REQUESTS)]
            killer = Killer(berth, rng)
            began = time.monotonic()
            asyncio.run(self.drive(berth, ids, tally, killer))
            print(f"{REQUESTS} requests, {CONNECTIONS} connections, {time.monotonic() - began:.1f} s: {dict(tally)}")
            print(f"kills {killer.kills}, of them with requests begun {killer.with_begun}")
            lines = open(counter).read().split()
            twice = [ident for ident, count in collections.Counter(lines).items() if count > 1]
            print(f"begun {len(lines)}, run twice {len(twice)}")
            os.unlink(counter)
            self.assertEqual(tally["replies"], REQUESTS)
            self.assertEqual(twice, [])
            self.assertGreaterEqual(killer.kills, KILLS)
            self.assertGreaterEqual(killer.with_begun, KILLS_WITH_BEGUN)
            self.assertGreater(tally[200], REQUESTS * 0.5)
            wait_until("both replicas back", lambda: all(one["state"] == "ready" for one in berth.replicas()))
            wait_until("nothing in flight", lambda: all(one["in_flight"] == 0 for one in berth.replicas()))

    async def drive(self, berth, ids, tally, killer):
        clients = [Client(berth, ids[i::CONNECTIONS], tally) for i in range(CONNECTIONS)]
        work = asyncio.gather(*(client.run() for client in clients))

        async def kill():
            loop = asyncio.get_running_loop()
            while not work.done():
                # Strikes are spread over the answers, so that the last ones come before the load ends.
                due = tally["replies"] * (KILLS + 20) // REQUESTS
                if killer.kills <= due:
                    await loop.run_in_executor(None, killer.strike)
                await asyncio.sleep(0.02)

        strikes = asyncio.create_task(kill())
        await work
        await strikes


if __name__ == "__main__":
    unittest.main(verbosity=2)
