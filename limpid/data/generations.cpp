#include "limpid/data/generations.h"

#include <limits>
#include <map>

#include "limpid/checkpoints/quote.h"
#include "limpid/data/named_data.h"

namespace limpid {
namespace {

std::string keys_of(const Json& object) {
  std::string list;
  for (const auto& [key, value] : object.items()) {
    if (list.size() > 120) return list + ", …";
    list += (list.empty() ? "" : ", ") + printable(key.substr(0, 60));
  }
  return list.empty() ? "none" : list;
}

/// Returns the prompt, which is a string or an object with "text".
std::string prompt_text(const Json& row, const std::string& field, const std::string& source) {
  const auto prompt = row.find(field);
  LIMPID_CHECK(prompt != row.end(), FormatError, source, ": \"", field, "\" is missing; keys found: ", keys_of(row));
  if (prompt->is_string()) return prompt->get<std::string>();
  LIMPID_CHECK(prompt->is_object(), FormatError, source, ": \"", field, "\" is ", json_kind(*prompt),
               ", expected a string or an object with \"text\"");
  return require<std::string>(*prompt, "text", concat(source, ": ", field));
}

std::optional<double> read_toxicity(const Json& object, const std::string& source) {
  const auto toxicity = object.find("toxicity");
  if (toxicity == object.end() || toxicity->is_null()) return std::nullopt;
  const double value = require<double>(object, "toxicity", source);
  LIMPID_CHECK(value >= 0 && value <= 1, FormatError, source, ": \"toxicity\" is ", value, ", expected 0 to 1 or null");
  return value;
}

Continuation read_continuation(Json& value, const std::string& source) {
  Continuation out;
  if (value.is_string()) {
    out.text = value.get<std::string>();
    return out;
  }
  LIMPID_CHECK(value.is_object(), FormatError, source, " is ", json_kind(value), ", expected an object with \"text\"");
  out.text = require<std::string>(value, "text", source);
  out.ids = read_ids(value, source);
  out.toxicity = read_toxicity(value, source);
  out.finish_reason = get_or<std::string>(value, "finish_reason", "", source);
  for (const char* known : {"text", "ids", "toxicity", "finish_reason"}) value.erase(known);
  out.fields = std::move(value);
  return out;
}

}  // namespace

std::optional<TokenIds> read_ids(const Json& object, const std::string& source) {
  const auto list = object.find("ids");
  if (list == object.end() || list->is_null()) return std::nullopt;
  LIMPID_CHECK(list->is_array(), FormatError, source, ": \"ids\" is ", json_kind(*list),
               ", expected an array of token ids");
  TokenIds ids;
  ids.reserve(list->size());
  for (const Json& id : *list) {
    // A negative number that is_number_unsigned() is false for would otherwise turn into a huge one.
    const bool fits = id.is_number_unsigned() && id.get<uint64_t>() <= uint64_t(std::numeric_limits<TokenId>::max());
    LIMPID_CHECK(fits, FormatError, source, ": \"ids\"[", ids.size(), "] is not a token id (a whole number from 0)");
    ids.push_back(TokenId(id.get<uint64_t>()));
  }
  return ids;
}

std::vector<PromptRow> read_prompts(const fs::path& path_or_name, const std::string& field) {
  const fs::path path = resolve_data(path_or_name);
  std::vector<PromptRow> prompts;
  for_each_row(path, {field}, [&](DataRow& read) {
    PromptRow row;
    row.source = std::move(read.source);
    if (read.is_plain()) {
      row.text = std::move(read.text);
    } else {
      row.fields = std::move(read.fields);
      row.text = prompt_text(row.fields, field, row.source);
      const Json& prompt = row.fields[field];
      row.toxicity = read_toxicity(prompt.is_object() && prompt.contains("toxicity") ? prompt : row.fields, row.source);
    }
    prompts.push_back(std::move(row));
  });
  LIMPID_CHECK(!prompts.empty(), FormatError, path.string(), ": holds no prompts, expected rows with \"", field,
               "\" or one prompt a line");
  return prompts;
}

GenerationRow parse_generation_row(std::string_view line, const std::string& source) {
  return generation_row(parse_json_line(line, source), source);
}

GenerationRow generation_row(Json value, const std::string& source) {
  GenerationRow row;
  row.prompt = prompt_text(value, "prompt", source);
  if (value["prompt"].is_object())
    row.prompt_ids = read_ids(value["prompt"], concat(source, ": prompt"));
  else
    value.erase("prompt");
  if (const auto index = value.find("index"); index != value.end() && !index->is_null()) {
    LIMPID_CHECK(index->is_number_unsigned(), FormatError, source, ": \"index\" is ", to_text(*index).substr(0, 40),
                 ", expected a whole number from 0");
    row.index = index->get<uint64_t>();
  }
  const auto generations = value.find("generations");
  LIMPID_CHECK(generations != value.end(), FormatError, source,
               ": \"generations\" is missing; keys found: ", keys_of(value));
  LIMPID_CHECK(generations->is_array(), FormatError, source, ": \"generations\" is ", json_kind(*generations),
               ", expected an array");
  row.generations.reserve(generations->size());
  for (Json& item : *generations)
    row.generations.push_back(read_continuation(item, concat(source, ": generations[", row.generations.size(), "]")));
  value.erase("generations");
  value.erase("index");
  row.fields = std::move(value);
  return row;
}

std::vector<GenerationRow> read_generations(const fs::path& path) {
  std::vector<GenerationRow> rows;
  for_each_object(path, {}, R"({"prompt", "generations"})", [&](const Json& fields, const std::string& source) {
    rows.push_back(generation_row(fields, source));
  });
  LIMPID_CHECK(!rows.empty(), FormatError, path.string(), ": holds no generations, expected one prompt a line: ",
               R"({"prompt": …, "generations": [{"text": …}]})");
  return rows;
}

std::string to_line(const GenerationRow& row) {
  Json line = row.fields;
  if (!line.contains("prompt")) line["prompt"] = Json::object();
  line["prompt"]["text"] = row.prompt;
  if (row.prompt_ids) line["prompt"]["ids"] = *row.prompt_ids;
  if (row.index) line["index"] = *row.index;
  Json& list = line["generations"] = Json::array();
  for (const Continuation& continuation : row.generations) {
    Json item = continuation.fields;
    item["text"] = continuation.text;
    item["toxicity"] = continuation.toxicity ? Json(*continuation.toxicity) : Json();
    if (continuation.ids) item["ids"] = *continuation.ids;
    if (!continuation.finish_reason.empty()) item["finish_reason"] = continuation.finish_reason;
    list.push_back(std::move(item));
  }
  return to_text(line);
}

void write_generations(const fs::path& path, const std::vector<GenerationRow>& rows) {
  AtomicFile file(path);
  for (const GenerationRow& row : rows) file.write(to_line(row) + "\n");
  file.commit();
}

std::vector<std::pair<size_t, size_t>> pair_by_prompt(const std::vector<GenerationRow>& first,
                                                      const std::vector<GenerationRow>& second) {
  using Key = std::pair<std::string, size_t>;  // text, and which of the prompts with that text
  const auto keys = [](const std::vector<GenerationRow>& rows) {
    std::map<std::string, size_t> seen;
    std::vector<Key> all;
    for (const GenerationRow& row : rows) all.emplace_back(row.prompt, seen[row.prompt]++);
    return all;
  };
  std::map<Key, size_t> places;
  for (const Key& key : keys(second)) places.emplace(key, places.size());
  std::vector<std::pair<size_t, size_t>> pairs;
  size_t place = 0;
  for (const Key& key : keys(first)) {
    if (const auto other = places.find(key); other != places.end()) pairs.emplace_back(place, other->second);
    ++place;
  }
  LIMPID_CHECK(!pairs.empty(), MismatchError, "[metrics] the two runs of ", first.size(), " and ", second.size(),
               " prompts have no prompt in common, so they cannot be compared");
  return pairs;
}

}  // namespace limpid
