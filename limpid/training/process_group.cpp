#include "limpid/training/process_group.h"

#include <cstdlib>
#include <string>

#ifdef LIMPID_GLOO
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#endif

#include "limpid/core/error.h"
#include "limpid/core/parse.h"

// The only file that knows c10d.
namespace limpid {
namespace {

std::string environment(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value && *value ? value : fallback;
}

int64_t number(const char* name, const char* fallback) {
  const std::string text = environment(name, fallback);
  const auto value = parse_number<int64_t>(text);
  LIMPID_CHECK(value.value_or(-1) >= 0, ConfigError, "[processes] ", name, " is \"", text,
               "\", expected a number; start with torchrun --no-python --nproc-per-node N limpid train …");
  return *value;
}

#ifdef LIMPID_GLOO

constexpr auto kTimeout = std::chrono::minutes(5);
constexpr int64_t kBucket =
    4 << 20;  // floats in one sum: large enough to fill a connection, small enough to be cheap to copy

class GlooGroup final : public ProcessGroup {
 public:
  GlooGroup(int64_t rank, int64_t size) : rank_(rank), size_(size) {
    const std::string address = environment("MASTER_ADDR", "");
    LIMPID_CHECK(!address.empty(), ConfigError, "[processes] WORLD_SIZE is ", size,
                 " but MASTER_ADDR is not set; start with torchrun");
    guarded([&] {
      c10d::TCPStoreOptions store;
      store.port = uint16_t(number("MASTER_PORT", ""));
      store.isServer =
          rank == 0 && environment("TORCHELASTIC_USE_AGENT_STORE", "False") != "True";  // else torchrun serves
      store.waitWorkers = false;
      store.timeout = kTimeout;
      auto shared = c10::make_intrusive<c10d::TCPStore>(address, store);
      const std::string attempt =
          environment("TORCHELASTIC_RESTART_COUNT", "0");  // keys of an earlier attempt are stale
      auto options = c10d::ProcessGroupGloo::Options::create();
      options->timeout = kTimeout;
      options->devices.push_back(c10d::ProcessGroupGloo::createDefaultDevice());
      group_ = c10::make_intrusive<c10d::ProcessGroupGloo>(
          c10::make_intrusive<c10d::PrefixStore>("limpid/attempt_" + attempt, shared), int(rank), int(size), options);
    });
    wait();
  }

  int64_t rank() const override { return rank_; }
  int64_t size() const override { return size_; }

  void sum(std::initializer_list<double*> values) const override {
    torch::Tensor sums = torch::empty({int64_t(values.size())}, torch::kFloat64);
    double* data = sums.data_ptr<double>();
    for (const double* value : values) *data++ = *value;
    reduce(sums);
    data = sums.data_ptr<double>();
    for (double* value : values) *value = *data++;
  }

  void sum_gradients(const std::vector<torch::Tensor>& parameters) const override {
    torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> bucket;
    int64_t held = 0;
    const auto send = [&] {
      if (bucket.empty()) return;
      torch::Tensor flat = bucket.size() == 1 ? bucket[0].view({-1}) : torch::cat([&] {
        std::vector<torch::Tensor> parts;
        for (const torch::Tensor& gradient : bucket) parts.push_back(gradient.view({-1}));
        return parts;
      }());
      reduce(flat);
      int64_t begin = 0;
      if (bucket.size() > 1)
        for (torch::Tensor& gradient : bucket)
          gradient.view({-1}).copy_(flat.narrow(0, begin, gradient.numel())), begin += gradient.numel();
      bucket.clear();
      held = 0;
    };
    for (torch::Tensor parameter : parameters) {
      parameter.mutable_grad() =
          parameter.grad().defined() ? parameter.grad().contiguous() : torch::zeros_like(parameter);
      if (held + parameter.numel() > kBucket) send();
      bucket.push_back(parameter.grad());
      held += parameter.numel();
    }
    send();
  }

  void wait() const override {
    double nothing = 0.0;
    sum({&nothing});
  }

 private:
  /// Runs `work`. c10d's errors run over many lines; what they mean here is always the same.
  template <class Work>
  void guarded(Work work) const {
    try {
      work();
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      const std::string text = error.what();
      throw IoError(concat("[processes] process ", rank_, " of ", size_,
                           " lost the others: ", text.substr(0, text.find('\n')).substr(0, 200),
                           "; start again, and the run continues from its last save"));
    }
  }
  void reduce(torch::Tensor& tensor) const {
    guarded([&] {
      std::vector<torch::Tensor> tensors = {tensor};
      group_->allreduce(tensors, {})->wait();
    });
  }

  const int64_t rank_, size_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
};

std::unique_ptr<ProcessGroup> join_others(int64_t rank, int64_t size) {
  return std::make_unique<GlooGroup>(rank, size);
}

#else

std::unique_ptr<ProcessGroup> join_others(int64_t, int64_t size) {
  throw ConfigError(concat("[processes] WORLD_SIZE is ", size,
                           ", but this build runs in one process only; install Gloo's headers "
                           "(libgloo-dev) and build again"));
}

#endif

}  // namespace

std::unique_ptr<ProcessGroup> ProcessGroup::join() {
  const int64_t size = number("WORLD_SIZE", "1");
  if (size <= 1) return std::make_unique<ProcessGroup>();
  const int64_t rank = number("RANK", "");
  LIMPID_CHECK(rank < size, ConfigError, "[processes] RANK is ", rank, " of WORLD_SIZE ", size, ", expected below it");
  return join_others(rank, size);
}

bool is_further_process() { return number("WORLD_SIZE", "1") > 1 && number("RANK", "0") > 0; }

}  // namespace limpid
