"""The estimate beside what real workers hold: enough, and not much more; and plans that leave `memory` to it."""

import json
import os
import random
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from harness import BIN, SOURCE, Daemon, model, need_data, wait_until

MIB = 1 << 20
# How far an estimate may be above what was measured. The estimate holds two of the largest requests and the heap's
# fragments after hours; the test sends neither.
FACTOR, CONSTANT = 1.6, 64 * MIB
BATCHES = (64, 16384)
CHAT = SOURCE / "examples/quickstart/models/demo-chat"


def estimate(source, *options):
    done = subprocess.run([BIN / "berth", "estimate", source, "--json", *map(str, options)], capture_output=True,
                          text=True, check=True)
    return json.loads(done.stdout)


def part(found, name):
    return next(one["bytes"] for one in found["parts"] if one["name"] == name)


def write_bert(folder, hidden, layers, positions, vocabulary, dtype):
    """A BERT whose weights are zeros: as large as one that means something."""
    folder.mkdir(parents=True)
    wide = 4 * hidden
    tensors = {"embeddings.word_embeddings.weight": [vocabulary, hidden],
               "embeddings.position_embeddings.weight": [positions, hidden],
               "embeddings.token_type_embeddings.weight": [2, hidden],
               "embeddings.LayerNorm.weight": [hidden], "embeddings.LayerNorm.bias": [hidden]}
    for layer in (f"encoder.layer.{number}." for number in range(layers)):
        for name, out, into in (("attention.self.query", hidden, hidden), ("attention.self.key", hidden, hidden),
                                ("attention.self.value", hidden, hidden), ("attention.output.dense", hidden, hidden),
                                ("intermediate.dense", wide, hidden), ("output.dense", hidden, wide)):
            tensors |= {f"{layer}{name}.weight": [out, into], f"{layer}{name}.bias": [out]}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            tensors |= {f"{layer}{name}.weight": [hidden], f"{layer}{name}.bias": [hidden]}
    header, end = {}, 0
    for name, shape in tensors.items():
        size = {"F32": 4, "BF16": 2}[dtype] * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["BertModel"], "model_type": "bert", "hidden_size": hidden, "num_hidden_layers": layers,
        "num_attention_heads": hidden // 32, "intermediate_size": wide, "hidden_act": "gelu", "vocab_size": vocabulary,
        "max_position_embeddings": positions, "type_vocab_size": 2, "layer_norm_eps": 1e-12}))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += [f"w{number}" for number in range(vocabulary - len(words))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    return folder


class Command(unittest.TestCase):
    def test_prints_a_table_of_parts_and_their_sum(self):
        source = SOURCE / "examples/quickstart/models/demo-embed"
        done = subprocess.run([BIN / "berth", "estimate", source], capture_output=True, text=True, check=True)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0].split(), ["PART", "MEMORY"])
        self.assertEqual([line.split("  ")[0] for line in lines[1:]],
                         ["weights, in the file", "weights, own", "activations", "tokenizer", "requests", "runtime", "sum",
                          "memory"])

    def test_a_larger_batch_costs_activations_and_a_thread_its_buffers(self):
        source = SOURCE / "examples/quickstart/models/demo-embed"
        small, large = (estimate(source, "--max-tokens", tokens) for tokens in BATCHES)
        self.assertLess(part(small, "activations"), part(large, "activations"))
        self.assertLess(part(small, "runtime"), part(estimate(source, "--threads", 2), "runtime"))

    def test_a_language_model_has_a_cache(self):
        found = estimate(CHAT)
        self.assertEqual((found["kind"], found["max_tokens"]), ("llm", 512))
        self.assertGreater(part(found, "kv_cache"), 0)

    def test_a_model_it_cannot_estimate_is_a_failure_that_says_why(self):
        with tempfile.TemporaryDirectory(prefix="berth-it-") as folder:
            Path(folder, "config.json").write_text('{"architectures": ["GemmaForCausalLM"], "model_type": "gemma"}')
            for source, word in ((SOURCE / "examples", "config.json"), (folder, "GemmaForCausalLM")):
                done = subprocess.run([BIN / "berth", "estimate", source], capture_output=True, text=True, check=False)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(word, done.stderr)


@unittest.skipIf(os.environ.get("BERTH_TEST_SLOWDOWN", "1") != "1", "a sanitizer's own memory is in no estimate")
class Measured(unittest.TestCase):
    def check(self, name, source, tokens):
        """One replica whose budget is the estimate, after batches of many shapes."""
        found = estimate(source, "--max-tokens", tokens)
        with Daemon(model("m", source=str(source), memory=None, batching={"max_tokens": tokens}),
                    worker="berth-worker") as berth:
            longest = berth.admin("GET", "/v1/models/m").json()["capabilities"]["context"]
            rng = random.Random(tokens)
            for _ in range(30):
                inputs = [[rng.randrange(40)] * rng.randint(1, longest - 2) for _ in range(rng.choice((1, 3, 8)))]
                self.assertEqual(berth.embed("m", inputs).status, 200)
            replica = self.after_a_beat(berth)
            self.assertEqual(replica["estimate_bytes"], found["estimate_bytes"])
            self.assertEqual(replica["memory_bytes"], found["memory_bytes"])
            self.assertEqual(replica["weights_mapped_bytes"] or 0, part(found, "weights_mapped"))
            self.assertEqual(replica["weights_bytes"] or 0, part(found, "weights"))
            peak, counted = replica["measured_peak_bytes"], replica["counted_peak_bytes"]
        print(f"\n{name}, batches of {tokens}: estimate {found['estimate_bytes'] / MIB:.1f} MiB, measured peak "
              f"{peak / MIB:.1f} MiB")
        self.assertLessEqual(counted, part(found, "weights") + part(found, "activations") + part(found, "requests"))
        self.assertLessEqual(peak, found["estimate_bytes"])
        self.assertLessEqual(found["estimate_bytes"], FACTOR * peak + CONSTANT)

    def test_a_language_model(self):
        """As many sequences as run at once, of a quarter of the context. In time the cache fills what its budget leaves."""
        found = estimate(CHAT)
        with Daemon(model("m", kind="llm", source=str(CHAT), memory=None), worker="berth-worker") as berth:
            context = berth.admin("GET", "/v1/models/m").json()["capabilities"]["context"]
            half = context // 8
            body = {"model": "m", "prompt": [[7] * half] * 64, "max_tokens": half, "ignore_eos": True}
            self.assertEqual(berth.request("POST", "/v1/completions", body, timeout=120).status, 200)
            replica = self.after_a_beat(berth)
        self.assertEqual(context, 512)
        self.assertEqual(replica["estimate_bytes"], found["estimate_bytes"])
        self.assertEqual(replica["memory_bytes"], found["memory_bytes"])
        self.assertEqual(replica["weights_bytes"] or 0, part(found, "weights"))
        peak = replica["measured_peak_bytes"]
        print(f"\ndemo-chat: estimate {found['estimate_bytes'] / MIB:.1f} MiB, measured peak {peak / MIB:.1f} MiB")
        self.assertLessEqual(peak, found["estimate_bytes"])
        self.assertGreaterEqual(3 * peak, found["estimate_bytes"])

    def after_a_beat(self, berth):
        """The replica as it has reported itself since now."""
        now = time.monotonic()
        wait_until("a beat", lambda: berth.replicas()[0]["beat_age_seconds"] < time.monotonic() - now)
        return berth.replicas()[0]

    def check_batches(self, name, source):
        for tokens in BATCHES:
            with self.subTest(name, tokens=tokens):
                self.check(name, source, tokens)

    def test_a_model_of_kilobytes(self):
        self.check_batches("tiny", SOURCE / "tests/golden/encoders/bert-embedding")

    def test_a_real_model(self):
        self.check_batches("bert-mini-sts", need_data("models", "bert-mini-sts"))

    def test_weights_that_are_widened(self):
        with tempfile.TemporaryDirectory(prefix="berth-it-") as folder:
            self.check_batches("bf16", write_bert(Path(folder) / "bf16", 384, 2, 512, 30522, "BF16"))


class Plans(unittest.TestCase):
    def test_a_plan_without_memory_is_served_and_reserves_the_estimate(self):
        source = SOURCE / "examples/quickstart/models/demo-embed"
        found = estimate(source)
        with Daemon(model("m", source=str(source), memory=None, replicas=2), worker="berth-worker") as berth:
            self.assertEqual(berth.embed("m").status, 200)
            ledger = berth.admin("GET", "/v1/ledger").json()
            self.assertEqual([one["bytes"] for one in ledger["reservations"]], [found["memory_bytes"]] * 2)
            plan = berth.admin("GET", "/v1/plan").json()
            self.assertEqual(plan["estimates"][0]["estimate_bytes"], found["estimate_bytes"])
            self.assertIn("(the estimate)", plan["text"])
            self.assertEqual(berth.metric("berth_device_memory_estimated_bytes", model="m"), 2 * found["estimate_bytes"])
            self.assertIn("ESTIMATE", berth.berth("ps").stdout)

    def test_weights_that_replicas_map_are_reserved_once_until_the_last_is_gone(self):
        source = SOURCE / "tests/golden/encoders/bert-embedding"  # float32: mapped as it is
        mapped = part(estimate(source), "weights_mapped")
        self.assertGreater(mapped, 0)
        models = (model(name, source=str(source), memory="192MiB", replicas=count) for name, count in (("a", 2), ("b", 1)))
        with Daemon(*models, worker="berth-worker") as berth, tempfile.TemporaryDirectory(prefix="berth-it-") as folder:
            def ledger():
                return berth.admin("GET", "/v1/ledger").json()
            def reserved():
                return ledger()["devices"][0]["reserved_bytes"]
            self.assertEqual(ledger()["weights"], [{"device": "cpu", "models": ["a", "b"], "bytes": mapped}])
            self.assertEqual(reserved(), 3 * 192 * MIB + mapped)
            metrics = [berth.metric("berth_device_memory_reserved_bytes", device="cpu", model=name) for name in ("a", "b")]
            self.assertEqual(metrics, [2 * 192 * MIB + mapped, 192 * MIB])
            self.assertIn("weights", berth.berth("ledger").stdout)
            self.assertIn("a, b: weights", berth.admin("GET", "/v1/plan").json()["text"])
            berth.berth("stop", "a", "--wait")
            self.assertEqual(reserved(), 192 * MIB + mapped)
            berth.berth("stop", "b", "--wait")
            self.assertEqual((reserved(), ledger()["weights"]), (0, []))
            self.check_that_they_count(berth, Path(folder), 3 * 192 * MIB + mapped)

    def check_that_they_count(self, berth, folder, needed):
        """The same plan on a device with room for all of it, and with one byte less."""
        for size, code in ((needed, 0), (needed - 1, 1)):
            done = subprocess.run([BIN / "berth", "plan", berth.plan_path, "--device", f"cpu={size}B"], capture_output=True,
                                  text=True, check=False, cwd=folder)
            self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn("weights of a", done.stderr)

    def test_a_budget_below_the_estimate_is_said_at_the_start(self):
        source = SOURCE / "examples/quickstart/models/demo-embed"
        daemon = Daemon(model("m", source=str(source), memory="64MiB"), worker="berth-worker")
        with daemon.start(wait_ready=False) as berth:
            berth.wait_log(r'model "m": its memory of 64 MiB is below the estimate of ')


if __name__ == "__main__":
    unittest.main(verbosity=2)
