#include "limpid/tokenizers/jinja/filters.h"
#include "limpid/tokenizers/jinja/operators.h"
#include "limpid/tokenizers/jinja/printing.h"
#include "limpid/tokenizers/jinja/text.h"

namespace limpid::jinja {

namespace {

/// A test that asks the value alone.
template <bool (*holds)(const Value&)>
bool alone(Run&, const Value& value, Arguments arguments) {
  const Bound none("test", std::move(arguments), {});
  return holds(value);
}

template <Comparison comparison>
bool compared(Run& run, const Value& value, Arguments arguments) {
  const Bound a("test", std::move(arguments), {"other"}, 1);
  return compare(run, comparison, value, a.value(0));
}

bool is_defined(const Value& value) { return !value.is_undefined(); }
bool is_undefined(const Value& value) { return value.is_undefined(); }
bool is_none(const Value& value) { return value.is_none(); }
bool is_true(const Value& value) { return value.is_bool() && truth(value); }
bool is_false(const Value& value) { return value.is_bool() && !truth(value); }
bool is_boolean(const Value& value) { return value.is_bool(); }
bool is_integer(const Value& value) { return value.is_integer(); }
bool is_float(const Value& value) { return value.is_float(); }
bool is_number(const Value& value) { return value.is_number(); }
bool is_string(const Value& value) { return value.text(); }
bool is_mapping(const Value& value) { return value.dict(); }
bool is_escaped(const Value& value) { return value.text() && value.text()->markup; }
bool is_callable(const Value& value) {
  return value.is_undefined() || (value.object() && value.object()->is_callable());
}
bool is_iterable(const Value& value) {
  return value.text() || value.sequence() || value.dict() || value.is_undefined();
}
bool is_sequence(const Value& value) {
  const Sequence* sequence = value.sequence();
  return sequence ? sequence->kind <= Sequence::Kind::Range : is_iterable(value);
}

template <CharacterClass wanted>
bool is_cased_text(Run& run, const Value& value, Arguments arguments) {
  const Bound none("test", std::move(arguments), {});
  return is_all(str(run, value), wanted);
}

bool leaves(Run& run, const Value& value, const Value& divisor, int64_t remainder) {
  return equal(run, arithmetic(run, Operator::Modulo, value, divisor), remainder);
}

template <int64_t remainder>
bool has_parity(Run& run, const Value& value, Arguments arguments) {
  const Bound none("test", std::move(arguments), {});
  return leaves(run, value, int64_t(2), remainder);
}

bool is_divisible(Run& run, const Value& value, Arguments arguments) {
  const Bound a("divisibleby", std::move(arguments), {"num"}, 1);
  return leaves(run, value, a.value(0), 0);
}

bool is_in(Run& run, const Value& value, Arguments arguments) {
  const Bound a("in", std::move(arguments), {"seq"}, 1);
  return contains(run, a.value(0), value);
}

bool is_same(Run& run, const Value& value, Arguments arguments) {
  const Bound a("sameas", std::move(arguments), {"other"}, 1);
  return type_name(value) == type_name(a.value(0)) && equal(run, value, a.value(0));
}

template <auto find>
bool is_known(Run&, const Value& value, Arguments arguments) {
  const Bound none("test", std::move(arguments), {});
  return value.text() && find(value.text()->bytes) != nullptr;
}

constexpr Test kTests[] = {
    {"defined", alone<is_defined>},
    {"undefined", alone<is_undefined>},
    {"none", alone<is_none>},
    {"true", alone<is_true>},
    {"false", alone<is_false>},
    {"boolean", alone<is_boolean>},
    {"integer", alone<is_integer>},
    {"float", alone<is_float>},
    {"number", alone<is_number>},
    {"string", alone<is_string>},
    {"mapping", alone<is_mapping>},
    {"iterable", alone<is_iterable>},
    {"sequence", alone<is_sequence>},
    {"callable", alone<is_callable>},
    {"escaped", alone<is_escaped>},
    {"lower", is_cased_text<CharacterClass::Lower>},
    {"upper", is_cased_text<CharacterClass::Upper>},
    {"odd", has_parity<1>},
    {"even", has_parity<0>},
    {"divisibleby", is_divisible},
    {"in", is_in},
    {"sameas", is_same},
    {"filter", is_known<find_filter>},
    {"test", is_known<find_test>},
    {"eq", compared<Comparison::Equal>},
    {"equalto", compared<Comparison::Equal>},
    {"==", compared<Comparison::Equal>},
    {"ne", compared<Comparison::NotEqual>},
    {"!=", compared<Comparison::NotEqual>},
    {"lt", compared<Comparison::Less>},
    {"lessthan", compared<Comparison::Less>},
    {"<", compared<Comparison::Less>},
    {"le", compared<Comparison::LessEqual>},
    {"<=", compared<Comparison::LessEqual>},
    {"gt", compared<Comparison::Greater>},
    {"greaterthan", compared<Comparison::Greater>},
    {">", compared<Comparison::Greater>},
    {"ge", compared<Comparison::GreaterEqual>},
    {">=", compared<Comparison::GreaterEqual>},
};

}  // namespace

const Test* find_test(std::string_view name) {
  for (const Test& test : kTests)
    if (name == test.name) return &test;
  return nullptr;
}

}  // namespace limpid::jinja
