#include "limpid/kernels/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <numeric>
#include <thread>
#include <vector>

namespace limpid::kernels {
namespace {

class ThreadPool : public testing::Test {
 protected:
  void TearDown() override { set_num_threads(2); }
};

TEST_F(ThreadPool, RunsEachTaskOnceAtAnyNumberOfThreads) {
  for (size_t threads : {1, 2, 3, 7}) {
    set_num_threads(threads);
    EXPECT_EQ(num_threads(), threads);
    for (size_t tasks : {0, 1, 2, 3, 100, 5000}) {
      std::vector<std::atomic<int>> runs(tasks);
      parallel_for(tasks, [&](size_t task) { ++runs[task]; });
      for (size_t i = 0; i < tasks; ++i) ASSERT_EQ(runs[i], 1) << i << " of " << tasks << " on " << threads;
    }
  }
}

TEST_F(ThreadPool, KeepsManyShortLoopsApart) {
  set_num_threads(4);
  for (int loop = 0; loop < 20000; ++loop) {
    int sum[5] = {};
    parallel_for(5, [&](size_t task) { sum[task] = loop; });
    for (int value : sum) ASSERT_EQ(value, loop);
  }
}

TEST_F(ThreadPool, UsesMoreThanOneThread) {
  set_num_threads(2);
  std::atomic<int> arrived = 0;
  parallel_for(2, [&](size_t) {  // each task waits for the other: one thread alone would hang
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 2);
}

TEST_F(ThreadPool, HandsTheFirstExceptionOfALoopToItsCallerWhenAllTasksAreDone) {
  for (size_t threads : {1, 3}) {
    set_num_threads(threads);
    for (int loop = 0; loop < 100; ++loop) {
      std::atomic<int> ran = 0;
      const auto fails = [&](size_t task) {
        ++ran;
        if (task % 2) throw std::bad_alloc();
      };
      EXPECT_THROW(parallel_for(8, fails), std::bad_alloc);
      EXPECT_TRUE(ran == 8 || threads == 1);
    }
    std::atomic<int> ran = 0;
    parallel_for(8, [&](size_t) { ++ran; });
    EXPECT_EQ(ran, 8);
  }
}

TEST_F(ThreadPool, RunsNestedLoopsOnTheCallingThread) {
  set_num_threads(3);
  std::atomic<int> inner = 0, elsewhere = 0;
  parallel_for(6, [&](size_t) {
    const auto me = std::this_thread::get_id();
    parallel_for(10, [&](size_t) { ++inner, elsewhere += me != std::this_thread::get_id(); });
  });
  EXPECT_EQ(inner, 60);
  EXPECT_EQ(elsewhere, 0);
}

TEST_F(ThreadPool, ServesSeveralCallersAtOnce) {
  set_num_threads(2);
  std::atomic<int> done = 0;
  std::vector<std::thread> callers;
  for (int c = 0; c < 3; ++c) {
    callers.emplace_back([&] {
      for (int loop = 0; loop < 500; ++loop) parallel_for(4, [&](size_t) { ++done; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(done, 3 * 500 * 4);
}

}  // namespace
}  // namespace limpid::kernels
