// The official OpenAI client against a Berth daemon: `node client.mjs BASE_URL MODEL`.
// Prints what it got as one JSON object; the Python side compares.
import OpenAI from "openai";

const [, , baseURL, model] = process.argv;
const client = new OpenAI({ baseURL, apiKey: "unused", maxRetries: 0, timeout: 20_000 });

const ids = [];
for await (const one of client.models.list()) ids.push(one.id);
const shown = await client.models.retrieve(model);
const single = await client.embeddings.create({ model, input: "a cat sits on the mat" });
const floats = await client.embeddings.create({ model, input: "a cat sits on the mat", encoding_format: "float" });
const many = await client.embeddings.create({ model, input: ["one", "two", "three"] });
let refused;
try {
  await client.embeddings.create({ model: "no-such-model", input: "x" });
} catch (error) {
  refused = { name: error.constructor.name, status: error.status, code: error.code, type: error.type };
}
console.log(JSON.stringify({
  ids,
  shown: shown.id,
  single: single.data[0].embedding,
  floats: floats.data[0].embedding,
  many: many.data.map((one) => one.embedding.length),
  usage: single.usage,
  refused,
}));
