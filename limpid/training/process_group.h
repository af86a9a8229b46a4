#pragma once

#include <torch/types.h>

#include <initializer_list>
#include <memory>
#include <vector>

/// The processes that train one model together, on one machine or several, started by
///   torchrun --no-python --nproc-per-node N limpid train …
/// which sets RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT. Sums go through c10d's Gloo backend.
namespace limpid {

class ProcessGroup {
 public:
  /// Joins the group of the environment; one process alone where WORLD_SIZE is not set or 1. Waits until all are there.
  /// @throws ConfigError when the environment is incomplete, or when this build cannot run in several processes;
  ///         IoError when the others do not come within five minutes.
  static std::unique_ptr<ProcessGroup> join();
  virtual ~ProcessGroup() = default;

  virtual int64_t rank() const { return 0; }
  virtual int64_t size() const { return 1; }
  bool is_first() const { return rank() == 0; }

  /// Replaces each value by its sum over all processes, with the same bits in all. Every process calls in the same
  /// order.
  /// @throws IoError when another process is gone, or does not answer for five minutes.
  virtual void sum(std::initializer_list<double*> values) const {}
  /// Sums the parameters' gradients so, in buckets; one that is undefined counts as zero and is defined afterwards.
  virtual void sum_gradients(const std::vector<torch::Tensor>& parameters) const {}
  virtual void wait() const {}  ///< waits until every process is here
};

/// Says whether this is one of several processes, and not the first. What it has to say, the first one says.
bool is_further_process();

}  // namespace limpid
