#include "limpid/kernels/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "limpid/core/processors.h"

namespace limpid::kernels {
namespace {

// How long a thread without work looks for more before it sleeps: longer than the gaps between the products of a
// decode step, much shorter than a scheduler's time slice.
constexpr auto kSpin = std::chrono::microseconds(20);

thread_local bool inside_task = false;

void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

/// Waits until `word` differs from `old`: spins for kSpin, then sleeps.
template <class T>
void wait_while_equal(const std::atomic<T>& word, T old) {
  const auto until = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 16; ++i) {
      if (word.load(std::memory_order_acquire) != old) return;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() < until);
  while (word.load(std::memory_order_acquire) == old) word.wait(old, std::memory_order_acquire);
}

size_t default_threads() {
  if (const char* given = std::getenv("LIMPID_THREADS")) {
    const long count = std::strtol(given, nullptr, 10);
    if (count > 0) return size_t(std::min(count, 1024L));
  }
  return usable_processors();
}

// Note [Claiming tasks]
// `claim_` holds the number of the loop in its upper half and the next task in its lower half. A thread may wake up
// late, when its loop is long over and the next one is being set up: it reads `task_` and `tasks_` first, and only if
// then its compare-and-swap on `claim_` succeeds did they belong together. While a loop is being set up the lower half
// is kClosed.
class Pool {
 public:
  /// Where the system gives no more threads, those that it gave do the work.
  explicit Pool(size_t threads) {
    workers_.reserve(threads - 1);
    try {
      for (size_t i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
    }
  }
  ~Pool() {
    stop_.store(true, std::memory_order_relaxed);
    wake_.fetch_add(1, std::memory_order_release);
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  size_t size() const { return workers_.size() + 1; }

  void run(size_t tasks, const TaskRef& task) {
    const uint64_t loop = (claim_.load(std::memory_order_relaxed) >> 32) + 1;
    claim_.store(loop << 32 | kClosed, std::memory_order_seq_cst);
    task_.store(&task, std::memory_order_relaxed);
    tasks_.store(uint32_t(tasks), std::memory_order_relaxed);
    unfinished_.store(uint32_t(tasks), std::memory_order_relaxed);
    claim_.store(loop << 32, std::memory_order_release);
    wake_.fetch_add(1, std::memory_order_release);
    if (tasks == 2) {
      wake_.notify_one();
    } else {
      wake_.notify_all();
    }
    take_tasks();
    for (uint32_t left; (left = unfinished_.load(std::memory_order_acquire)) != 0;) wait_while_equal(unfinished_, left);
    if (failing_.test()) {
      const std::exception_ptr failure = std::exchange(failure_, nullptr);
      failing_.clear();
      std::rethrow_exception(failure);
    }
  }

 private:
  static constexpr uint32_t kClosed = UINT32_MAX;

  void take_tasks() {
    inside_task = true;
    uint64_t claim = claim_.load(std::memory_order_acquire);
    for (;;) {
      const TaskRef* task = task_.load(std::memory_order_relaxed);
      const uint32_t index = uint32_t(claim);
      if (index == kClosed || index >= tasks_.load(std::memory_order_relaxed)) break;
      // On failure `claim` is read anew, perhaps of another loop.
      if (!claim_.compare_exchange_weak(claim, claim + 1, std::memory_order_acq_rel, std::memory_order_acquire))
        continue;
      try {
        (*task)(index);
      } catch (...) {  // memory that cannot be had; another thread must not end the process for it
        if (!failing_.test_and_set()) failure_ = std::current_exception();
      }
      if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_one();
      claim = claim_.load(std::memory_order_acquire);
    }
    inside_task = false;
  }

  void work() {
    for (uint32_t seen = wake_.load(std::memory_order_acquire);;) {
      take_tasks();
      if (stop_.load(std::memory_order_relaxed)) return;
      wait_while_equal(wake_, seen);
      seen = wake_.load(std::memory_order_acquire);
    }
  }

  std::vector<std::thread> workers_;
  alignas(64) std::atomic<uint64_t> claim_{kClosed};
  std::atomic<const TaskRef*> task_{nullptr};
  std::atomic<uint32_t> tasks_{0};
  alignas(64) std::atomic<uint32_t> unfinished_{0};
  alignas(64) std::atomic<uint32_t> wake_{0};
  std::atomic<bool> stop_{false};
  std::atomic_flag failing_;    // a task of the loop has thrown
  std::exception_ptr failure_;  // the first; read when all tasks are done
};

// One loop runs at a time; a second caller (another request's thread) does its loop alone rather than wait.
std::mutex running;
std::unique_ptr<Pool> pool;
std::atomic<size_t> chosen_threads{0};  // 0: not chosen yet

Pool& the_pool() {
  if (!pool) pool = std::make_unique<Pool>(num_threads());
  return *pool;
}

}  // namespace

void set_num_threads(size_t count) {
  const std::lock_guard lock(running);
  chosen_threads = std::max<size_t>(count, 1);
  if (pool && pool->size() != chosen_threads) pool.reset();  // the next loop starts the new one
}

size_t num_threads() {  // takes no lock: tasks may ask
  size_t count = chosen_threads;
  if (count == 0) {
    const size_t preset = default_threads();
    count = chosen_threads.compare_exchange_strong(count, preset) ? preset : count;
  }
  return count;
}

void parallel_for(size_t tasks, TaskRef task) {
  if (tasks == 0) return;
  if (tasks > 1 && tasks < UINT32_MAX && !inside_task && running.try_lock()) {
    const std::lock_guard lock(running, std::adopt_lock);
    if (the_pool().size() > 1) return the_pool().run(tasks, task);
  }
  for (size_t i = 0; i < tasks; ++i) task(i);
}

}  // namespace limpid::kernels
