#include "limpid/data/labelled_text.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <unordered_set>

#include "limpid/core/random.h"

namespace limpid {
namespace {

/// One entry of DataOptions::files: our keys taken out, the rest for text_data.h.
struct Entry {
  std::string rest, label = "label";
  std::optional<double> fixed;
  std::optional<size_t> take;
};

Entry parse_entry(const std::string& text) {
  Entry entry;
  const size_t question = text.find('?');
  entry.rest = text.substr(0, question);
  char separator = '?';
  for (size_t at = question; at != std::string::npos;) {
    const size_t end = text.find('&', at + 1);
    const std::string pair = text.substr(at + 1, end == std::string::npos ? end : end - at - 1),
                      key = pair.substr(0, pair.find('='));
    const std::string value = pair.size() > key.size() ? pair.substr(key.size() + 1) : "";
    if (key == "label") {
      entry.label = value;
    } else if (key == "as") {
      LIMPID_CHECK(value == "toxic" || value == "safe", ConfigError, "data \"", text, "\": as is \"", value,
                   "\", expected toxic or safe");
      entry.fixed = value == "toxic" ? 1.0 : 0.0;
    } else if (key == "take") {
      size_t count = 0;
      const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), count);
      LIMPID_CHECK(error == std::errc() && stop == value.data() + value.size() && count > 0, ConfigError, "data \"",
                   text, "\": take is \"", value, "\", expected a number of rows");
      entry.take = count;
    } else {
      (entry.rest += separator) += pair;
      separator = '&';
    }
    at = end;
  }
  return entry;
}

/// Lower-case letters, digits and bytes beyond ASCII; everything else parts words.
std::string comparable(const std::string& text) {
  std::string key;
  bool gap = false;
  for (unsigned char c : text) {
    if (c >= 128 || std::isalnum(c)) {
      if (gap && !key.empty()) key += ' ';
      key += char(c < 128 ? std::tolower(c) : c);
    }
    gap = !(c >= 128 || std::isalnum(c));
  }
  return key;
}

}  // namespace

LabelledData read_labelled(const DataOptions& options, uint64_t seed) {
  LabelledData data;
  DataOptions common{{}, options.where, {}};
  std::string label_column;
  for (const std::string& field : options.fields) {
    if (field.starts_with("label="))
      label_column = field.substr(6);
    else
      common.fields.push_back(field);
  }
  for (size_t f = 0; f < options.files.size(); ++f) {
    const Entry entry = parse_entry(options.files[f]);
    const std::string column = entry.label == "label" && !label_column.empty() ? label_column : entry.label;
    DataOptions one = common;
    one.files = {entry.rest};
    std::vector<LabelledText> rows;
    size_t unlabelled = 0;
    for_each_text_row(one, [&](const TextRow& row, const Json& object) {
      LabelledText labelled{row.text, entry.fixed.value_or(0.0), fs::path(data_path(entry.rest)).stem().string()};
      if (object.is_object()) labelled.source = get_or<std::string>(object, "source", labelled.source, row.source);
      if (!entry.fixed) {
        LIMPID_CHECK(object.is_object(), ConfigError, row.source,
                     ": plain text has no labels; say ?as=toxic or ?as=safe behind the path");
        const auto label = object.find(column);
        LIMPID_CHECK(label != object.end(), FormatError, row.source, ": \"", column,
                     "\" is missing; name the column with ?label=COLUMN behind the path, or the label of all rows with "
                     "?as=toxic|safe");
        if (label->is_null()) {
          ++unlabelled;
          return;
        }
        labelled.label =
            label->is_boolean() ? double(label->get<bool>()) : require<double>(object, column.c_str(), row.source);
        LIMPID_CHECK(labelled.label >= 0.0 && labelled.label <= 1.0, FormatError, row.source, ": \"", column, "\" is ",
                     labelled.label, ", expected a number from 0 (not toxic) to 1 (toxic)");
      }
      rows.push_back(std::move(labelled));
    });
    if (entry.take && *entry.take < rows.size()) {
      RandomStream(seed, /*stream=*/f).shuffle(rows);
      rows.resize(*entry.take);
    }
    // The file's name without its folder: results name data, not machines.
    const std::string name = options.files[f].substr(data_path(entry.rest).parent_path().string().size());
    data.files.push_back({{"path", name.substr(name.find_first_not_of('/'))},
                          {"sha256", sha256_file(data_path(entry.rest))},
                          {"rows", rows.size()}});
    if (unlabelled) data.files.back()["unlabelled"] = unlabelled;
    std::move(rows.begin(), rows.end(), std::back_inserter(data.rows));
  }
  LIMPID_CHECK(!data.rows.empty(), ConfigError, "no labelled text is left of ", options.files.size(), " files");
  return data;
}

size_t remove_duplicates(LabelledData& data, const LabelledData& held_out) {
  std::unordered_set<std::string> seen;
  for (const LabelledText& row : held_out.rows) seen.insert(comparable(row.text));
  return std::erase_if(data.rows, [&](const LabelledText& row) { return !seen.insert(comparable(row.text)).second; });
}

}  // namespace limpid
