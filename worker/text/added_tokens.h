// Tokens that are recognised in the text itself, before the model sees it: "[CLS]", "[MASK]", or words added
// after training. Found leftmost first, the longest of those that begin at one place. Immutable once built.
#pragma once

#include <array>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/text/tokenizer.h"
#include "worker/text/vocabulary.h"

namespace berth::text {

struct AddedToken {
  std::string content;
  TokenId id = 0;
  bool single_word = false;  // only where no letter or digit is next to it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // … and after it
  bool normalized = true;    // looked for in the normalised text, in its normalised form
  bool special = false;      // skipped by decoding on request
};

// tokenizer.json's "added_tokens". Errors begin with `where`.
Result<std::vector<AddedToken>> ParseAddedTokens(const nlohmann::json& list, const Vocabulary& vocabulary,
                                                 const std::string& where);

// Errors: two tokens with one id or one text; an id that the model gives to another token; a token that the
// model knows by another id.
Status CheckAddedTokens(const std::vector<AddedToken>& tokens, const Vocabulary& vocabulary,
                        const std::string& where);

// One of that list; the id comes with it, or from the caller (whose file keys them by id).
Result<AddedToken> ReadAddedToken(const nlohmann::json& value, const std::string& where,
                                  std::optional<TokenId> id = std::nullopt);

// Finds the tokens of one of the two kinds in a text: those looked for before, or after normalisation.
class AddedTokenMatcher {
 public:
  struct Match {
    std::size_t begin = 0, end = 0;  // with the white space that it takes along
    TokenId id = 0;
  };

  void Add(const AddedToken& token, std::string_view pattern);
  bool empty() const { return tokens_.empty(); }

  // The first match at or after `from`, in valid UTF-8; white space before `from` is another match's. Without
  // `special`, special tokens are not looked for.
  std::optional<Match> Next(std::string_view text, std::size_t from, bool special = true) const;

 private:
  struct Rules {
    TokenId id;
    bool single_word, lstrip, rstrip, special;
  };
  static constexpr int kNothing = -1;
  struct Node {
    int token = kNothing;                    // index of the pattern that ends here
    std::vector<std::pair<char, int>> next;  // byte -> node
  };
  int Child(int node, char byte) const;
  std::pair<int, std::size_t> LongestAt(std::string_view text, std::size_t at) const;  // token, end

  std::vector<Rules> tokens_;
  std::vector<Node> trie_{1};
  std::array<bool, 256> begins_{};  // by first byte
};

class AddedTokens {
 public:
  AddedTokens() = default;
  // `normalize` gives the normal form of those that are looked for in it.
  AddedTokens(std::vector<AddedToken> tokens, const std::function<std::string(std::string_view)>& normalize);

  const AddedToken* Find(TokenId id) const;
  const AddedToken* Find(std::string_view content) const;
  const AddedTokenMatcher& raw() const { return raw_; }
  const AddedTokenMatcher& normalized() const { return normalized_; }
  std::size_t size() const { return size_; }  // largest id + 1, 0 when there are none

 private:
  std::vector<AddedToken> tokens_;
  std::unordered_map<TokenId, std::size_t> by_id_;
  std::unordered_map<std::string, std::size_t> by_content_;
  AddedTokenMatcher raw_, normalized_;
  std::size_t size_ = 0;
};

}  // namespace berth::text
