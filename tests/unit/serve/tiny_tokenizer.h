// A WordPiece tokenizer of a dozen tokens, for tests that need one but no particular one.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "worker/text/tokenizer.h"

namespace berth::serve {

// [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, [MASK] 4, hello 5, world 6, ##s 7, query 8, : 9
inline std::unique_ptr<text::Tokenizer> MakeTinyTokenizer() {
  const auto dir =
      std::filesystem::temp_directory_path() / ("berth-tiny-tokenizer-" + std::to_string(::getpid()));
  std::filesystem::create_directories(dir);
  std::ofstream(dir / "vocab.txt") << "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n##s\nquery\n:\n";
  std::ofstream(dir / "tokenizer_config.json")
      << R"({"do_lower_case":false,"tokenizer_class":"BertTokenizer"})";
  auto tokenizer = text::Tokenizer::Load(dir);
  std::filesystem::remove_all(dir);
  EXPECT_TRUE(tokenizer) << (tokenizer ? "" : tokenizer.error().message);
  return tokenizer ? std::move(*tokenizer) : nullptr;
}

}  // namespace berth::serve
