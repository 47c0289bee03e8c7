"""Audio through the real worker behind the real daemon: a Whisper of random weights with the published tokenizer, whose text
means nothing; what is tested is that every form of request gets its reply, and the same one again."""

import concurrent.futures
import http.client
import json
import os
import random
import re
import shutil
import struct
import subprocess
import tempfile
import unittest
import uuid
import wave
from array import array
from pathlib import Path

from harness import DEADLINE_S, SOURCE, Daemon, Answer, model, need_data

NODE_FOLDER = Path(os.environ.get("BERTH_NODE", SOURCE / "build/node"))
WIDTH, POSITIONS, CONTEXT, VOCABULARY = 16, 300, 100, 51865  # windows of 6 s, of 50 tokens
CONFIG = {"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper", "activation_function": "gelu",
          "d_model": WIDTH, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 32,
          "decoder_layers": 2, "decoder_attention_heads": 2, "decoder_ffn_dim": 32, "num_mel_bins": 80,
          "max_source_positions": POSITIONS, "max_target_positions": CONTEXT, "vocab_size": VOCABULARY}


def shapes():
    table = {"model.encoder.conv1.weight": (WIDTH, 80, 3), "model.encoder.conv1.bias": (WIDTH,),
             "model.encoder.conv2.weight": (WIDTH, WIDTH, 3), "model.encoder.conv2.bias": (WIDTH,),
             "model.encoder.embed_positions.weight": (POSITIONS, WIDTH),
             "model.decoder.embed_tokens.weight": (VOCABULARY, WIDTH),
             "model.decoder.embed_positions.weight": (CONTEXT, WIDTH)}
    for side, layers, attentions in (("encoder", 1, ("self_attn",)), ("decoder", 2, ("self_attn", "encoder_attn"))):
        for i in range(layers):
            at = f"model.{side}.layers.{i}."
            for name in attentions:
                for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                    table[f"{at}{name}.{part}.weight"] = (WIDTH, WIDTH)
                    if part != "k_proj":
                        table[f"{at}{name}.{part}.bias"] = (WIDTH,)
                table[f"{at}{name}_layer_norm.weight"] = table[f"{at}{name}_layer_norm.bias"] = (WIDTH,)
            table[at + "fc1.weight"], table[at + "fc1.bias"] = (32, WIDTH), (32,)
            table[at + "fc2.weight"], table[at + "fc2.bias"] = (WIDTH, 32), (WIDTH,)
            table[at + "final_layer_norm.weight"] = table[at + "final_layer_norm.bias"] = (WIDTH,)
        table[f"model.{side}.layer_norm.weight"] = table[f"model.{side}.layer_norm.bias"] = (WIDTH,)
    return table


def write_model(folder):
    source, header, data, offset = random.Random(11), {}, [], 0
    for name, shape in shapes().items():
        count = 1
        for size in shape:
            count *= size
        middle = 1 if "layer_norm.weight" in name else 0
        values = array("f", (middle + source.uniform(-0.6, 0.6) for _ in range(count)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + 4 * count]}
        data.append(values.tobytes())
        offset += 4 * count
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "generation_config.json").write_text(json.dumps({"alignment_heads": [[1, 0], [1, 1]]}))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(need_data("tokenizers/whisper.tiny", name), folder / name)


class Transcription(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.jfk = need_data("speech/jfk.wav").read_bytes()
        cls.folder = Path(tempfile.mkdtemp(prefix="berth-whisper-"))
        write_model(cls.folder)
        cls.berth = Daemon(model("ears", kind="speech", source=str(cls.folder), memory=None),
                           worker="berth-worker").start()

    @classmethod
    def tearDownClass(cls):
        cls.berth.__exit__(None)
        shutil.rmtree(cls.folder)

    def post(self, audio, path="/v1/audio/transcriptions", **fields):
        """A form as clients send it. One temperature: that every attempt is bad is nothing to wait for."""
        fields = {"temperature": "0.5", "language": "en", **fields}
        boundary = uuid.uuid4().hex
        parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
                 for name, value in {"model": "ears", **fields}.items() if value is not None]
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode() + audio +
                     f"\r\n--{boundary}--\r\n".encode())
        connection = http.client.HTTPConnection("127.0.0.1", self.berth.port, timeout=4 * DEADLINE_S)
        connection.request("POST", path, b"".join(parts), {"Content-Type": f"multipart/form-data; boundary={boundary}",
                                                           "X-Berth-Model": "ears"})
        try:
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def ask(self, audio, **fields):
        answer = self.post(audio, **fields)
        self.assertEqual(answer.status, 200, answer.body)
        return answer

    def test_verbose_json_has_every_field_and_words_in_order(self):
        answer = self.ask(self.jfk, response_format="verbose_json", **{"timestamp_granularities[]": "word"})
        found = answer.json()
        self.assertEqual((found["task"], found["language"], found["duration"]), ("transcribe", "english", 11.0))
        self.assertEqual(found["usage"], {"type": "duration", "seconds": 11})
        self.assertIn("x-inference-ms", answer.headers)
        starts = [word["start"] for word in found["words"]]
        self.assertEqual(starts, sorted(starts))
        segments = self.ask(self.jfk, response_format="verbose_json").json()["segments"]
        self.assertGreaterEqual(len(segments), 2, "windows are of 6 s, the audio has 11")
        for number, segment in enumerate(segments):
            self.assertEqual(set(segment), {"id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob",
                                            "compression_ratio", "no_speech_prob"})
            self.assertEqual((segment["id"], segment["temperature"]), (number, 0.5))
            self.assertLessEqual(segment["start"], segment["end"])
            self.assertLessEqual(segment["end"], 11.01)
            self.assertLess(segment["avg_logprob"], 0)

    def test_formats_are_of_the_same_transcript(self):
        text = self.ask(self.jfk).json()["text"]
        self.assertTrue(text)
        plain = self.ask(self.jfk, response_format="text")
        self.assertEqual(plain.body.decode().strip(), text)
        self.assertTrue(plain.headers["content-type"].startswith("text/plain"))
        self.assertTrue(self.ask(self.jfk, response_format="vtt").body.startswith(b"WEBVTT"))
        self.assertRegex(self.ask(self.jfk, response_format="srt").body.decode(), r"^1\n00:00:0")

    def test_a_stream_tells_the_same_text_piece_by_piece(self):
        text = self.ask(self.jfk).json()["text"]
        body = self.ask(self.jfk, stream="true").body.decode()
        events = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: ")]
        self.assertEqual({event["type"] for event in events}, {"transcript.text.delta", "transcript.text.done"})
        self.assertEqual("".join(event.get("delta", "") for event in events), text)
        self.assertEqual(events[-1]["text"], text)

    def test_the_same_audio_has_the_same_transcript_in_any_company(self):
        files = [self.jfk, need_data("speech/librispeech/1272-141231-0002.mp3").read_bytes(),
                 need_data("speech/jfk.flac").read_bytes(), self.second_of_tone()]
        alone = [self.ask(audio).json() for audio in files]
        self.assertNotEqual(alone[0], alone[1])
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual(list(pool.map(lambda audio: self.ask(audio).json(), files + files)), alone + alone)

    def test_without_a_language_one_is_found(self):
        found = self.ask(self.jfk, language=None, response_format="verbose_json").json()
        self.assertRegex(found["language"], r"^[a-z ]+$")

    def test_temperature_zero_climbs_the_ladder(self):
        """Random weights are never sure: the last of the temperatures is what remains."""
        second = self.second_of_tone()
        found = self.ask(second, temperature="0", response_format="verbose_json").json()
        for segment in found["segments"]:
            self.assertEqual(segment["temperature"], 1.0)

    def test_silence_is_an_empty_transcript(self):
        found = self.ask(self.wav([0] * 16000 * 8), response_format="verbose_json").json()
        self.assertEqual((found["text"], found["segments"], found["duration"]), ("", [], 8.0))

    def test_translations_have_their_route(self):
        answer = self.post(self.second_of_tone(), path="/v1/audio/translations", response_format="verbose_json")
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.json()["task"], "translate")

    def test_what_is_wrong_is_named(self):
        for audio, fields, param in ((b"this is no audio", {}, "file"), (self.jfk, {"language": "klingon"}, "language"),
                                     (self.jfk, {"response_format": "docx"}, "response_format"),
                                     (self.jfk, {"temperature": "3"}, "temperature")):
            answer = self.post(audio, **fields)
            self.assertEqual(answer.status, 400, answer.body)
            self.assertEqual(answer.json()["error"]["param"], param)

    def test_the_model_is_shown_with_its_routes(self):
        shown = self.berth.get("/v1/models/ears").json()
        self.assertEqual(shown["kind"], "speech")
        self.assertEqual(shown["capabilities"], ["/v1/audio/transcriptions", "/v1/audio/translations"])
        refused = self.berth.request("POST", "/v1/embeddings", {"model": "ears", "input": "x"})
        self.assertEqual(refused.status, 404)
        self.assertIsNotNone(re.search("writes down speech|transcriptions", refused.body.decode()))

    def test_official_openai_client(self):
        if not (NODE_FOLDER / "node_modules/openai").exists():
            self.skipTest("the OpenAI client is not installed (scripts/dev setup)")
        shutil.copy(SOURCE / "tests/integration/node/transcriptions.mjs", NODE_FOLDER)
        text = self.folder / "text.wav"
        text.write_text("this is no audio")
        done = subprocess.run(["node", "transcriptions.mjs", f"http://127.0.0.1:{self.berth.port}/v1", "ears",
                               str(need_data("speech/jfk.flac")), str(text)],
                              cwd=NODE_FOLDER, capture_output=True, text=True, timeout=8 * DEADLINE_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        got = json.loads(done.stdout)
        said = self.ask(need_data("speech/jfk.flac").read_bytes()).json()["text"]
        self.assertEqual((got["json"]["text"], got["plain"].strip(), got["verbose"]["text"]), (said, said, said))
        self.assertGreater(len(got["events"]), 2, "it comes in parts: windows are of 6 s, the audio has 11")
        self.assertEqual("".join(event["delta"] for event in got["events"][:-1]), said)
        self.assertEqual((got["events"][-1]["type"], got["events"][-1]["text"]), ("transcript.text.done", said))
        self.check_subtitles(got)
        self.assertEqual(got["verbose"]["duration"], 11.0)
        self.assertEqual((got["translation"]["task"], got["translation"]["duration"]), ("translate", 11.0))
        self.assertEqual(got["refused"], {"bad": True, "status": 400, "code": "invalid_audio", "param": "file",
                                          "type": "invalid_request_error"})

    def check_subtitles(self, got):
        """Both granularities were asked for, and both kinds of subtitles have a cue for each segment that says something."""
        self.assertTrue(got["verbose"]["words"])
        spoken = [segment for segment in got["verbose"]["segments"] if segment["text"].strip()]
        self.assertTrue(spoken)
        self.assertTrue(got["vtt"].startswith("WEBVTT\n\n"))
        self.assertEqual([got[name].count(" --> ") for name in ("srt", "vtt")], [len(spoken)] * 2)

    def wav(self, samples):
        path = self.folder / f"{uuid.uuid4().hex}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes(array("h", samples).tobytes())
        return path.read_bytes()

    def second_of_tone(self):
        return self.wav([8000 if i // 40 % 2 else -8000 for i in range(16000)])


if __name__ == "__main__":
    unittest.main()
