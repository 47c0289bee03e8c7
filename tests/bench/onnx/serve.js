// The peer of the embedding benchmark: onnxruntime in this process, as a library is used, without HTTP, text or
// tokenizer. Reads one JSON object per line from stdin and answers each with one line:
//   {"ids": [[…], …]}                       → {"hidden": [...]}  of the first sequence
//   {"ids": [[…], …], "seconds": S}         → {"runs", "seconds"} of that batch again and again
// Usage: node serve.js MODEL.onnx THREADS, in the folder that has node_modules.
'use strict';
const path = require('path');
const readline = require('readline');
const ort = require(require.resolve('onnxruntime-node', { paths: [process.cwd()] }));

const whole = (rows, value) => {
  const [batch, tokens] = [rows.length, rows[0].length];
  const data = new BigInt64Array(batch * tokens);
  rows.forEach((row, i) => row.forEach((id, j) => { data[i * tokens + j] = value === undefined ? BigInt(id) : value; }));
  return new ort.Tensor('int64', data, [batch, tokens]);
};

const now = () => Number(process.hrtime.bigint()) / 1e9;

async function answer(session, { ids, seconds }) {
  const feeds = { input_ids: whole(ids), attention_mask: whole(ids, 1n), token_type_ids: whole(ids, 0n) };
  if (seconds === undefined) {
    const { hidden } = await session.run(feeds);
    return { hidden: Array.from(hidden.data.slice(0, hidden.dims[1] * hidden.dims[2])) };
  }
  const begin = now();
  let runs = 0;
  do {
    const { hidden } = await session.run(feeds);
    hidden.dispose();
    ++runs;
  } while (now() - begin < seconds);
  return { runs, seconds: now() - begin };
}

async function main() {
  const [model, threads] = process.argv.slice(2);
  const session = await ort.InferenceSession.create(path.resolve(model), {
    intraOpNumThreads: Number(threads), interOpNumThreads: 1, executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(session, JSON.parse(line))) + '\n');
  }
}

main().catch((error) => { console.error(error); process.exit(1); });
