#include "worker/checkpoint/json_file.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "worker/checkpoint/mapped_file.h"

namespace berth::checkpoint {
namespace {

using Json = nlohmann::json;

// Builds the tree from the parser's events. The parser itself keeps its nesting on the heap; what would
// overflow a stack is the destructor of a tree that is too deep, so depth is refused before the tree grows.
class TreeBuilder : public nlohmann::json_sax<Json> {
 public:
  TreeBuilder(const std::string& name, std::size_t depth) : name_(name), depth_(depth) {}

  bool null() override { return Put(nullptr); }
  bool boolean(bool value) override { return Put(value); }
  bool number_integer(number_integer_t value) override { return Put(value); }
  bool number_unsigned(number_unsigned_t value) override { return Put(value); }
  bool number_float(number_float_t value, const string_t&) override { return Put(value); }
  bool string(string_t& value) override { return Put(std::move(value)); }
  bool binary(binary_t&) override { return Fail("holds a binary value"); }
  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool end_array() override { return Close(); }

  bool key(string_t& key) override {
    auto& object = open_.back()->get_ref<Json::object_t&>();
    const auto [place, fresh] = object.try_emplace(key, nullptr);
    if (!fresh) return Fail("has the key \"" + Shorten(key) + "\" twice in one object; remove one of them");
    member_ = &place->second;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const Json::exception& exception) override {
    if (exception.id == kNumberOutOfRange) {
      return Fail("has a number that is out of range near byte " + std::to_string(position));
    }
    return Fail("is not valid JSON at byte " + std::to_string(position) + "; was it truncated or edited? (" +
                Reason(exception.what()) + ")");
  }

  const std::string& error() const { return error_; }
  Json TakeTree() { return std::move(root_); }

 private:
  static constexpr int kNumberOutOfRange = 406;  // nlohmann's exception id

  static std::string Shorten(const std::string& text) {
    return text.size() > 80 ? text.substr(0, 80) + "…" : text;
  }

  // "[json.exception.parse_error.101] parse error at line 1, column 9: syntax error …" without its brackets,
  // and without the echo of what was read, which can be the whole of a hostile file.
  static std::string Reason(std::string what) {
    if (const auto bracket = what.find("] "); bracket != std::string::npos) what.erase(0, bracket + 2);
    if (const auto echo = what.find("; last read"); echo != std::string::npos) what.erase(echo);
    return what.substr(0, 160);
  }

  bool Fail(std::string problem) {
    error_ = name_ + ": " + std::move(problem);
    return false;
  }

  template <class Value>
  Json* Add(Value&& value) {
    if (open_.empty()) return &(root_ = std::forward<Value>(value));
    if (open_.back()->is_object()) return &(*member_ = std::forward<Value>(value));
    return &open_.back()->get_ref<Json::array_t&>().emplace_back(std::forward<Value>(value));
  }

  template <class Value>
  bool Put(Value&& value) {
    Add(std::forward<Value>(value));
    return true;
  }

  bool Open(Json container) {
    if (open_.size() >= depth_) return Fail("is nested deeper than " + std::to_string(depth_) + " levels");
    open_.push_back(Add(std::move(container)));
    return true;
  }

  bool Close() {
    open_.pop_back();
    return true;
  }

  const std::string& name_;
  std::size_t depth_;
  std::string error_;
  Json root_;
  Json* member_ = nullptr;   // where the value after a key goes
  std::vector<Json*> open_;  // a container's address is stable while it is open: only the innermost one grows
};

}  // namespace

Result<Json> ParseJson(std::string_view text, const std::string& name, const JsonLimits& limits) {
  if (text.size() > limits.size.count) {
    return Invalid(name, ": has ", FormatBytes({text.size()}), " of JSON, more than the ",
                   FormatBytes(limits.size), " allowed");
  }
  // The parser takes a NUL for the end of the text, whatever follows it.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    return Invalid(name, ": is not valid JSON at byte ", nul, ", which is NUL; was it truncated or edited?");
  }
  TreeBuilder builder(name, limits.depth);
  if (!Json::sax_parse(text, &builder)) return Invalid(builder.error());
  // In place: a json value converts to anything, so that result's own conversions do not take it.
  return Result<Json>(boost::system::in_place_value, builder.TakeTree());
}

bool IsWide(const nlohmann::json& value) {
  if (value.is_object() && value.size() > kMostOrderedKeys) return true;
  return value.is_structured() && std::ranges::any_of(value, IsWide);
}

Result<Json> ReadJsonFile(const std::filesystem::path& path, const JsonLimits& limits) {
  auto file = MappedFile::Open(path, limits.size);
  if (!file) return file.error();
  return ParseJson(file->text(), path.string(), limits);
}

}  // namespace berth::checkpoint
