#pragma once

#include <set>
#include <string>
#include <vector>

#include "limpid/core/line_log.h"
#include "limpid/data/generations.h"

/// The work of a long run, kept line by line so that it survives a crash, Ctrl-C and a full disk.
///
///   generations.jsonl                 one finished prompt a line, in the order they finished
///   generations.jsonl.settings.json   {"format": 1, "settings": {…}}: what the run was started with
///
/// Opened again with the same settings it gives back the finished prompts; with other settings it refuses and says what
/// differs. A last line without its newline was cut off by a crash: it is dropped and the file cut to its last whole
/// line.
namespace limpid {

class GenerationJournal {
 public:
  /// @param settings  everything that changes a text: model and its hash, detoxifiers, sampling, seed, hash of the
  /// prompts.
  /// @throws MismatchError when the file was begun with other settings, or has no settings beside it; FormatError for a
  ///         damaged line that is not the last; IoError when another process is writing the file.
  GenerationJournal(fs::path path, const Json& settings);

  /// Returns whether the prompt with this place in the prompt file is finished.
  bool has(uint64_t index) const { return finished_.contains(index); }
  const fs::path& path() const { return log_.path(); }
  size_t size() const { return rows_.size(); }
  const std::vector<GenerationRow>& rows() const { return rows_; }  ///< in the order they finished
  size_t dropped_bytes() const { return log_.dropped_bytes(); }     ///< of a cut-off last line, 0 when there was none

  /// Writes one finished prompt; on return the line is with the operating system, so a crash of this process keeps it.
  /// @throws ConfigError when the row has no index or its prompt is there already; IoError, leaving whole lines only.
  void append(const GenerationRow& row);

  /// Rewrites the file in the order of the prompts, so that two runs that finished in another order leave equal bytes.
  void sort_by_index();

 private:
  void check_settings(const Json& settings) const;
  void read_rows();

  LineLog log_;
  std::vector<GenerationRow> rows_;
  std::set<uint64_t> finished_;
};

/// Returns how settings differ: "seed: 1 there, 2 now; sampling.top_p: 0.9 there, absent now"; empty when equal. At
/// most `limit` differences are spelled out.
std::string describe_difference(const Json& before, const Json& now, size_t limit = 5);

}  // namespace limpid
