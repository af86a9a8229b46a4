#include "limpid/data/labelled_text.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <unordered_set>

#include "limpid/core/parse.h"
#include "limpid/core/random.h"
#include "limpid/data/file_query.h"
#include "limpid/data/named_data.h"

namespace limpid {
namespace {

/// One entry of DataOptions::files: our keys taken out, the rest for text_data.h.
struct Entry {
  fs::path path;
  std::string rest, label = "label";
  std::optional<double> fixed;
  std::optional<size_t> take;
};

Entry parse_entry(const std::string& text) {
  const FileQuery query = FileQuery::parse(text);
  Entry entry{query.path, query.path};
  char separator = '?';
  for (const auto& [part, key, value] : query.parts()) {
    if (key == "label") {
      entry.label = value;
    } else if (key == "as") {
      LIMPID_CHECK(value == "toxic" || value == "safe", ConfigError, "data \"", text, "\": as is \"", value,
                   "\", expected toxic or safe");
      entry.fixed = value == "toxic" ? 1.0 : 0.0;
    } else if (key == "take") {
      entry.take = parse_number<size_t>(value);
      LIMPID_CHECK(entry.take.value_or(0) > 0, ConfigError, "data \"", text, "\": take is \"", value,
                   "\", expected a number of rows");
    } else {
      (entry.rest += separator) += part;
      separator = '&';
    }
  }
  return entry;
}

/// Returns lower-case letters, digits and bytes beyond ASCII; everything else parts words.
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
    DataOptions file_options = common;
    file_options.files = {entry.rest};
    std::vector<LabelledText> rows;
    size_t unlabelled = 0;
    for_each_text_row(file_options, [&](const TextRow& row, const Json& object) {
      LabelledText labelled{row.text, entry.fixed.value_or(0.0), entry.path.stem().string()};
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
    const std::string name = options.files[f].substr(entry.path.parent_path().string().size());
    data.files.push_back({{"path", name.substr(name.find_first_not_of('/'))},
                          {"sha256", sha256_file(resolve_data(entry.path))},
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
