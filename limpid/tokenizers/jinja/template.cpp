#include "limpid/tokenizers/jinja/template.h"

#include "limpid/checkpoints/quote.h"
#include "limpid/tokenizers/jinja/globals.h"
#include "limpid/tokenizers/jinja/interpreter.h"
#include "limpid/tokenizers/jinja/parser.h"

namespace limpid::jinja {

namespace {

Value from_json(Run& run, const OrderedJson& json, size_t level = 0) {
  if (level > kMaxNesting) fail("the messages have more than ", kMaxNesting, " levels");
  switch (json.type()) {
    case OrderedJson::value_t::boolean: return json.get<bool>();
    case OrderedJson::value_t::number_integer: return json.get<int64_t>();
    case OrderedJson::value_t::number_unsigned:
      if (json.get<uint64_t>() > uint64_t(INT64_MAX)) return json.get<double>();
      return json.get<int64_t>();
    case OrderedJson::value_t::number_float: return json.get<double>();
    case OrderedJson::value_t::string: return run.text(json.get<std::string>());
    case OrderedJson::value_t::array: {
      std::vector<Value> items;
      for (const OrderedJson& item : json) items.push_back(from_json(run, item, level + 1));
      return run.list(std::move(items));
    }
    case OrderedJson::value_t::object: {
      std::vector<std::pair<Value, Value>> entries;
      for (const auto& [key, value] : json.items())
        entries.emplace_back(run.text(key), from_json(run, value, level + 1));
      return run.dict(std::move(entries));
    }
    default: return None();
  }
}

}  // namespace

struct Template::Tree {
  Body body;
};

Template::Template(std::string_view source) {
  try {
    tree_ = std::make_unique<const Tree>(Tree{parse_template(source)});
  } catch (const SyntaxFault& fault) {
    throw FormatError(concat("[chat] the model's chat template, line ", fault.line, ": ", printable(fault.what())));
  }
}

Template::~Template() = default;

std::string Template::render(const OrderedJson& context, const Limits& limits) const {
  Run run(limits);
  Interpreter interpreter(run);
  try {
    for (auto& [name, function] : global_functions(run)) interpreter.define(name, std::move(function));
    for (const auto& [name, value] : context.items()) interpreter.define(name, from_json(run, value));
    return interpreter.render(tree_->body);
  } catch (const RaisedByTemplate& raised) {
    throw ConfigError("[chat] " + printable(raised.what()));
  } catch (const Fault& fault) {
    throw ConfigError(
        concat("[chat] the model's chat template, line ", interpreter.line(), ": ", printable(fault.what())));
  }
}

}  // namespace limpid::jinja
