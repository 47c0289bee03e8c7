// llama.cpp, by node-llama-cpp, on one model: does what tests/bench/llm.py asks for on standard input, a JSON object a
// line, and answers each with a line. {"prompts": [[ids], …], "tokens": n}: computes each prompt in a sequence of its own
// and n tokens after it, greedily, all sequences batched; the answer has the seconds.
import readline from "node:readline";
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

const [path, threads, contextSize, mostSequences] = process.argv.slice(2, 3).concat(process.argv.slice(3).map(Number));
const llama = await getLlama({gpu: false, build: "never", maxThreads: threads, logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath: path, useMmap: true});
const context = await model.createContext({contextSize, sequences: mostSequences, batchSize: 512,
                                           threads: {ideal: threads, min: threads}});

async function generate(sequence, prompt, tokens) {
  let count = 0;
  for await (const _ of sequence.evaluate(prompt, {temperature: 0, yieldEogToken: true})) {
    if (++count === tokens) break;
  }
}

async function run({prompts, tokens}) {
  const sequences = prompts.map(() => context.getSequence());
  const begin = process.hrtime.bigint();
  await Promise.all(sequences.map((sequence, i) => generate(sequence, prompts[i], tokens)));
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  for (const sequence of sequences) sequence.dispose();
  return {seconds};
}

console.log(JSON.stringify({ready: true}));
for await (const line of readline.createInterface({input: process.stdin})) {
  console.log(JSON.stringify(await run(JSON.parse(line))));
}
process.exit(0);
