#pragma once

#include <algorithm>

#include "apps/terminal.h"
#include "limpid/core/processors.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::apps {

/// Sets the threads that a person asked for, at most the processors that can be used: more only wait for one another.
/// @param threads  0: as many as can be used
inline void choose_threads(int threads) {
  if (threads <= 0) return;
  const size_t usable = usable_processors(), asked = size_t(threads);
  if (asked > usable)
    terminal().warning(concat(asked, " threads were asked for, and this process may use ", usable,
                              usable == 1 ? " processor" : " processors", " at once (affinity, control group); ",
                              usable, usable == 1 ? " is" : " are", " used"));
  kernels::set_num_threads(std::min(asked, usable));
}

}  // namespace limpid::apps
