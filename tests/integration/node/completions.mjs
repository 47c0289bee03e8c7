// The official OpenAI client against a language model: `node completions.mjs BASE_URL MODEL`.
// Prints what it got as one JSON object; the Python side compares.
import OpenAI from "openai";

const [, , baseURL, model] = process.argv;
const client = new OpenAI({ baseURL, apiKey: "unused", maxRetries: 0, timeout: 60_000 });
const messages = [{ role: "user", content: "Once upon a time" }];
const chat = (more) => client.chat.completions.create({ model, messages, max_tokens: 12, ...more });
const completion = (more) => client.completions.create({ model, prompt: "Once upon a time", max_tokens: 12, temperature: 0, ...more });

async function refusal(asked) {
  try {
    await asked();
  } catch (error) {
    return { name: error.constructor.name, status: error.status, code: error.code, param: error.param, type: error.type };
  }
  return null;
}

// All events of a stream, and the text of its first choice.
async function streamed(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  const text = chunks.map((one) => one.choices[0]?.delta?.content ?? one.choices[0]?.text ?? "").join("");
  return { text, chunks };
}

const whole = await chat({ temperature: 0 });
const stream = await streamed(await chat({ temperature: 0, stream: true, stream_options: { include_usage: true } }));
const logprobs = await chat({ temperature: 0, logprobs: true, top_logprobs: 3 });
const three = await chat({ n: 3, temperature: 1, seed: 7 });
const again = await chat({ n: 3, temperature: 1, seed: 7 });
const newer = await client.chat.completions.create({ model, messages, max_completion_tokens: 3, temperature: 0 });

const plain = await completion({});
const plainStream = await streamed(await completion({ stream: true }));
const [firstWord] = plain.choices[0].text.trim().split(/\s+/).slice(1);
const stopped = await completion({ stop: [firstWord] });
const scored = await completion({ logprobs: 2, echo: true });
const list = await completion({ prompt: ["Once upon a time", "One day"], n: 2, seed: 1, temperature: 1 });

// A client that has seen enough: the connection is closed in mid-stream.
const endless = await client.completions.create({ model, prompt: "Once", max_tokens: 400, stream: true, ignore_eos: true });
let seen = 0;
for await (const _ of endless) if (++seen === 3) break;

console.log(JSON.stringify({
  whole, stream, logprobs, three, again, newer, plain, plainStream, firstWord, stopped, scored, list, seen,
  refused: {
    range: await refusal(() => chat({ temperature: 3 })),
    context: await refusal(() => completion({ max_tokens: 512 })),
    tools: await refusal(() => chat({ tool_choice: "required", tools: [{ type: "function", function: { name: "f" } }] })),
    route: await refusal(() => client.embeddings.create({ model, input: "x" })),
    stream: await refusal(() => chat({ stream: true, n: 0 })),
  },
}));
