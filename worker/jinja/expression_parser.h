// The expressions of the grammar. Used by the parser of statements alone.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "worker/jinja/token_stream.h"

namespace berth::jinja {

class ExpressionParser {
 public:
  ExpressionParser(TokenStream& stream, Names& names) : stream_(stream), names_(names) {}

  // One expression, or several with commas between them, which are a tuple. `end_name` is a keyword that may follow.
  ExprPtr Tuple(bool with_condition = true, const char* end_name = nullptr);
  ExprPtr Expression(bool with_condition = true);
  // "name(arguments)|name…" without what is filtered; null where there is no "|" first, unless `begun`.
  ExprPtr FilterChain(bool begun);
  ExprPtr Primary();

  // Within a condition an unknown filter is an error only when it is called.
  bool in_condition = false;
  void RefuseUnknown() const;

  // How the innermost macros use their special variables: every read of one of these names counts for all of them.
  struct SpecialNames {
    bool caller = false, varargs = false, kwargs = false;
  };
  std::vector<SpecialNames> macros;

 private:
  class Level;

  ExprPtr Condition();
  ExprPtr Or();
  ExprPtr And();
  ExprPtr Not();
  ExprPtr Compare();
  ExprPtr Sum();
  ExprPtr Concat();
  ExprPtr Product();
  ExprPtr Power();
  ExprPtr Unary(bool with_filter = true);
  ExprPtr Postfix(ExprPtr expr);
  ExprPtr Filters(ExprPtr expr);
  ExprPtr Filter(ExprPtr operand);
  ExprPtr Test(ExprPtr operand);
  ExprPtr Call(ExprPtr callee);
  ExprPtr Subscript(ExprPtr object);
  ExprPtr Bracketed(ExprPtr object);
  ExprPtr Item(ExprPtr object, ExprPtr key, int line);
  ExprPtr Parenthesised();
  ExprPtr List();
  ExprPtr Mapping();
  ExprPtr Name();
  ExprPtr StringLiteral();
  void Arguments(ArgumentExprs& arguments, int& depth);
  std::string DottedName();
  bool AtTupleEnd(const char* end_name) const;
  template <class T>
  ExprPtr Binary(std::unique_ptr<T> node, ExprPtr left, ExprPtr right);
  void NoteUnknown(const std::string& name, bool test, int line);

  TokenStream& stream_;
  Names& names_;
  int nesting_ = 0;
  std::vector<std::pair<std::string, int>> unknown_;  // message, line
};

}  // namespace berth::jinja
