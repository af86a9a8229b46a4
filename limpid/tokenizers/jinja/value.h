#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "limpid/core/error.h"

/// Values of a template: Python's, as far as a template can see them. Texts, sequences and dicts never change once they
/// are made (Jinja's sandbox forbids it) and are shared; everything that can change is an Object.
namespace limpid::jinja {

/// Why a template cannot be parsed or rendered; whoever runs it adds the line.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// The message of a template's own raise_exception.
struct RaisedByTemplate : Fault {
  using Fault::Fault;
};

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Fault(concat(parts...));
}

class Object;
class Value;
struct Dict;

struct None {};
struct Undefined {
  std::shared_ptr<const std::string> why;  ///< what using it says: "'x' is undefined"
};
struct Text {
  std::string bytes;    ///< UTF-8
  bool markup = false;  ///< made by |safe or |escape: text that is added to it is escaped
};
struct Sequence;

class Value {
 public:
  Value() : form_(Undefined{}) {}
  Value(None) : form_(None{}) {}
  Value(bool value) : form_(value) {}
  Value(int64_t value) : form_(value) {}
  Value(double value) : form_(value) {}
  Value(Object* object) : form_(object) {}
  Value(std::shared_ptr<const Text> text) : form_(std::move(text)) {}
  Value(std::shared_ptr<const Sequence> sequence) : form_(std::move(sequence)) {}
  Value(std::shared_ptr<const Dict> dict) : form_(std::move(dict)) {}
  static Value undefined(std::string why);

  bool is_undefined() const { return std::holds_alternative<Undefined>(form_); }
  bool is_none() const { return std::holds_alternative<None>(form_); }
  bool is_bool() const { return std::holds_alternative<bool>(form_); }
  bool is_integer() const { return std::holds_alternative<int64_t>(form_); }  ///< and no bool
  bool is_float() const { return std::holds_alternative<double>(form_); }
  bool is_number() const { return is_bool() || is_integer() || is_float(); }

  const Text* text() const;          ///< null for what is none; so are those below
  const Sequence* sequence() const;  ///< a list, tuple, range, view of a dict, or iterator
  const Dict* dict() const;
  Object* object() const;

  std::optional<int64_t> integer() const;  ///< of an integer or a bool
  double number() const;                   ///< of any number
  const std::string& why_undefined() const;

 private:
  std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const Text>, std::shared_ptr<const Sequence>,
               std::shared_ptr<const Dict>, Object*>
      form_;
};

struct Sequence {
  enum class Kind : uint8_t { List, Tuple, Range, Keys, Values, Items, Iterator };
  Kind kind = Kind::List;
  std::vector<Value> items;
  size_t nesting = 1;           ///< levels of sequences and dicts, this one included
  mutable size_t position = 0;  ///< of an iterator: how many were taken
};

/// A mapping in the order of insertion.
struct Dict {
  std::vector<std::pair<Value, Value>> entries;
  std::unordered_map<std::string, size_t> places;  ///< by spell_key (operators.h)
  size_t nesting = 1;
};

std::string type_name(const Value& value);      ///< Python's: "str", "int", "list", …
std::string describe_type(const Value& value);  ///< "str object", "None": how Jinja's messages call it
size_t nesting(const Value& value);             ///< 0 for what holds no others

}  // namespace limpid::jinja
