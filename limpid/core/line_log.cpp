#include "limpid/core/line_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "limpid/core/error.h"
#include "limpid/core/files.h"

namespace limpid {

LineLog::LineLog(fs::path path) : path_(std::move(path)) {
  if (path_.has_parent_path()) {
    std::error_code error;
    fs::create_directories(path_.parent_path(), error);
    LIMPID_CHECK(!error, IoError, path_.parent_path().string(), ": cannot be created: ", error.message());
  }
  file_ = Descriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  LIMPID_CHECK(file_, IoError, path_.string(), ": cannot be written: ", std::strerror(errno));
  LIMPID_CHECK(lock_alone(file_), IoError, path_.string(), ": another run is writing this file");
}

std::string LineLog::read() {
  std::string text = read_file(path_);
  const size_t last = text.rfind('\n');
  size_ = last == std::string::npos ? 0 : last + 1;
  dropped_bytes_ = text.size() - size_;
  text.resize(size_);
  return text;
}

void LineLog::cut() {
  LIMPID_CHECK(dropped_bytes_ == 0 || ftruncate(file_.get(), off_t(size_)) == 0, IoError, path_.string(),
               ": its cut-off last line cannot be removed: ", std::strerror(errno));
}

void LineLog::clear() {
  LIMPID_CHECK(ftruncate(file_.get(), 0) == 0, IoError, path_.string(), ": cannot be written: ", std::strerror(errno));
  size_ = dropped_bytes_ = 0;
}

void LineLog::append(std::string_view line) {
  std::string whole(line);
  whole += '\n';
  if (write_all(file_.get(), whole.data(), whole.size())) {
    size_ += whole.size();
    return;
  }
  const int error = errno;
  const bool restored = ftruncate(file_.get(), off_t(size_)) == 0;
  throw IoError(concat(path_.string(), ": write failed: ", std::strerror(error),
                       restored ? "; what is finished is kept" : "; its last line is cut off"));
}

}  // namespace limpid
