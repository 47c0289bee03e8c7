// The official OpenAI client in a conversation: `node chat.mjs BASE_URL MODEL MESSAGES`, the last as JSON.
// Prints what it got as one JSON object; the Python side compares.
import OpenAI from "openai";

const [, , baseURL, model, conversation] = process.argv;
const client = new OpenAI({ baseURL, apiKey: "unused", maxRetries: 0, timeout: 60_000 });
const messages = JSON.parse(conversation);
const chat = (more) => client.chat.completions.create({ model, messages, temperature: 0, ...more });

// The parts of each choice put together, in the order in which they came.
async function streamed(stream) {
  const texts = [], reasons = [];
  let chunks = 0, usage = null;
  for await (const chunk of stream) {
    chunks++;
    usage = chunk.usage ?? usage;
    for (const { index, delta, finish_reason } of chunk.choices) {
      texts[index] = (texts[index] ?? "") + (delta.content ?? "");
      if (finish_reason) reasons[index] = finish_reason;
    }
  }
  return { texts, reasons, chunks, usage };
}

const whole = await chat({});
const stream = await streamed(await chat({ stream: true, stream_options: { include_usage: true } }));
const helper = await client.chat.completions.stream({ model, messages, temperature: 0 }).finalContent();
const logprobs = await chat({ logprobs: true, top_logprobs: 2 });
const seeded = { n: 3, seed: 11, temperature: 1 };
const several = await chat(seeded);
const again = await streamed(await chat({ ...seeded, stream: true }));
const other = await chat({ ...seeded, seed: 12 });
const stopped = await chat({ stop: [" forest", " never said"] });
const limited = await chat({ max_completion_tokens: 5 });

// Left in mid-stream, and a reply that is given up before it comes.
let seen = 0;
const controller = new AbortController();
try {
  const left = await client.chat.completions.create(
    { model, messages, temperature: 1, stream: true, ignore_eos: true, max_tokens: 400, n: 4 }, { signal: controller.signal });
  for await (const _ of left) if (++seen === 3) controller.abort();
} catch (error) {
  if (!(error instanceof OpenAI.APIUserAbortError)) throw error;
}

console.log(JSON.stringify({ whole, stream, helper, logprobs, several, again, other, stopped, limited, seen }));
