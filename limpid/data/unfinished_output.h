#pragma once

#include <functional>
#include <map>
#include <string_view>

#include "limpid/core/json.h"
#include "limpid/core/line_log.h"

namespace limpid {

/// The finished rows of a jsonl output that takes long, in FILE.part. A run that was interrupted or killed leaves it,
/// and one with the same settings goes on from it, to the same bytes.
///
///   {"format": 1, "settings": {…}}      what the run was started with
///   7 {"prompt": …}                      row 7 of the output; rows stand in the order in which they finished
class UnfinishedOutput {
 public:
  /// Takes up the rows that an earlier run left; without any it begins anew.
  /// @param settings  everything that changes a row
  /// @throws MismatchError when there are rows of a run with other settings, saying what differs; FormatError for a
  ///         damaged line that is not the last; IoError when another process writes the file.
  UnfinishedOutput(fs::path output, const Json& settings);
  /// A part without a row is removed.
  ~UnfinishedOutput();
  UnfinishedOutput(const UnfinishedOutput&) = delete;
  UnfinishedOutput& operator=(const UnfinishedOutput&) = delete;

  const fs::path& path() const { return log_.path(); }  ///< FILE.part
  size_t size() const { return rows_.size(); }
  bool has(uint64_t index) const { return rows_.contains(index); }
  /// Visits the rows in the order of the output, without newlines.
  void for_each_row(const std::function<void(std::string_view line)>& visit) const;
  /// Keeps a finished row, a line without its newline. @throws IoError, leaving what is finished.
  void add(uint64_t index, std::string_view line);
  /// Writes the output, its rows in order, and removes the part. @throws IoError
  void finish();

 private:
  struct Place {  // in the part
    uint64_t offset, size;
  };

  void read_rows(const Json& settings);
  void begin(const Json& settings);

  fs::path output_;
  LineLog log_;
  std::map<uint64_t, Place> rows_;
};

/// Returns what tells whether a file, or the files of a folder, are as they were: name, size and time of change of
/// each. It is a matter of a moment where hashes of a model's weights would take a minute.
/// @throws IoError for a path that is not there
Json file_stamp(const fs::path& path);
/// Returns what tells whether the content is as it was, wherever it lies: the SHA-256 of a file; of a folder, which may
/// hold a large model, that of its files' names, sizes and times of change. @throws IoError
std::string content_stamp(const fs::path& path);

}  // namespace limpid
