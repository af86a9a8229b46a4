#pragma once

#include "limpid/tokenizers/jinja/loop.h"
#include "limpid/tokenizers/jinja/run.h"
#include "limpid/tokenizers/jinja/tree.h"

namespace limpid::jinja {

/// Names and their values inside one block; what is not here is looked for outside.
struct Scope {
  std::shared_ptr<const Scope> outer;
  std::unordered_map<std::string, Value> values;

  const Value* find(const std::string& name) const;
};
using ScopePtr = std::shared_ptr<Scope>;

/// Walks a template's tree once.
class Interpreter {
 public:
  explicit Interpreter(Run& run) : run_(run), scope_(std::make_shared<Scope>()) {}

  void define(const std::string& name, Value value) { scope_->values[name] = std::move(value); }
  std::string render(const Body& body);  ///< @throws Fault
  size_t line() const { return line_; }  ///< of what was evaluated last

  Value call_macro(const MacroForm& macro, const ScopePtr& home, Arguments arguments);

 private:
  enum class Flow : uint8_t { Next, Break, Continue };  ///< where to go on behind a statement

  /// Writes into a text of its own, for as long as it lives.
  class Capture;
  /// Names that are given a value in it are forgotten behind it.
  class Inside;

  Flow execute(const Body& body);
  Flow execute(const Data& data);
  Flow execute(const Output& output);
  Flow execute(const For& loop);
  Flow execute(const If& condition);
  Flow execute(const Set& set);
  Flow execute(const MacroForm& macro);
  Flow execute(const CallBlock& call);
  Flow execute(const FilterBlock& block);
  Flow execute(const With& with);
  Flow execute(const Break&) { return Flow::Break; }
  Flow execute(const Continue&) { return Flow::Continue; }
  void loop_over(const For& loop, const Value& elements, size_t depth);
  std::vector<Value> looped_items(const For& loop, const Value& elements);
  void assign(const Target& target, const Value& value);
  void write(std::string_view text);
  Value captured(const Body& body, const std::vector<Link>& filters);

  Value evaluate(const Expression& expression);
  Value evaluate(const Literal& literal) { return literal.value; }
  Value evaluate(const Name& name);
  Value evaluate(const Display& display);
  Value evaluate(const DictDisplay& display);
  Value evaluate(const Arithmetic& arithmetic);
  Value evaluate(const Concatenation& concatenation);
  Value evaluate(const Comparisons& comparisons);
  Value evaluate(const Junction& junction);
  Value evaluate(const Not& negation) { return !truth(evaluate(*negation.operand)); }
  Value evaluate(const Sign& sign);
  Value evaluate(const Choice& choice);
  Value evaluate(const Chain& chain);
  Value follow(const Value& value, const Link& link);
  Arguments evaluate(const CallArguments& arguments);

  Run& run_;
  ScopePtr scope_;
  std::string out_;
  size_t line_ = 1;
};

}  // namespace limpid::jinja
