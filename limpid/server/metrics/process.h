#pragma once

namespace limpid::server {

/// This process, as the system sees it.
struct ProcessState {
  double resident_bytes = 0, open_files = 0, cpu_seconds = 0, start_seconds = 0;  ///< start since 1970
};

ProcessState process_state();

}  // namespace limpid::server
