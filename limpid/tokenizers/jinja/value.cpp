#include "limpid/tokenizers/jinja/value.h"

#include "limpid/tokenizers/jinja/object.h"

namespace limpid::jinja {

namespace {

template <class T, class Form>
const T* shared_of(const Form& form) {
  const auto* pointer = std::get_if<std::shared_ptr<const T>>(&form);
  return pointer ? pointer->get() : nullptr;
}

constexpr const char* kSequenceNames[] = {"list",        "tuple",      "range",    "dict_keys",
                                          "dict_values", "dict_items", "generator"};

}  // namespace

Value Value::undefined(std::string why) {
  Value value;
  value.form_ = Undefined{std::make_shared<const std::string>(std::move(why))};
  return value;
}

const Text* Value::text() const { return shared_of<Text>(form_); }
const Sequence* Value::sequence() const { return shared_of<Sequence>(form_); }
const Dict* Value::dict() const { return shared_of<Dict>(form_); }
Object* Value::object() const {
  const auto* object = std::get_if<Object*>(&form_);
  return object ? *object : nullptr;
}

std::optional<int64_t> Value::integer() const {
  if (const auto* value = std::get_if<int64_t>(&form_)) return *value;
  if (const auto* value = std::get_if<bool>(&form_)) return *value;
  return std::nullopt;
}

double Value::number() const {
  if (const auto* value = std::get_if<double>(&form_)) return *value;
  return double(integer().value_or(0));
}

const std::string& Value::why_undefined() const {
  static const std::string no_reason = "a value is undefined";
  const auto* undefined = std::get_if<Undefined>(&form_);
  return undefined && undefined->why ? *undefined->why : no_reason;
}

std::string type_name(const Value& value) {
  if (value.is_undefined()) return "Undefined";
  if (value.is_none()) return "NoneType";
  if (value.is_bool()) return "bool";
  if (value.is_integer()) return "int";
  if (value.is_float()) return "float";
  if (value.dict()) return "dict";
  if (const Text* text = value.text()) return text->markup ? "Markup" : "str";
  if (const Sequence* sequence = value.sequence()) return kSequenceNames[size_t(sequence->kind)];
  return value.object()->type_name();
}

std::string describe_type(const Value& value) { return value.is_none() ? "None" : type_name(value) + " object"; }

size_t nesting(const Value& value) {
  if (const Sequence* sequence = value.sequence()) return sequence->nesting;
  if (const Dict* dict = value.dict()) return dict->nesting;
  return 0;
}

}  // namespace limpid::jinja
