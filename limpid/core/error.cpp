#include "limpid/core/error.h"

#include <new>
#include <string_view>

#include "limpid/core/out_of_memory.h"

namespace limpid {

bool is_out_of_memory(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) || std::string_view(error.what()).find("DefaultCPUAllocator") !=
                                                            std::string_view::npos;  // has no type of its own
}

std::string reason_of(const std::exception& error) {
  std::string line = error.what();
  line = line.substr(0, line.find_first_of("\r\n"));
  if (!is_out_of_memory(error)) return line;
  std::string amount;
  if (const size_t begin = line.find("tried to allocate "); begin != std::string::npos)
    amount =
        concat(" (", line.substr(begin + 18, line.find(" bytes", begin) - begin - 18), " bytes more were asked for)");
  return concat("not enough memory", amount, "; fewer or shorter sequences at a time, or a smaller model, take less");
}

}  // namespace limpid
