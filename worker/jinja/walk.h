// Visits all parts of a tree, from outside in.
#pragma once

#include <functional>

#include "worker/jinja/ast.h"

namespace berth::jinja {

struct Visitor {
  std::function<void(const Stmt&)> stmt = [](const Stmt&) {};
  std::function<void(const Expr&)> expr = [](const Expr&) {};
};

void Walk(const Body& body, const Visitor& visitor);
void Walk(const Expr& expr, const Visitor& visitor);

}  // namespace berth::jinja
