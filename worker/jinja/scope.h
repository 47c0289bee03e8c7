// The variables of a place in the template: of the whole, of a loop's turn, of a macro's call. Reading goes outwards,
// writing stays. Shared, because a macro keeps the scope in which it was defined.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "worker/jinja/ast.h"
#include "worker/jinja/value.h"

namespace berth::jinja {

class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> outer) : outer_(std::move(outer)) {}

  const Value* Find(NameId id) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer_.get()) {
      for (const auto& [there, value] : scope->variables_) {
        if (there == id) return &value;
      }
    }
    return nullptr;
  }

  void Set(NameId id, Value value) {
    for (auto& [there, old] : variables_) {
      if (there == id) {
        old = std::move(value);
        return;
      }
    }
    variables_.emplace_back(id, std::move(value));
  }

 private:
  std::shared_ptr<Scope> outer_;
  std::vector<std::pair<NameId, Value>> variables_;
};

}  // namespace berth::jinja
