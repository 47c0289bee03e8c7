#include "worker/embeddings/base64.h"

#include <gtest/gtest.h>

#include <string_view>
#include <utility>

namespace berth::serve {
namespace {

std::string Encode(std::string_view bytes) {
  std::string out;
  AppendBase64(std::as_bytes(std::span(bytes)), out);
  return out;
}

TEST(Base64, EqualsTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : cases) EXPECT_EQ(Encode(plain), encoded);
}

TEST(Base64, UsesTheWholeAlphabet) { EXPECT_EQ(Encode({"\xff\xef\xbe\x00\x10\x83", 6}), "/+++ABCD"); }

TEST(Base64, FloatsAreLittleEndian) {
  std::string out = "x";
  const float values[] = {1.0F, -2.5F};  // 00 00 80 3f, 00 00 20 c0
  AppendBase64(values, out);
  EXPECT_EQ(out, "xAACAPwAAIMA=");
}

}  // namespace
}  // namespace berth::serve
