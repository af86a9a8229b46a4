#include "limpid/core/error.h"

#include <new>

namespace limpid {

std::string reason_of(const std::exception& error) {
  std::string line = error.what();
  line = line.substr(0, line.find_first_of("\r\n"));
  const bool refused = line.find("DefaultCPUAllocator") != std::string::npos;  // LibTorch has no type for it
  if (!refused && !dynamic_cast<const std::bad_alloc*>(&error)) return line;
  std::string amount;
  if (const size_t begin = line.find("tried to allocate "); begin != std::string::npos)
    amount =
        concat(" (", line.substr(begin + 18, line.find(" bytes", begin) - begin - 18), " bytes more were asked for)");
  return concat("not enough memory", amount, "; fewer or shorter sequences at a time, or a smaller model, take less");
}

}  // namespace limpid
