#include "limpid/data/pairs.h"

#include "limpid/core/random.h"

namespace limpid {

std::string trimmed_pair_text(const std::string& text) {
  const char* ends = " \t\r\n.";
  const size_t first = text.find_first_not_of(ends);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(ends) - first + 1);
}

std::vector<SteeringPair> read_pairs(const DataOptions& options) {
  DataOptions data{options.files, options.where, {}};
  std::string toxic = "toxic", neutral = "neutral";
  for (const std::string& field : options.fields) {
    const size_t equals = field.find('=');
    const std::string name = field.substr(0, equals);
    LIMPID_CHECK(equals != std::string::npos && equals + 1 < field.size() && (name == "toxic" || name == "neutral"),
                 ConfigError, "--fields \"", field, "\", expected toxic=COLUMN or neutral=COLUMN");
    (name == "toxic" ? toxic : neutral) = field.substr(equals + 1);
  }
  data.fields = {"text=" + toxic};
  data.text_columns = {neutral};
  std::vector<SteeringPair> pairs;
  size_t incomplete = 0;
  for_each_text_row(data, [&](const TextRow& row, const Json& object) {
    LIMPID_CHECK(object.is_object(), FormatError, row.source, ": plain text, expected rows with \"", toxic, "\" and \"",
                 neutral, "\"");
    const auto value = object.find(neutral);
    LIMPID_CHECK(value != object.end(), FormatError, row.source, ": \"", neutral,
                 "\" is missing; --fields neutral=COLUMN names another column");
    LIMPID_CHECK(value->is_string() || value->is_null(), FormatError, row.source, ": \"", neutral, "\" is ",
                 json_kind(*value), ", expected a string");
    SteeringPair pair{trimmed_pair_text(row.text),
                      value->is_null() ? "" : trimmed_pair_text(value->get<std::string>())};
    if (pair.toxic.empty() || pair.neutral.empty())
      ++incomplete;
    else
      pairs.push_back(std::move(pair));
  });
  LIMPID_CHECK(!pairs.empty(), ConfigError, "[destein] no pairs are left: ", incomplete,
               " rows lack one of the two texts");
  return pairs;
}

std::vector<SteeringPair> draw_pairs(std::vector<SteeringPair> pairs, size_t count, uint64_t seed) {
  RandomStream(seed, /*stream=*/0x70616972).shuffle(pairs);
  if (pairs.size() > count) pairs.resize(count);
  return pairs;
}

}  // namespace limpid
