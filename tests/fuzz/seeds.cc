// Writes the inputs from which fuzzing begins: `fuzz-seeds SOURCE OUT` puts a folder per fuzzer below OUT, made from the
// tables and golden files of the tests. They are a beginning, not the corpus: that is kept, minimised, in corpus/.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string>
#include <string_view>

#include "tests/support/malformed_requests.h"

namespace berth::fuzz {
namespace {

using namespace std::string_literals;

class Seeds {
 public:
  Seeds(std::filesystem::path out, std::string name) : folder_(std::move(out) / name) {
    std::filesystem::create_directories(folder_);
  }
  void Add(const std::string& bytes) {
    std::ofstream(folder_ / ("seed-" + std::to_string(++count_)), std::ios::binary) << bytes;
  }
  void AddAll(const std::string& prefix, std::initializer_list<std::string> list) {
    for (const std::string& bytes : list) Add(prefix + bytes);
  }

 private:
  std::filesystem::path folder_;
  int count_ = 0;
};

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

void Plans(const std::filesystem::path& source, Seeds seeds) {
  for (const char* folder : {"good", "bad"}) {
    for (const auto& file : std::filesystem::directory_iterator(source / "tests/golden/plans" / folder)) {
      if (file.path().extension() == ".yaml" && file.file_size() < 16 * 1024) seeds.Add(ReadFile(file.path()));
    }
  }
  seeds.Add(ReadFile(source / "config/full.yaml"));
}

void Requests(Seeds seeds) {
  seeds.AddAll("", {"GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n",
                    "POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Length: 5\r\n\r\nhelloGET",
                    "POST /a?b=c HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                    "GET http://h/a?b HTTP/1.1\r\nHost: h\r\nConnection: close, x-y\r\nX-Y: z\r\n\r\n",
                    "OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                    "PUT / HTTP/1.1\r\nhost:h\r\nExpect: 100-continue\r\nX-Forwarded-For: a\r\ncontent-length:3\r\n\r\nabc"});
  for (const auto& request : testing::kMalformedRequests) {
    const std::string bytes = testing::BytesOf(request);
    if (bytes.size() <= 4096) seeds.Add(bytes);
  }
}

void Responses(Seeds seeds) {
  seeds.AddAll("\x02", {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n",
                        "HTTP/1.0 200 \r\n\r\nuntil close", "HTTP/1.1 204 No Content\r\n\r\n",
                        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                        "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", "HTTP/1.1 500 \xff\r\nx-y:z\r\n\r\n",
                        "HTTP/1.1 429 Too Many\r\nRetry-After: 3\r\nConnection: retry-after\r\n\r\n"});
  seeds.Add("\x01HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"s);
  seeds.Add("\0\x04\0\0code\nmessage \"x\"\nparam\nvalue\0other\r\nvalue"s);
  seeds.Add("\0\0\x01\x01{\"a\": 1}\nvalue"s);
}

void Bodies(Seeds seeds) {
  seeds.AddAll("\x02\x03", {"5\r\nhello\r\n0\r\n\r\n", "5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\nGET", "A\r\n0123456789\r\n",
                            "0005 ;x\r\nhello\r\n0\r\n\r\n", "1\r\na\r\nffffffffffffffff\r\n"});
  for (const auto& request : testing::kMalformedRequests) {
    const std::string bytes = testing::BytesOf(request);
    const auto body = bytes.find("\r\n\r\n");
    if (bytes.size() <= 4096 && bytes.find("chunked\r\n\r\n") != std::string::npos) {
      seeds.Add("\x02\x01" + bytes.substr(body + 4));
    }
  }
  seeds.Add("\x01\x02\x05hello, world"s);
  seeds.Add("\x03\x02until close"s);
  seeds.Add("\x07\x01some payload that is framed"s);
}

constexpr const char* kBeat =
    R"({"type":"beat","steps":5,"begun":2,"memory":{"rss_anon":1,"vm_data":2,"peak_rss":3},)"
    R"("counters":{"prompt_tokens_total":5,"other":1.5,"finish_total/stop":2,"finish_total/rude":1},)"
    R"("gauges":{"kv_blocks/used":17,"kv_usage_ratio":0.25,"replica_up":1},)"
    R"("histograms":{"batch_size":{"bounds":[1,2,4,8,16,32,64,128,256,512],"counts":[1,0,0,0,0,0,0,0,0,0,0],"sum":1}}})";

void Control(Seeds seeds) {
  const std::string memory = R"({"rss_anon":1,"vm_data":2,"peak_rss":3})";
  seeds.AddAll("0", {R"({"type":"hello","protocol":1,"build":"berth-worker 0.1.0"})"s + "\n" +
                         R"({"type":"loading","stage":"weights","fraction":0.5})" + "\n" + kBeat,
                     R"({"type":"ready","capabilities":{"kind":"embedding","context":512,"dimensions":384,"routes":["/v1/embeddings"]},"window":16,"memory":)" +
                         memory + "}",
                     R"({"type":"failed","reason":"no \"weights\"","permanent":true})", R"({"type":"drained"})", kBeat});
  seeds.AddAll("1", {R"({"type":"start","protocol":1,"name":"bge","replica":0,"kind":"embedding","source":"/m","device":"cpu",)"
                     R"("budget_bytes":1073741824,"threads":2,"batch_max_tokens":16384,"batch_max_delay_us":2000,)"
                     R"("matryoshka":false,"max_body_bytes":8388608})",
                     R"({"type":"drain","deadline_ms":2500})"});
  seeds.AddAll("2", {"the weights \xff\xfe are no good\n", std::string(9000, '\x01')});
}

void Claims(Seeds seeds) {
  seeds.AddAll(".", {"3.7", "0.1", "65535.4611686018427387903", "65536.1", "1.0", "01.2", "-1.5"});
  seeds.Add("\x03\0\0\0\x02\0\x01\x01\x03\0\x06\0\x05\0"s);
  seeds.Add("\x01\0\x04\0\x02\x01\0\x03\0\0\x02\0\x06"s);
  seeds.Add("\x02\0\0\0\x04\x01\0\xff\xff\xff\xff\xff\xff\xff\xff\x06\x01\0\x03\0\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0"s);
}

void Admin(Seeds seeds) {
  const std::string tail = " HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const char* target :
       {"GET /v1/status", "GET /v1/models", "GET /v1/models/bge", "GET /v1/models/org%2Fchat", "GET /v1/devices",
        "GET /v1/ledger", "GET /v1/plan", "GET /v1/events?since=0&tail=5", "GET /v1/events?follow=1",
        "GET /v1/models/odd/logs/logs?tail=1&follow=1", "GET /v1/models/bge/logs?previous=1", "POST /v1/shutdown",
        "POST /v1/models/bge/start?wait=1.5", "POST /v1/models/text-embedding-3-small/stop",
        "POST /v1/models/bge/restart?wait=0", "HEAD /v1/status", "GET /v1/models/none", "DELETE /v1/models/bge"}) {
    seeds.Add("\x01\x04"s + target + tail);
  }
  seeds.Add("\x02\x08GET /v1/status"s + tail + "POST /v1/models/bge/start" + tail + "GET /nothing" + tail);
  seeds.Add("\x04\x09POST /v1/models/bge/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}GET /v1/status" + tail);
  seeds.Add("\x08\x05POST /v1/shutdown HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n2\r\n{}\r\n0\r\n\r\n"s);
  seeds.Add("\x08\x05GET /v1/events?follow=1 HTTP/1.0\r\n\r\n"s);
}

void GenerationRequests(Seeds seeds) {
  seeds.AddAll("\x02\x02", {R"({"model":"m","prompt":"a","max_tokens":5,"temperature":0.5,"stop":["b","c"],"seed":7})",
                            R"({"prompt":["a","b"],"n":2,"best_of":3,"logprobs":5,"echo":true,"logit_bias":{"3":-100}})",
                            R"({"prompt":[1,2,3],"stream":true,"stream_options":{"include_usage":true},"suffix":""})",
                            R"({"prompt":[[1],[2,9]],"min_tokens":1,"ignore_eos":true,"stop_token_ids":[1],"top_k":-1})"});
  seeds.AddAll(
      "\x01\x01",
      {R"({"messages":[{"role":"user","content":"hi"}],"max_completion_tokens":3,"logprobs":true,"top_logprobs":2})",
       R"({"messages":[{"role":"system","content":[{"type":"text","text":"s"}]},{"role":"user","content":"u"}],"n":2,
           "tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":"auto"})",
       R"({"messages":[{"role":"user","content":"u"},{"role":"assistant","content":" so far "}],
           "continue_final_message":true,"chat_template_kwargs":{"enable_thinking":false},"documents":[{"text":"d"}]})",
       R"({"messages":[{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f",
           "arguments":"{}"}}]},{"role":"tool","content":"4","tool_call_id":"1"}],"response_format":{"type":"text"}})"});
}

void JsonRequests(Seeds seeds) {
  seeds.AddAll("0\x1e", {R"({"model":"bge","input":"hello world"})", R"({"input":["hello","worlds"],"dimensions":4,"truncate":true})",
                         R"({"input":[5,6,7],"encoding_format":"base64","user":"u"})", R"({"input":[[5],[6,7]],"normalize":false})",
                         R"({"input":"hello","input_type":"query","truncation_direction":"left"})",
                         R"({"input":"hello","prompt_name":"query"})", R"({"model":"a","mod\u0065l":"b"})", R"({"timeout_ms":5,"input":"x"})"});
  seeds.AddAll("1\x03", {R"({"inputs":"hello world: worlds","truncate":true})", R"({"inputs":["a",null]})"});
  seeds.AddAll("2\x00"s, {R"({"prompt":"hello","add_special_tokens":false,"return_token_strs":true})", R"({"text":"hello"})"});
  seeds.AddAll("3\x00"s, {R"({"tokens":[2,5,7,3]})", R"({"tokens":[10]})"});
  for (const char* route : {"4\x10", "5\x11", "6\x30"}) {
    seeds.AddAll(route, {R"({"query":"hello","documents":["world",{"text":"hello worlds"}],"top_n":1,"truncate":true})",
                         R"({"query":"hello","texts":["world","worlds"],"raw_scores":true,"return_text":true})",
                         R"({"query":"hello","documents":["hello world : hello"],"max_tokens_per_doc":1})",
                         R"({"query":"hello","documents":["a"],"rank_fields":["x"]})"});
  }
}

void BodyModels(Seeds seeds) {
  seeds.AddAll("", {R"({"model":"m"})", R"( { "a" : [1, -2.5e+3, 0, {"model":"inner"}], "model" : "m" } )",
                    R"({"model":"a\/b\u00e9"})", R"({"mod\u0065l":"m","timeout_ms":1})", R"({"timeout_ms":null})",
                    R"({"a":"\ud83d\ude00\ud800"})", R"({"a":1e999})", "\xEF\xBB\xBF{}", "{\"a\":\"\xff\"}", R"({"timeout_ms":86400001})"});
}

void Safetensors(Seeds seeds) {
  seeds.Add("\0{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}\0"s + "12345678");
  seeds.Add("\0{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"BF16\",\"shape\":[1,3],\"data_offsets\":[0,6]},"s +
            "\"b\":{\"dtype\":\"BOOL\",\"shape\":[],\"data_offsets\":[6,7]}}\0"s + "1234567");
  seeds.Add("\0{\"a\":{\"dtype\":\"I64\",\"shape\":[0,72057594037927936],\"data_offsets\":[0,0]}}\0"s);
  seeds.Add("\x01\x02\0\0\0\0\0\0\0{}"s);
  seeds.Add("\x01\xff\xff\xff\xff\xff\xff\xff\x7f{}"s);
}

constexpr const char* kTokenizer =
    R"({"added_tokens":[{"id":0,"content":"[UNK]","special":true},{"id":9,"content":"<x>","lstrip":true,"rstrip":true,)"
    R"("single_word":true,"normalized":false}],"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},)"
    R"({"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},)"
    R"({"type":"Replace","pattern":{"String":"a"},"content":"bb"},{"type":"Prepend","prepend":"x"},{"type":"Strip"}]},)"
    R"("pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":{"type":"TemplateProcessing","single":[)"
    R"({"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"special_tokens":{"[CLS]":)"
    R"({"id":"[CLS]","ids":[1],"tokens":["[CLS]"]}}},"decoder":{"type":"WordPiece","prefix":"##","cleanup":true},)"
    R"("model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,)"
    R"("vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"h":3,"##ello":4,"world":5,"b":6,"##b":7,"12":8}}})";

void Tokenizers(Seeds seeds) {
  const std::string vocab = R"("model":{"type":"WordPiece","unk_token":"u","vocab":{"u":0,"a":1,"##a":2}}})";
  seeds.Add("0"s + kTokenizer + "\0hello <x> world"s);
  seeds.Add("0{" + vocab + "\0aaa a"s);
  for (const char* type : {"Whitespace", "WhitespaceSplit", "Punctuation", "Digits"}) {
    seeds.Add("0{\"pre_tokenizer\":{\"type\":\"" + std::string(type) + "\"}," + vocab + "\0a1, a"s);
  }
  seeds.Add("0{\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"a\",1],\"sep\":[\"u\",0]}," + vocab + "\0a"s);
  const std::string words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n##s\n";
  seeds.Add("1{}\0"s + words + "\0Hello worlds"s);
  const std::string bpe =
      R"("model":{"type":"BPE","unk_token":"u","fuse_unk":true,"byte_fallback":true,"vocab":{"u":0,"a":1,"b":2,"ab":3,"\u0120":4,"\u2581":5,"\u2581a":6,"<0xC3>":7,"<0xA9>":8},"merges":["a b",["\u2581","a"]]}})";
  const std::string llama =
      R"("decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"\u2581"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":1}]},)";
  seeds.Add("0{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"decoder\":{\"type\":\"ByteLevel\"}," + bpe + "\0ab a\xc3\xa9"s);
  seeds.Add("0{" + llama + R"("pre_tokenizer":{"type":"Metaspace","prepend_scheme":"first","split":true},)" + bpe +
            "\0ab a\xc3\xa9\xe4"s);
  seeds.Add(R"x(0{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(?i:'s)|\\p{L}+|\\s+(?!\\S)"},"behavior":"Removed","invert":true},)x" +
            bpe + "\0ab's  a"s);
  seeds.Add(R"(2{"tokenizer_class":"Qwen2Tokenizer","added_tokens_decoder":{"5":{"content":"<x>","special":true}}})"s + "\0"s +
            R"({"a":0,"b":1,"ab":2,"\u0120":3,"\u0120ab":4})" + "\0a b\n\u0120 ab\n\0ab ab<x>"s);
  seeds.Add("3{}\0\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02\x0a\x07\x0a\x03<s>\x18\x03\x0a\x08\x0a\x01"s +
            "a\x15\0\0\0\xbf\x0a\x09\x0a\x02"s + "aa\x15\0\0\0\0\x12\x02\x18\x02\x1a\x02\x20\0"s);
  seeds.Add("1{\"do_lower_case\":false,\"tokenizer_class\":\"BertTokenizer\"}\0"s + words + "\0hello"s);
}

void ModelConfigs(Seeds seeds) {
  const std::string bert =
      R"({"architectures":["BertModel"],"model_type":"bert","vocab_size":30522,"hidden_size":384,"num_hidden_layers":6,)"
      R"("num_attention_heads":12,"intermediate_size":1536,"max_position_embeddings":512,"type_vocab_size":2,)"
      R"("hidden_act":"gelu","layer_norm_eps":1e-12})";
  const std::string modules =
      R"([{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},)"
      R"({"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"},)"
      R"({"idx":2,"name":"2","path":"2_Normalize","type":"sentence_transformers.models.Normalize"}])";
  const std::string pooling = R"({"word_embedding_dimension":384,"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false})";
  const std::string index = R"({"metadata":{},"weight_map":{"a":"model-1.safetensors","b":"../x"}})";
  seeds.Add(bert + "\0"s + modules + "\0"s + pooling + "\0"s + R"({"max_seq_length":256,"do_lower_case":true})" + "\0"s +
            R"({"prompts":{"query":"q: "},"default_prompt_name":"query"})" + "\0"s + index);
  seeds.Add(bert + "\0\0"s + R"({"pooling_mode":"mean","include_prompt":false})" + "\0\0\0"s);
  seeds.Add("\0"s + modules + "\0"s);
  for (const char* type : {"distilbert", "mpnet", "roberta"}) {
    seeds.Add(R"({"model_type":")"s + type + R"(","dim":8,"hidden_dim":16,"n_layers":1,"n_heads":2,"vocab_size":10,)" +
              R"("hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":16,)" +
              R"("max_position_embeddings":512,"activation":"gelu","hidden_act":"gelu"})");
  }
}

void Templates(Seeds seeds) {
  seeds.AddAll("", {
      "{% for m in messages %}{{ '<|' + m.role + '|>' }}{{- m['content'] | trim }}{% if not loop.last %},{% endif %}{% endfor %}",
      "{%- macro f(x, y=[1]) -%}{{ x|tojson(indent=2) }}{{ caller(y) }}{{ varargs }}{{ kwargs }}{%- endmacro -%}"
      "{% call(z) f(messages, *[2]) %}{{ z }}{% endcall %}",
      "{% set ns = namespace(a=0) %}{% for x in range(9) if x is odd recursive %}{% set ns.a = ns.a + x %}{{ loop([1]) }}"
      "{% else %}{% break %}{% endfor %}{{ ns.a ** 2 // 3 % 5 }}",
      "{{ 'a,b'.split(',')[::-1]|map('upper')|join('-') ~ '%05.2f|%s' % (1.5, none) ~ '{:>8}{a!r}'.format(1, a='x') }}",
      "{% raw %}{{ x }}{% endraw %}{# c #}{% set x | replace('a', 'b') %}a{% endset %}{% with y = x %}{{ y|indent(2)|title }}{% endwith %}",
      "{{ messages|selectattr('role', 'equalto', 'user')|sort(attribute='content')|groupby('role')|list }}{{ raise_exception('x') }}",
      "{% generation %}{% filter upper %}{{ bos_token|e }}{% endfilter %}{% endgeneration %}{{ {'a': (1, -2.5e3)}.items()|list }}"});
}

}  // namespace
}  // namespace berth::fuzz

int main(int argc, char** argv) {
  using namespace berth::fuzz;
  if (argc != 3) {
    std::fputs("usage: fuzz-seeds SOURCE OUT\n", stderr);
    return 64;
  }
  const std::filesystem::path out = argv[2];
  Plans(argv[1], {out, "plan"});
  Requests({out, "http_request"});
  Responses({out, "http_response"});
  Bodies({out, "http_body"});
  Control({out, "control"});
  Claims({out, "claims"});
  Admin({out, "admin"});
  JsonRequests({out, "requests"});
  GenerationRequests({out, "completions"});
  BodyModels({out, "body_model"});
  Safetensors({out, "safetensors"});
  Tokenizers({out, "tokenizer"});
  ModelConfigs({out, "model_config"});
  Templates({out, "template"});
  return 0;
}
