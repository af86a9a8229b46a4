#include "apps/engine/row_output.h"

#include <iostream>

#include "apps/terminal.h"
#include "limpid/core/number_text.h"

namespace limpid::apps {

RowOutput::RowOutput(const fs::path& output, const std::function<Json()>& settings, size_t total, const char* unit)
    : total_(total),
      unit_(unit) {
  if (output.empty()) return;
  if (is_stream(output)) {
    stream_ = std::make_unique<AtomicFile>(output);
    return;
  }
  unfinished_ = std::make_unique<UnfinishedOutput>(output, settings());
  if (unfinished_->size() > 0)
    terminal().info(concat("continuing: ", thousands(unfinished_->size()), " of ", thousands(total_), " ", unit_,
                           " are in ", unfinished_->path().string()));
}

void RowOutput::write(uint64_t index, const std::string& line) {
  if (unfinished_) return unfinished_->add(index, std::string_view(line).substr(0, line.size() - 1));
  early_.emplace(index, line);
  for (auto first = early_.find(next_); first != early_.end(); first = early_.find(++next_)) {
    if (stream_)
      stream_->write(first->second);
    else
      std::cout << first->second << std::flush;
    early_.erase(first);
  }
}

void RowOutput::finish() {
  if (stream_) stream_->commit();
  if (unfinished_) unfinished_->finish();
}

void RowOutput::stop_if_asked() const {
  if (!terminal().stop()) return;
  if (!unfinished_ || unfinished_->size() == 0) throw Interrupted("interrupted");
  throw Interrupted(concat("interrupted; ", thousands(unfinished_->size()), " of ", thousands(total_), " ", unit_,
                           " are finished and kept in ", unfinished_->path().string(),
                           "; the same command goes on from there"));
}

}  // namespace limpid::apps
