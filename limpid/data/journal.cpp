#include "limpid/data/journal.h"

#include <algorithm>
#include <map>

#include "limpid/checkpoints/quote.h"

namespace limpid {
namespace {

constexpr int kFormat = 1;

fs::path settings_path(const fs::path& path) {
  fs::path beside = path;
  beside += ".settings.json";
  return beside;
}

void flatten(const Json& value, const std::string& name, std::map<std::string, std::string>& out) {
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, inner] : value.items()) flatten(inner, name.empty() ? key : name + "." + key, out);
  } else {
    std::string text = to_text(value);
    out[printable(name)] = text.size() > 60 ? text.substr(0, 57) + "..." : text;
  }
}

/// Reads the settings a run left beside its file. @throws FormatError when they cannot be understood.
Json read_settings(const fs::path& path) {
  const Json file = parse_json_line(read_file(path), path.string());
  const Json format = file.value("format", Json());
  LIMPID_CHECK(format == kFormat, FormatError, path.string(), ": \"format\" is ", to_text(format).substr(0, 40),
               ", expected ", kFormat);
  LIMPID_CHECK(file.contains("settings"), FormatError, path.string(), ": \"settings\" is missing");
  return file["settings"];
}

}  // namespace

std::string describe_difference(const Json& before, const Json& now, size_t limit) {
  if (before == now) return "";
  std::map<std::string, std::string> old_values, new_values;
  flatten(before, "", old_values);
  flatten(now, "", new_values);
  std::map<std::string, std::string> differences;
  for (const auto& [key, value] : old_values)
    if (!new_values.contains(key)) differences[key] = value + " there, absent now";
  for (const auto& [key, value] : new_values) {
    const auto entry = old_values.find(key);
    if (entry == old_values.end())
      differences[key] = "absent there, " + value + " now";
    else if (entry->second != value)
      differences[key] = entry->second + " there, " + value + " now";
  }
  std::string text;
  size_t shown = 0;
  for (const auto& [key, difference] : differences) {
    if (shown++ == limit) return text + "; and " + std::to_string(differences.size() - limit) + " more";
    text += (text.empty() ? "" : "; ") + key + ": " + difference;
  }
  return text.empty() ? "a long value differs" : text;  // equal in the 60 characters that would be shown
}

GenerationJournal::GenerationJournal(fs::path path, const Json& settings)
    : log_(std::move(path)) {  // first of all: of two runs that start together one must see the settings of the other
  check_settings(settings);
  read_rows();
}

void GenerationJournal::check_settings(const Json& settings) const {
  const fs::path beside = settings_path(log_.path());
  if (fs::file_size(log_.path()) == 0)  // nothing would be lost
    return write_file(beside, to_text(Json{{"format", kFormat}, {"settings", settings}}, 1) + "\n");
  LIMPID_CHECK(fs::exists(beside), MismatchError, log_.path().string(), ": exists without ", beside.filename().string(),
               ", so nobody knows with which settings it was made; write to another place");
  // Through text and back, so that numbers compare as they do in the file.
  const Json now = parse_json(to_text(settings), "settings");
  const std::string difference = describe_difference(read_settings(beside), now);
  LIMPID_CHECK(difference.empty(), MismatchError, log_.path().string(), ": was begun with other settings (", difference,
               "); continue with the same ones, or write to another place");
}

void GenerationJournal::read_rows() {
  for_each_line(log_.read(), [&](std::string_view line, size_t number) {
    const std::string source = concat(log_.path().string(), ":", number);
    GenerationRow row = parse_generation_row(line, source);
    LIMPID_CHECK(row.index.has_value(), FormatError, source,
                 ": \"index\" is missing, expected the place of the prompt");
    LIMPID_CHECK(finished_.insert(*row.index).second, FormatError, source, ": prompt ", *row.index, " is there twice");
    rows_.push_back(std::move(row));
  });
  log_.cut();  // only now that every whole line has been understood is anything changed
}

void GenerationJournal::append(const GenerationRow& row) {
  LIMPID_CHECK(row.index.has_value(), ConfigError, log_.path().string(), ": a row without the place of its prompt");
  LIMPID_CHECK(!has(*row.index), ConfigError, log_.path().string(), ": prompt ", *row.index, " is there already");
  log_.append(to_line(row));
  finished_.insert(*row.index);
  rows_.push_back(row);
}

void GenerationJournal::sort_by_index() {
  std::sort(rows_.begin(), rows_.end(), [](const auto& a, const auto& b) { return *a.index < *b.index; });
  const fs::path path = log_.path();
  write_generations(path, rows_);  // whole or not at all; the log still holds the old file
  log_ = LineLog(path);
  log_.read();
}

}  // namespace limpid
