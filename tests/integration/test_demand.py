"""Models that come and go: the first request loads one, who rests gives way, and no request is lost in a swap."""

import collections
import concurrent.futures
import json
import statistics
import threading
import time
import unittest

from harness import SOURCE, Daemon, model, wait_until

FAST = {"load_ms": 50, "load_steps": 2}
BUSY_SECONDS = 20  # of ten clients that alternate between two models of which only one fits


def demand(name, **keys):
    return model(name, **{"start": "demand", "behaviour": FAST, **keys})


def crowded(*models, **keys):
    """Room for one model of 64 MiB at a time."""
    return Daemon(*models, memory="100MiB", **keys).start(wait_ready=False)


class Demand(unittest.TestCase):
    def events(self, berth):
        return [json.loads(line) for line in berth.berth("events", "--json").stdout.splitlines()]

    def story(self, berth, name):
        """The states of a model's replica, in their order."""
        return [one["message"].split(":")[0] for one in self.events(berth)
                if one["type"] == "state" and one["model"] == name]

    def test_S7_any_number_of_first_requests_are_one_load(self):
        with crowded(demand("m", aliases=["other-name"])) as berth:
            self.assertEqual(berth.get("/v1/models").status, 200)
            self.assertEqual(berth.get("/metrics").status, 200)
            self.assertEqual(berth.replicas("m")[0]["state"], "stopped", "C3: who only looks loads nothing")
            refused = berth.embed("m", headers={"X-Load": "never"})
            self.assertEqual((refused.status, refused.code), (503, "model_not_loaded"))
            self.assertEqual(berth.replicas("m")[0]["state"], "stopped")
            with concurrent.futures.ThreadPoolExecutor(20) as pool:
                answers = list(pool.map(lambda i: berth.embed("m" if i % 2 else "other-name").status, range(20)))
            self.assertEqual(set(answers), {200})
            self.assertEqual(self.story(berth, "m").count("loading"), 1)
            self.assertEqual(berth.embed("m", headers={"X-Load": "never"}).status, 200, "it is there")

    def test_a_b_a_each_is_answered_and_the_events_tell_the_story(self):
        with crowded(demand("a"), demand("b")) as berth:
            for name in ("a", "b", "a"):
                self.assertEqual(berth.embed(name).status, 200, name)
            self.assertEqual([state for state in self.story(berth, "a") if state in ("ready", "draining", "stopped")],
                             ["ready", "draining", "stopped", "ready"])
            told = [one["message"] for one in self.events(berth)]
            self.assertIn("draining: gives way to b/0", told)
            self.assertIn("draining: gives way to a/0", told)
            for name in "ab":
                self.assertEqual(berth.metric("berth_model_evictions_total", model=name, reason="pressure"), 1)

    def test_what_runs_is_finished_before_its_model_gives_way(self):
        with crowded(demand("a", behaviour={**FAST, "work_ms": 7000}), demand("b")) as berth:
            self.assertEqual(berth.embed("b").status, 200)
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                slow = pool.submit(berth.embed, "a")
                wait_until("begun", lambda: berth.replicas("a")[0]["in_flight"] == 1)
                quick = pool.submit(berth.embed, "b")
                self.assertEqual(slow.result().status, 200)
                self.assertEqual(quick.result().status, 200)

    def test_S1_S5_a_request_while_an_idle_model_stops_waits_and_starts_it_again(self):
        with crowded(demand("m", idle={"stop": "1s"})) as berth:
            self.assertEqual(berth.embed("m").status, 200)
            berth.wait_log(r"m/0: draining: had no request for 1s")
            self.assertEqual(berth.embed("m").status, 200)
            berth.wait_state("stopped", "m")
            self.assertEqual(berth.embed("m").status, 200)

    def test_S13_a_small_one_that_fits_sends_nobody_away(self):
        with crowded(demand("large"), demand("small", memory="32MiB")) as berth:
            for name in ("large", "small", "large", "small"):
                self.assertEqual(berth.embed(name).status, 200)
            self.assertEqual(berth.replicas("large")[0]["incarnation"], 1)

    def test_who_is_pinned_stays_and_the_other_is_refused_with_the_numbers(self):
        with crowded(demand("a", pinned=True), demand("b")) as berth:
            self.assertEqual(berth.embed("a").status, 200)
            refused = berth.embed("b")
            self.assertEqual((refused.status, refused.code), (503, "model_unavailable"))
            self.assertIn("needs 64 MiB on cpu, 36 MiB of 100 MiB free (a 64 MiB)", refused.json()["error"]["message"])
            self.assertEqual(berth.replicas("a")[0]["state"], "ready")

    def test_what_an_operator_stopped_no_request_starts(self):
        with crowded(demand("m")) as berth:
            self.assertEqual(berth.embed("m").status, 200)
            self.assertEqual(berth.berth("stop", "m", "--wait").returncode, 0)
            self.assertEqual(berth.embed("m").status, 503)
            self.assertEqual(berth.replicas("m")[0]["state"], "stopped")
            self.assertEqual(berth.berth("start", "m", "--wait").returncode, 0)
            self.assertEqual(berth.embed("m").status, 200)

    def test_S10_a_model_that_cannot_load_is_a_503_and_the_other_comes_back(self):
        broken = {"fail_load": {"reason": "bad tensor", "permanent": True}}
        with crowded(demand("a"), demand("broken", behaviour=broken)) as berth:
            self.assertEqual(berth.embed("a").status, 200)
            for _ in range(3):
                self.assertEqual(berth.embed("broken").status, 503)
            self.assertEqual(self.story(berth, "broken").count("starting"), 1, "no storm of loads")
            self.assertEqual(berth.embed("a").status, 200)

    def test_S8_ten_clients_alternate_and_nobody_starves(self):
        with crowded(demand("a"), demand("b")) as berth:
            waits, wrong = collections.defaultdict(list), []
            end = time.monotonic() + BUSY_SECONDS

            def client(number):
                turn = number
                while time.monotonic() < end:
                    name = "ab"[turn % 2]
                    began = time.monotonic()
                    status = berth.embed(name, timeout=60).status
                    waits[name].append(time.monotonic() - began)
                    if status != 200:
                        wrong.append(status)
                    turn += 1

            threads = [threading.Thread(target=client, args=(i,)) for i in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [])
            for name, times in sorted(waits.items()):
                times.sort()
                print(f"\n{name}: {len(times)} requests, median {statistics.median(times):.2f} s, longest {times[-1]:.2f} s",
                      end="")
                self.assertLess(times[-1], 15)
            swaps = sum(berth.replicas(name)[0]["incarnation"] for name in "ab") - 1
            print(f"\n{swaps} swaps in {BUSY_SECONDS} s")
            self.assertGreater(swaps, 2)

    def test_real_models_of_which_one_fits_at_a_time(self):
        keys = {"start": "demand", "queue": {"timeout": "2m"}, "memory": "300MiB"}
        source = SOURCE / "examples/quickstart/models"
        if not (self.worker()).exists():
            self.skipTest("berth-worker is not built")
        with Daemon(model("embed", source=str(source / "demo-embed"), **keys),
                    model("chat", kind="llm", source=str(source / "demo-chat"), **keys), memory="400MiB",
                    worker="berth-worker").start(wait_ready=False) as berth:
            for _ in range(2):
                self.assertEqual(berth.embed("embed", timeout=120).status, 200)
                body = {"model": "chat", "messages": [{"role": "user", "content": "Hello!"}], "temperature": 0}
                reply = berth.request("POST", "/v1/chat/completions", body, timeout=120)
                self.assertEqual(reply.json()["choices"][0]["message"]["content"], "Hello! Shall I tell you a story?")
            self.print_swaps(berth)

    def worker(self):
        from harness import BIN
        return BIN / "berth-worker"

    def print_swaps(self, berth):
        """How long each part of the last swap took, by the events."""
        moments = [(one["time"], one["model"], one["message"].split(":")[0]) for one in self.events(berth)
                   if one["type"] == "state"]
        print()
        for when, name, state in moments[-12:]:
            print(when, name, state)


if __name__ == "__main__":
    unittest.main(verbosity=2)
