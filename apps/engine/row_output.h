#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "limpid/core/files.h"
#include "limpid/data/unfinished_output.h"

namespace limpid::apps {

/// Where the rows of a jsonl output go. To standard output, a pipe or a device they go in order, each as soon as it and
/// all before it are there. To a file they go at the end; until then finished ones are kept (UnfinishedOutput), and a
/// run with the same settings goes on from them.
class RowOutput {
 public:
  /// @param output  empty: standard output
  /// @param settings  everything that changes a row; called for a file only
  /// @param total  rows there will be    @param unit  of them, in messages: "prompts"
  RowOutput(const fs::path& output, const std::function<Json()>& settings, size_t total, const char* unit);

  /// Returns the rows that are there already; null where none can be.
  const UnfinishedOutput* kept() const { return unfinished_.get(); }
  bool has(uint64_t index) const { return unfinished_ && unfinished_->has(index); }
  void write(uint64_t index, const std::string& line);  ///< with its newline, in any order. @throws IoError
  void finish();                                        ///< @throws IoError
  /// @throws Interrupted when the terminal asks the work to stop, saying what is kept.
  void stop_if_asked() const;

 private:
  const size_t total_;
  const char* const unit_;
  std::unique_ptr<AtomicFile> stream_;  // none: standard output, or a file
  std::unique_ptr<UnfinishedOutput> unfinished_;
  std::map<uint64_t, std::string> early_;  // rows of a stream whose turn has not come
  uint64_t next_ = 0;
};

}  // namespace limpid::apps
