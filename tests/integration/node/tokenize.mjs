// `node tokenize.mjs DIR` does with Hugging Face's tokenizer in JavaScript what tokenizer-probe does with ours:
// one JSON object {"text": …, "pair": …} a line comes in on stdin, one a line goes out.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Tokenizer } from "@huggingface/tokenizers";

const [, , dir] = process.argv;
const read = (name) => JSON.parse(readFileSync(`${dir}/${name}`, "utf8"));
// The clean-up of the decoder in tokenizer.json is the original's; the one of the configuration is a second one on
// top, which belongs to another library.
const tokenizer = new Tokenizer(read("tokenizer.json"), { clean_up_tokenization_spaces: false });

// It takes no ids at all for a mistake.
const decode = (ids, skip_special_tokens) => ids.length === 0 ? "" : tokenizer.decode(ids, { skip_special_tokens });

for await (const line of createInterface({ input: process.stdin })) {
  const { text, pair } = JSON.parse(line);
  const { ids } = tokenizer.encode(text);
  const both = tokenizer.encode(text, { text_pair: pair, return_token_type_ids: true });
  const second = both.token_type_ids?.indexOf(1) ?? -1;
  console.log(JSON.stringify({
    ids,
    plain: tokenizer.encode(text, { add_special_tokens: false }).ids,
    decoded: decode(ids, false),
    decoded_plain: decode(ids, true),
    pair: both.ids,
    second: second < 0 ? both.ids.length : second,
  }));
}
