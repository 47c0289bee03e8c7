// Decoder::Parse: tokenizer.json's "decoder".
#include "worker/checkpoint/json_fields.h"
#include "worker/text/decoder.h"
#include "worker/text/shared_steps.h"
#include "worker/text/step_reader.h"
#include "worker/text/utf8.h"

namespace berth::text {
namespace {

using checkpoint::JsonFields;

constexpr std::int64_t kStripLimit = 64;

class Parser {
 public:
  Status Add(const std::string& type, JsonFields& fields) {
    if (type == "Fuse") {
      fused_ = true;
    } else if (type == "Strip") {
      AddStrip(fields);
    } else if (type == "ByteLevel") {
      SetBytes(type, ByteRule::kByteLevel, fields);
      fused_ = true;  // its bytes are one text
    } else if (type == "ByteFallback") {
      SetBytes(type, ByteRule::kFallback, fields);
    } else if (type == "BPEDecoder") {
      AddWordEnd(fields);
    } else {
      AddTokenStep(type, fields);
    }
    return Ok();
  }

  Decoder TakeResult() { return Decoder(std::move(steps_), bytes_, std::move(ends_)); }

 private:
  void AddTokenStep(const std::string& type, JsonFields& fields) {
    if (type == "WordPiece") {
      WordPieceJoin step{fields.String("prefix", "##"), fields.Bool("cleanup", true)};
      Put(type, std::move(step), fields);
    } else if (type == "Replace") {
      ReplaceStep step = ReadReplace(fields);
      Put(type, ReplaceInToken{std::move(step.pattern), std::move(step.content)}, fields);
    } else if (type == "Metaspace") {
      const MetaspaceFields step = ReadMetaspace(fields);
      Put(type, MetaspaceJoin{step.replacement, step.scheme != PrependScheme::kNever}, fields);
    } else {
      fields.Fail("decoder \"" + type +
                  "\" is not supported; supported: WordPiece, ByteLevel, ByteFallback, Fuse, Strip, Replace, "
                  "Metaspace, BPEDecoder, Sequence");
    }
  }

  // Between tokens and text lies what joins them: a step for tokens has no meaning behind it.
  void Put(const std::string& type, TokenStep step, JsonFields& fields) {
    if (fused_ || bytes_ != ByteRule::kNone) {
      fields.Fail("decoder \"" + type + "\" is supported only before ByteFallback, ByteLevel and Fuse");
    }
    steps_.push_back(std::move(step));
  }

  void SetBytes(const std::string& type, ByteRule rule, JsonFields& fields) {
    if (fused_ || bytes_ != ByteRule::kNone) {
      fields.Fail("decoder \"" + type + "\" is supported only once, and before Fuse");
    }
    bytes_ = rule;
  }

  void AddStrip(JsonFields& fields) {
    StripEnds step{fields.String("content"), static_cast<std::size_t>(fields.Integer("start", 0, kStripLimit)),
                   static_cast<std::size_t>(fields.Integer("stop", 0, kStripLimit))};
    std::size_t end = 0;
    if (!step.content.empty()) DecodeAt(step.content, end);
    if (fields.ok() && (step.content.empty() || end != step.content.size())) {
      fields.Fail("\"content\" must be one character");
    }
    if (!fused_) return Put("Strip", std::move(step), fields);
    if (!ends_.content.empty()) fields.Fail("a second Strip behind Fuse is not supported");
    ends_ = std::move(step);
  }

  // The suffix of the last token is no blank: a blank at the text's end is one that it left.
  void AddWordEnd(JsonFields& fields) {
    const std::string suffix = fields.String("suffix", "</w>");
    if (suffix.empty()) fields.Fail("\"suffix\" is empty");
    Put("BPEDecoder", ReplaceInToken{suffix, " "}, fields);
    ends_ = {" ", 0, 1};
    fused_ = true;
  }

  std::vector<TokenStep> steps_;
  ByteRule bytes_ = ByteRule::kNone;
  StripEnds ends_;
  bool fused_ = false;
};

}  // namespace

Result<Decoder> Decoder::Parse(const nlohmann::json& value, const std::string& where) {
  if (value.is_null()) return Decoder();
  Parser parser;
  const auto add = [&parser](const std::string& type, JsonFields& fields) { return parser.Add(type, fields); };
  if (Status read = ReadSteps(value, where, "decoders", add); !read) return read.error();
  return parser.TakeResult();
}

}  // namespace berth::text
