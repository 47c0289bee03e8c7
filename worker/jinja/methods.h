// The methods of strings, lists and mappings that templates may call: those that change nothing.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "worker/jinja/value.h"

namespace berth::jinja {

struct Method {
  std::string_view name;
  Value (*call)(Interpreter& in, const Value& self, const Arguments& arguments);
};

// Null where a value of that type has no such method.
const Method* FindMethod(const Value& self, std::string_view name);

// A callable that the language gives: a global function, or a method that was taken without being called.
class Function final : public Object {
 public:
  using Body = std::function<Value(Interpreter&, const Arguments&)>;
  Function(Heap* heap, std::string name, Body body) : Object(heap), name_(std::move(name)), body_(std::move(body)) {}

  std::string_view type() const override { return "function"; }
  std::string Repr(int) const override { return "<function " + name_ + ">"; }
  bool callable() const override { return true; }
  Value Call(Interpreter& in, Arguments arguments) override {
    if (!body_) Fail("the function " + name_ + " belongs to a rendering that has ended");
    return body_(in, arguments);
  }
  void Drop() override { body_ = nullptr; }

 private:
  std::string name_;
  Body body_;
};

// Tables of methods, by type.
const Method* FindTextMethod(std::string_view name);
const Method* FindContainerMethod(const Value& self, std::string_view name);

}  // namespace berth::jinja
