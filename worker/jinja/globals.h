// The functions that every template has: range, dict, namespace, joiner, cycler, raise_exception, strftime_now.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/jinja/value.h"

namespace berth::jinja {

// Also for a function that is known and refused (lipsum): then an error when it is called.
std::optional<Value> FindGlobal(Interpreter& in, std::string_view name);

// The one kind of value whose attributes a template can set.
class Namespace final : public Object {
 public:
  explicit Namespace(Heap* heap) : Object(heap) {}
  std::string_view type() const override { return "Namespace"; }
  std::string Repr(int depth) const override;
  std::optional<Value> Attribute(Interpreter& in, std::string_view name) override;
  void Set(std::string_view name, Value value);
  void Drop() override { attributes_.clear(); }

 private:
  std::vector<std::pair<std::string, Value>> attributes_;
};

}  // namespace berth::jinja
