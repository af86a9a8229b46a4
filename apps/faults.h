#pragma once

namespace limpid::apps {

/// Lets the process end with one line on standard error and exit code 1 where it would be aborted: a mapped file was
/// cut while it was being read (SIGBUS), or nothing catches an exception, as when memory runs out in another thread.
/// Program and engine have a copy of the library each, and so each call it.
void end_in_one_line();

}  // namespace limpid::apps
