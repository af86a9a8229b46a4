#pragma once

#include <cstddef>

/// The fixed pool of threads that runs every kernel. Waiting threads spin only briefly and then sleep, because spinning
/// on a shared machine takes the cores away from the thread that has the work.
namespace limpid::kernels {

/// Threads used from now on, including the calling one; at least 1. Default: LIMPID_THREADS, else
/// usable_processors() (core/processors.h).
void set_num_threads(size_t count);
size_t num_threads();

/// Non-owning reference to a callable `void(size_t task)`, so that a parallel loop allocates nothing.
class TaskRef {
 public:
  template <class Function>
  TaskRef(const Function& function)  // NOLINT: implicit on purpose
      : object_(&function),
        call_([](const void* object, size_t task) { (*static_cast<const Function*>(object))(task); }) {}
  void operator()(size_t task) const { call_(object_, task); }

 private:
  const void* object_;
  void (*call_)(const void*, size_t);
};

/// Runs task(0) … task(tasks - 1), each once, on the pool and the calling thread; returns when all are done. What a
/// task throws, the first of a loop, reaches the caller then. Called from inside a task, it runs the loop on the
/// calling thread.
void parallel_for(size_t tasks, TaskRef task);

}  // namespace limpid::kernels
