#pragma once

#include <exception>

namespace limpid {

/// Returns whether an exception, the standard library's or LibTorch's, says that memory could not be had.
bool is_out_of_memory(const std::exception& error);

}  // namespace limpid
