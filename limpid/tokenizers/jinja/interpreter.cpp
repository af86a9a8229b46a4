#include "limpid/tokenizers/jinja/interpreter.h"

#include "limpid/tokenizers/jinja/access.h"
#include "limpid/tokenizers/jinja/filters.h"
#include "limpid/tokenizers/jinja/printing.h"

namespace limpid::jinja {

namespace {

/// A macro as a value; `home` is where it was defined, whose names it sees.
class Macro : public Object {
 public:
  Macro(Interpreter& interpreter, const MacroForm& form, ScopePtr home)
      : interpreter_(interpreter),
        form_(form),
        home_(std::move(home)) {}
  std::string type_name() const override { return "Macro"; }
  bool is_callable() const override { return true; }
  std::optional<Value> attribute(Run& run, const std::string& name) override {
    return name == "name" ? std::optional(run.text(form_.name)) : std::nullopt;
  }
  Value call(Run&, Arguments arguments) override { return interpreter_.call_macro(form_, home_, std::move(arguments)); }

 private:
  Interpreter& interpreter_;
  const MacroForm& form_;
  const ScopePtr home_;
};

}  // namespace

const Value* Scope::find(const std::string& name) const {
  for (const Scope* scope = this; scope; scope = scope->outer.get())
    if (const auto found = scope->values.find(name); found != scope->values.end()) return &found->second;
  return nullptr;
}

class Interpreter::Capture {
 public:
  explicit Capture(Interpreter& interpreter)
      : interpreter_(interpreter),
        outside_(std::exchange(interpreter.out_, {})) {}
  ~Capture() { interpreter_.out_ = std::move(outside_); }
  Capture(const Capture&) = delete;
  std::string take() { return std::exchange(interpreter_.out_, {}); }

 private:
  Interpreter& interpreter_;
  std::string outside_;
};

class Interpreter::Inside {
 public:
  Inside(Interpreter& interpreter, ScopePtr outer) : interpreter_(interpreter), outside_(interpreter.scope_) {
    interpreter.run_.charge(4);
    interpreter.scope_ = std::make_shared<Scope>(Scope{std::move(outer), {}});
  }
  explicit Inside(Interpreter& interpreter) : Inside(interpreter, interpreter.scope_) {}
  ~Inside() { interpreter_.scope_ = outside_; }
  Inside(const Inside&) = delete;

 private:
  Interpreter& interpreter_;
  ScopePtr outside_;
};

std::string Interpreter::render(const Body& body) {
  execute(body);
  return std::move(out_);
}

void Interpreter::write(std::string_view text) {
  run_.charge_text(text.size());
  run_.check_size(out_.size() + text.size());
  out_ += text;
}

Interpreter::Flow Interpreter::execute(const Body& body) {
  const Run::Level level(run_);
  for (const Statement& statement : body) {
    run_.charge(1);
    line_ = statement.line;
    const Flow flow = std::visit([&](const auto& form) { return execute(form); }, statement.form);
    if (flow != Flow::Next) return flow;
  }
  return Flow::Next;
}

Interpreter::Flow Interpreter::execute(const Data& data) {
  write(data.text);
  return Flow::Next;
}

Interpreter::Flow Interpreter::execute(const Output& output) {
  const Value value = evaluate(*output.value);
  write(value.text() ? value.text()->bytes : str(run_, value));
  return Flow::Next;
}

Interpreter::Flow Interpreter::execute(const For& loop) {
  loop_over(loop, evaluate(*loop.iterable), 0);
  return Flow::Next;
}

std::vector<Value> Interpreter::looped_items(const For& loop, const Value& given) {
  std::vector<Value> items = elements(run_, given);
  if (!loop.condition) return items;
  std::vector<Value> kept;
  for (const Value& item : items) {
    const Inside inside(*this);
    assign(loop.target, item);
    if (truth(evaluate(*loop.condition))) kept.push_back(item);
  }
  return kept;
}

void Interpreter::loop_over(const For& loop, const Value& given, size_t depth) {
  Loop::Recurse recurse;
  if (loop.recursive)
    recurse = [this, &loop, home = std::weak_ptr(scope_)](const Value& inner, size_t inner_depth) {
      Capture capture(*this);
      const Inside inside(*this, home.lock());
      loop_over(loop, inner, inner_depth);
      return run_.text(capture.take());
    };
  auto* const state = run_.make<Loop>(looped_items(loop, given), depth, std::move(recurse));
  bool completed = false;  // as in Jinja, a pass that ends with break or continue does not count for else
  for (size_t i = 0; i < state->items().size(); ++i) {
    const Inside inside(*this);
    state->move_to(i);
    define("loop", state);
    assign(loop.target, state->items()[i]);
    const Flow flow = execute(loop.body);
    if (flow == Flow::Break) break;
    completed = completed || flow == Flow::Next;
  }
  state->end();
  if (completed || loop.otherwise.empty()) return;
  const Inside inside(*this);
  execute(loop.otherwise);
}

Interpreter::Flow Interpreter::execute(const If& condition) {
  for (const auto& [test, body] : condition.branches)
    if (truth(evaluate(*test))) return execute(body);
  return execute(condition.otherwise);
}

Value Interpreter::captured(const Body& body, const std::vector<Link>& filters) {
  Capture capture(*this);
  const Inside inside(*this);
  execute(body);
  Value value = run_.text(capture.take());
  for (const Link& filter : filters) value = follow(value, filter);
  return value;
}

Interpreter::Flow Interpreter::execute(const Set& set) {
  assign(set.target, set.value ? evaluate(*set.value) : captured(set.body, set.filters));
  return Flow::Next;
}

void Interpreter::assign(const Target& target, const Value& value) {
  if (!target.parts.empty()) {
    const auto items = elements(run_, value);
    const size_t expected = target.parts.size();
    if (items.size() < expected) fail("not enough values to unpack (expected ", expected, ", got ", items.size(), ")");
    if (items.size() > expected) fail("too many values to unpack (expected ", expected, ")");
    for (size_t i = 0; i < expected; ++i) assign(target.parts[i], items[i]);
  } else if (target.attribute.empty()) {
    define(target.name, value);
  } else {
    const Value* owner = scope_->find(target.name);
    auto* const space = owner ? dynamic_cast<Namespace*>(owner->object()) : nullptr;
    if (!space) fail("cannot assign attribute on non-namespace object");
    space->set(target.attribute, value);
  }
}

Interpreter::Flow Interpreter::execute(const MacroForm& macro) {
  define(macro.name, run_.make<Macro>(*this, macro, scope_));
  return Flow::Next;
}

Value Interpreter::call_macro(const MacroForm& macro, const ScopePtr& home, Arguments arguments) {
  Capture capture(*this);
  const Inside inside(*this, home);
  const auto& parameters = macro.parameters;
  std::vector<std::optional<Value>> given(parameters.size());
  std::vector<Value> more;
  std::vector<std::pair<Value, Value>> more_named;
  for (size_t i = 0; i < arguments.positional.size(); ++i)
    (i < given.size() ? given[i].emplace() : more.emplace_back()) = std::move(arguments.positional[i]);
  if (!more.empty() && !macro.takes_more)
    fail("macro '", macro.name, "' takes not more than ", parameters.size(), " argument(s)");
  for (auto& [name, value] : arguments.named) {
    size_t i = 0;
    while (i < parameters.size() && parameters[i].first != name) ++i;
    if (i < parameters.size() && !given[i])
      given[i] = std::move(value);
    else if (name == "caller")
      define(name, std::move(value));
    else if (i == parameters.size() && macro.takes_more_named)
      more_named.emplace_back(run_.text(name), std::move(value));
    else
      fail("macro '", macro.name, "' takes no keyword argument '", name, "'");
  }
  if (macro.takes_more) define("varargs", run_.tuple(std::move(more)));
  if (macro.takes_more_named) define("kwargs", run_.dict(std::move(more_named)));
  for (size_t i = 0; i < parameters.size(); ++i) {
    const auto& [name, otherwise] = parameters[i];
    if (!given[i] && otherwise) given[i] = evaluate(*otherwise);
    define(name, given[i] ? std::move(*given[i]) : Value::undefined(concat("parameter '", name, "' was not provided")));
  }
  execute(macro.body);
  return run_.text(capture.take());
}

Interpreter::Flow Interpreter::execute(const CallBlock& block) {
  const auto& chain = std::get<Chain>(block.call->form);
  Value value = evaluate(*chain.first);
  for (size_t i = 0; i + 1 < chain.links.size(); ++i) value = follow(value, chain.links[i]);
  Arguments arguments = evaluate(chain.links.back().arguments);
  arguments.named.emplace_back("caller", run_.make<Macro>(*this, block.caller, scope_));
  const Value written = call_value(run_, value, std::move(arguments));
  write(str(run_, written));
  return Flow::Next;
}

Interpreter::Flow Interpreter::execute(const FilterBlock& block) {
  write(str(run_, captured(block.body, block.filters)));
  return Flow::Next;
}

Interpreter::Flow Interpreter::execute(const With& with) {
  const Inside inside(*this);
  std::vector<Value> values;  // all of them in the outer names
  for (const auto& [target, value] : with.values) values.push_back(evaluate(*value));
  for (size_t i = 0; i < values.size(); ++i) assign(with.values[i].first, values[i]);
  return execute(with.body);
}

}  // namespace limpid::jinja
