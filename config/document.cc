#include "config/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

namespace berth::config {
namespace {

// Thrown out of yaml-cpp's parser by the handler below, caught by ParseDocument.
struct Refused {
  Mistake mistake;
};

[[noreturn]] void Refuse(const YAML::Mark& mark, std::string message) {
  throw Refused{{mark.line + 1, mark.column + 1, std::move(message)}};
}

std::size_t Count(const Node& node) {
  std::size_t count = 1;
  for (const Node& item : node.items) count += Count(item);
  return count;
}
std::size_t TextOf(const Node& node) {
  std::size_t bytes = node.text.size() + node.key.size();
  for (const Node& item : node.items) bytes += TextOf(item);
  return bytes;
}
std::size_t Depth(const Node& node) {
  std::size_t depth = 0;
  for (const Node& item : node.items) depth = std::max(depth, Depth(item));
  return depth + 1;
}

class TreeBuilder : public YAML::EventHandler {
 public:
  Node Take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) Refuse(mark, "a second YAML document begins here; a plan is one document");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Complete(mark, Make(mark, Node::Type::kNull), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    RefuseTag(mark, tag);
    Node node = Make(mark, Node::Type::kScalar);
    node.text = value;
    Complete(mark, std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    RefuseTag(mark, tag);
    Open(mark, Make(mark, Node::Type::kList), anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    RefuseTag(mark, tag);
    Open(mark, Make(mark, Node::Type::kMap), anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapEnd() override { Close(); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) Refuse(mark, "this alias stands inside the very value that it repeats");
    Spend(mark, Count(found->second));
    repeated_ += TextOf(found->second);
    if (repeated_ > kMostPlanBytes) Refuse(mark, "aliases repeat more than 1 MiB of text");
    if (open_.size() + Depth(found->second) > kMostDepth) Refuse(mark, "nested too deeply");
    Node node = found->second;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    Attach(mark, std::move(node));
  }

 private:
  struct Frame {
    Node node;
    YAML::anchor_t anchor = 0;
    std::optional<Node> key;  // of a map: read, its value not yet
    YAML::Mark mark;
  };

  Node Make(const YAML::Mark& mark, Node::Type type) {
    Spend(mark, 1);
    Node node;
    node.type = type;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }

  void Spend(const YAML::Mark& mark, std::size_t nodes) {
    nodes_ += nodes;
    if (nodes_ > kMostNodes) {
      Refuse(mark, "the plan has more than " + std::to_string(kMostNodes) +
                       " values (what aliases repeat is counted each time)");
    }
  }

  static void RefuseTag(const YAML::Mark& mark, const std::string& tag) {
    // "?": none, plain; "!": none, quoted.
    if (!tag.empty() && tag != "?" && tag != "!") Refuse(mark, "YAML tags are not used in a plan; remove the tag");
  }

  void Open(const YAML::Mark& mark, Node node, YAML::anchor_t anchor) {
    if (open_.size() + 1 > kMostDepth) Refuse(mark, "nested too deeply");
    open_.push_back({std::move(node), anchor, std::nullopt, mark});
  }

  void Close() {
    Frame frame = std::move(open_.back());
    open_.pop_back();
    Complete(frame.mark, std::move(frame.node), frame.anchor);
  }

  void Complete(const YAML::Mark& mark, Node node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    Attach(mark, std::move(node));
  }

  void Attach(const YAML::Mark& mark, Node node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& parent = open_.back();
    if (parent.node.type == Node::Type::kList) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      if (node.type != Node::Type::kScalar) Refuse(mark, "expected a key here, a plain word");
      parent.key = std::move(node);
    } else {
      node.key = std::move(parent.key->text);
      node.key_line = parent.key->line;
      node.key_column = parent.key->column;
      if (node.type == Node::Type::kNull) {  // yaml-cpp's mark is where the next thing begins
        node.line = node.key_line;
        node.column = node.key_column;
      }
      parent.key.reset();
      parent.node.items.push_back(std::move(node));
    }
  }

  Node root_;
  std::vector<Frame> open_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::size_t nodes_ = 0;
  std::size_t repeated_ = 0;  // bytes that aliases stand for
  int documents_ = 0;
};

std::string_view LineOf(std::string_view text, int line) {
  for (int i = 1; i < line && !text.empty(); ++i) {
    const std::size_t end = text.find('\n');
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

// The traps that yaml-cpp's own words do not explain.
std::string Remedy(std::string_view line, std::string_view said) {
  const std::size_t indent = line.find_first_not_of(" ");
  if (indent != std::string_view::npos && line[indent] == '\t') {
    return "; this line is indented with a tab, YAML wants spaces";
  }
  if (line.find(": [::") != std::string_view::npos || line.find("]:") != std::string_view::npos) {
    return "; an IPv6 address must stand in quotes: \"[::1]:8080\"";
  }
  if (line.find("${") != std::string_view::npos) {
    return "; inside { } and [ ] a value with ${…} must stand in quotes";
  }
  if (said == "illegal map value") return "; a value that holds \": \" must stand in quotes";
  if (said == "end of map not found") return "; is this line indented like the keys it belongs to?";
  if (said.find("flow not found") != std::string_view::npos) {
    return "; a closing bracket, brace or quote is missing before this place";
  }
  return "";
}

Mistake NotYaml(std::string_view text, const YAML::Exception& error) {
  const int line = error.mark.is_null() ? 0 : error.mark.line + 1;
  const int column = error.mark.is_null() ? 0 : error.mark.column + 1;
  return {line, column, OneLine("not valid YAML: " + error.msg + Remedy(LineOf(text, line), error.msg))};
}

}  // namespace

std::variant<Node, Mistake> ParseDocument(std::string_view text) {
  if (text.size() > kMostPlanBytes) return Mistake{0, 0, "larger than 1 MiB: this is not a plan"};
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder;
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.Take();
  } catch (const Refused& refused) {
    return refused.mistake;
  } catch (const YAML::Exception& error) {
    return NotYaml(text, error);
  }
}

}  // namespace berth::config
