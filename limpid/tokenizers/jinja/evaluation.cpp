#include "limpid/tokenizers/jinja/access.h"
#include "limpid/tokenizers/jinja/filters.h"
#include "limpid/tokenizers/jinja/interpreter.h"
#include "limpid/tokenizers/jinja/printing.h"
#include "limpid/tokenizers/jinja/text.h"

namespace limpid::jinja {

Value Interpreter::evaluate(const Expression& expression) {
  const Run::Level level(run_);
  run_.charge(1);
  line_ = expression.line;
  return std::visit([&](const auto& form) { return evaluate(form); }, expression.form);
}

Value Interpreter::evaluate(const Name& name) {
  if (const Value* value = scope_->find(name.name)) return *value;
  return Value::undefined(concat("'", name.name, "' is undefined"));
}

Value Interpreter::evaluate(const Display& display) {
  std::vector<Value> items;
  for (const ExpressionPtr& item : display.items) items.push_back(evaluate(*item));
  return run_.sequence(display.kind, std::move(items));
}

Value Interpreter::evaluate(const DictDisplay& display) {
  std::vector<std::pair<Value, Value>> entries;
  for (const auto& [key, value] : display.entries) {
    Value evaluated_key = evaluate(*key);
    entries.emplace_back(std::move(evaluated_key), evaluate(*value));
  }
  return run_.dict(std::move(entries));
}

Value Interpreter::evaluate(const Arithmetic& chain) {
  Value value = evaluate(*chain.first);
  for (const auto& [op, operand] : chain.rest) value = arithmetic(run_, op, value, evaluate(*operand));
  return value;
}

Value Interpreter::evaluate(const Concatenation& concatenation) {
  std::string out;
  for (const ExpressionPtr& part : concatenation.parts) append_str(run_, out, evaluate(*part));
  return run_.text(std::move(out));
}

Value Interpreter::evaluate(const Comparisons& comparisons) {
  Value left = evaluate(*comparisons.first);
  for (const auto& [comparison, operand] : comparisons.rest) {
    Value right = evaluate(*operand);
    if (!compare(run_, comparison, left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::evaluate(const Junction& junction) {
  Value value;
  for (const ExpressionPtr& part : junction.parts) {
    value = evaluate(*part);
    if (truth(value) != junction.is_and) break;
  }
  return value;
}

Value Interpreter::evaluate(const Sign& sign) {
  const Value value = evaluate(*sign.operand);
  if (sign.negative) return negated(value);
  if (value.is_undefined()) fail(value.why_undefined());
  if (!value.is_number()) fail("bad operand type for unary +: '", type_name(value), "'");
  return value.is_float() ? value : Value(*value.integer());
}

Value Interpreter::evaluate(const Choice& choice) {
  if (truth(evaluate(*choice.condition))) return evaluate(*choice.then);
  if (choice.otherwise) return evaluate(*choice.otherwise);
  return Value::undefined("the inline if-expression evaluated to false and no else section was defined.");
}

Value Interpreter::evaluate(const Chain& chain) {
  Value value = evaluate(*chain.first);
  for (size_t i = 0; i < chain.links.size(); ++i) {
    const Link& link = chain.links[i];
    const bool is_method =
        link.kind == Link::Kind::Attribute && i + 1 < chain.links.size() && chain.links[i + 1].kind == Link::Kind::Call;
    if (is_method)
      value = call_attribute(run_, value, link.name, evaluate(chain.links[++i].arguments));
    else
      value = follow(value, link);
  }
  return value;
}

Value Interpreter::follow(const Value& value, const Link& link) {
  run_.charge(1);
  const size_t line = line_;  // what the link evaluates may come from elsewhere: a macro's call
  const auto bound = [&](size_t i) { return link.bounds[i] ? std::optional(evaluate(*link.bounds[i])) : std::nullopt; };
  Value out;
  switch (link.kind) {
    case Link::Kind::Attribute: out = attribute_of(run_, value, link.name); break;
    case Link::Kind::Item: out = item_of(run_, value, evaluate(*link.bounds[0])); break;
    case Link::Kind::Slice: out = slice_of(run_, value, {bound(0), bound(1), bound(2)}); break;
    case Link::Kind::Call: out = call_value(run_, value, evaluate(link.arguments)); break;
    case Link::Kind::Filter: out = apply_filter(run_, link.name, value, evaluate(link.arguments)); break;
    case Link::Kind::Test: out = apply_test(run_, link.name, value, evaluate(link.arguments)); break;
    case Link::Kind::NegatedTest: out = !apply_test(run_, link.name, value, evaluate(link.arguments)); break;
  }
  line_ = line;
  return out;
}

Arguments Interpreter::evaluate(const CallArguments& given) {
  Arguments out;
  for (const ExpressionPtr& value : given.positional) out.positional.push_back(evaluate(*value));
  for (const auto& [name, value] : given.named) out.named.emplace_back(name, evaluate(*value));
  if (given.more)
    for (Value& value : elements(run_, evaluate(*given.more))) out.positional.push_back(std::move(value));
  if (given.more_named) {
    const Value more = evaluate(*given.more_named);
    if (!more.dict()) fail("argument after ** must be a mapping, not ", type_name(more));
    for (const auto& [key, value] : more.dict()->entries) {
      if (!key.text()) fail("keywords must be strings");
      out.named.emplace_back(key.text()->bytes, value);
    }
  }
  return out;
}

}  // namespace limpid::jinja
