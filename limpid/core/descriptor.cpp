#include "limpid/core/descriptor.h"

#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace limpid {

bool Descriptor::close() {
  const int number = std::exchange(number_, -1);
  return number < 0 || ::close(number) == 0;
}

bool write_all(int descriptor, const void* data, size_t size) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(descriptor, bytes, size);
    if (written >= 0) {
      bytes += written;
      size -= size_t(written);
    } else if (errno == EAGAIN) {  // a pipe that another program made non-blocking
      pollfd ready{descriptor, POLLOUT, 0};
      poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool lock_alone(const Descriptor& file) { return flock(file.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK; }

}  // namespace limpid
