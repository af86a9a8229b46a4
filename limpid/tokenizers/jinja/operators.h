#pragma once

#include "limpid/core/names.h"
#include "limpid/tokenizers/jinja/run.h"

/// What Python's operators do. All throw Fault with Python's words for operands that do not fit.
namespace limpid::jinja {

enum class Operator : uint8_t { Add, Subtract, Multiply, Divide, FloorDivide, Modulo, Power };
inline constexpr const char* kOperators[] = {"+", "-", "*", "/", "//", "%", "**"};
constexpr Names names_of(Operator) { return kOperators; }

enum class Comparison : uint8_t { Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, In, NotIn };
inline constexpr const char* kComparisons[] = {"==", "!=", "<", "<=", ">", ">=", "in", "not in"};
constexpr Names names_of(Comparison) { return kComparisons; }

bool truth(const Value& value);
bool equal(Run& run, const Value& left, const Value& right);
bool compare(Run& run, Comparison comparison, const Value& left, const Value& right);
bool contains(Run& run, const Value& container, const Value& item);

Value arithmetic(Run& run, Operator op, const Value& left, const Value& right);
Value negated(const Value& value);

size_t length(Run& run, const Value& value);  ///< len(value)
std::vector<Value> elements(Run& run,
                            const Value& value);  ///< what `for` goes through; an iterator is empty afterwards
Value value_of_key(Run& run, const Dict& dict, const Value& key, Value fallback);

/// Returns a text that is the same for keys which Python holds equal. @throws Fault for what cannot be hashed.
std::string spell_key(Run& run, const Value& key);

}  // namespace limpid::jinja
