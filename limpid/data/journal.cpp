#include "limpid/data/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

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
    out[name] = text.size() > 60 ? text.substr(0, 57) + "..." : text;
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

GenerationJournal::GenerationJournal(fs::path path, const Json& settings) : path_(std::move(path)) {
  if (path_.has_parent_path()) {
    std::error_code error;
    fs::create_directories(path_.parent_path(), error);
    LIMPID_CHECK(!error, IoError, path_.parent_path().string(), ": cannot be created: ", error.message());
  }
  open_file();  // first of all: of two runs that start together one must see the settings of the other
  try {
    check_settings(settings);
    read_lines();
  } catch (...) {
    close_file();
    throw;
  }
}

void GenerationJournal::check_settings(const Json& settings) const {
  const fs::path beside = settings_path(path_);
  if (fs::exists(beside)) {
    // Through text and back, so that numbers compare as they do in the file.
    const Json now = parse_json(to_text(settings), "settings");
    const std::string difference = describe_difference(read_settings(beside), now);
    LIMPID_CHECK(difference.empty(), MismatchError, path_.string(), ": was begun with other settings (", difference,
                 "); continue with the same ones, or write to another place");
  } else {
    LIMPID_CHECK(fs::file_size(path_) == 0, MismatchError, path_.string(), ": exists without ",
                 beside.filename().string(),
                 ", so nobody knows with which settings it was made; write to another place");
    write_file(beside, to_text(Json{{"format", kFormat}, {"settings", settings}}, 1) + "\n");
  }
}

GenerationJournal::~GenerationJournal() { close_file(); }

void GenerationJournal::open_file() {
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  LIMPID_CHECK(descriptor_ >= 0, IoError, path_.string(), ": cannot be written: ", std::strerror(errno));
  if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const bool busy = errno == EWOULDBLOCK;  // file systems without locks just go on
    if (busy) close_file();
    LIMPID_CHECK(!busy, IoError, path_.string(), ": another run is writing this file");
  }
}

void GenerationJournal::close_file() {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
}

void GenerationJournal::read_lines() {
  std::string text = read_file(path_);
  const size_t last = text.rfind('\n');
  size_bytes_ = last == std::string::npos ? 0 : last + 1;
  dropped_bytes_ = text.size() - size_bytes_;
  text.resize(size_bytes_);
  for_each_line(text, [&](std::string_view line, size_t number) {
    const std::string source = concat(path_.string(), ":", number);
    GenerationRow row = parse_generation_row(line, source);
    LIMPID_CHECK(row.index.has_value(), FormatError, source,
                 ": \"index\" is missing, expected the place of the prompt");
    LIMPID_CHECK(finished_.insert(*row.index).second, FormatError, source, ": prompt ", *row.index, " is there twice");
    rows_.push_back(std::move(row));
  });
  // Only now that every whole line has been understood is anything changed.
  if (dropped_bytes_ > 0)
    LIMPID_CHECK(ftruncate(descriptor_, off_t(size_bytes_)) == 0, IoError, path_.string(),
                 ": its cut-off last line cannot be removed: ", std::strerror(errno));
}

void GenerationJournal::append(const GenerationRow& row) {
  LIMPID_CHECK(row.index.has_value(), ConfigError, path_.string(), ": a row without the place of its prompt");
  LIMPID_CHECK(!has(*row.index), ConfigError, path_.string(), ": prompt ", *row.index, " is there already");
  const std::string line = to_line(row) + "\n";
  size_t done = 0;
  while (done < line.size()) {
    const ssize_t written = ::write(descriptor_, line.data() + done, line.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int error = errno;
      const bool restored = ftruncate(descriptor_, off_t(size_bytes_)) == 0;
      throw IoError(concat(path_.string(), ": write failed: ", std::strerror(error),
                           restored ? "; the finished prompts are kept" : "; its last line is cut off"));
    }
    done += size_t(written);
  }
  size_bytes_ += line.size();
  finished_.insert(*row.index);
  rows_.push_back(row);
}

void GenerationJournal::sort_by_index() {
  std::sort(rows_.begin(), rows_.end(), [](const auto& a, const auto& b) { return *a.index < *b.index; });
  write_generations(path_, rows_);  // whole or not at all; the descriptor still points to the old file
  close_file();
  open_file();
  size_bytes_ = fs::file_size(path_);
}

}  // namespace limpid
