// The official OpenAI client with audio: `node transcriptions.mjs BASE_URL MODEL AUDIO NOT_AUDIO`, the last two are files.
// The model is named in the form alone. Prints what it got as one JSON object; the Python side compares.
import fs from "node:fs";
import OpenAI from "openai";

const [, , baseURL, model, audio, text] = process.argv;
const client = new OpenAI({ baseURL, apiKey: "unused", maxRetries: 0, timeout: 60_000 });
// One temperature, and a language: the same request has the same transcript, and nothing is tried twice.
const ask = (more) => client.audio.transcriptions.create(
  { model, file: fs.createReadStream(audio), language: "en", temperature: 0.5, ...more });

const json = await ask({});
const plain = await ask({ response_format: "text" });
const srt = await ask({ response_format: "srt" });
const vtt = await ask({ response_format: "vtt" });
const verbose = await ask({ response_format: "verbose_json", timestamp_granularities: ["word", "segment"] });

const events = [];
for await (const event of await ask({ stream: true })) events.push(event);

const translation = await client.audio.translations.create(
  { model, file: fs.createReadStream(audio), temperature: 0.5, response_format: "verbose_json" });

let refused;
try {
  await ask({ file: fs.createReadStream(text) });
} catch (error) {
  refused = { bad: error instanceof OpenAI.BadRequestError, status: error.status, code: error.code, param: error.param,
              type: error.type };
}

console.log(JSON.stringify({ json, plain, srt, vtt, verbose, events, translation, refused }));
