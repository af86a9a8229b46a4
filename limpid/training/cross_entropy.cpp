#include "limpid/training/cross_entropy.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "limpid/core/error.h"
#include "limpid/training/softmax_rows.h"

namespace limpid {
namespace {

using torch::Tensor;

/// Returns the sum of a chunk's losses; where `gradient`, logits [C, V] become gradients in place.
double chunk_loss(Tensor logits, const int64_t* targets, bool gradient) {
  const int64_t rows = logits.size(0), n = logits.size(1);
  std::vector<double> losses(size_t(rows), 0.0);
  const auto run = [&](auto* data) {
    at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
      std::vector<float> scratch(gradient ? size_t(n) : 0);
      for (int64_t r = begin; r < end; ++r)
        losses[size_t(r)] = gradient ? softmax_minus_one_hot(data + r * n, n, targets[r], scratch.data())
                                     : negative_log_softmax(data + r * n, n, targets[r]);
    });
  };
  if (logits.scalar_type() == torch::kBFloat16)
    run(reinterpret_cast<uint16_t*>(logits.data_ptr<at::BFloat16>()));
  else
    run(logits.data_ptr<float>());
  double sum = 0.0;
  for (double loss : losses) sum += loss;  // in row order, whatever the threads did
  return sum;
}

/// Caps logits: c tanh(x / c). @return the derivative, 1 - tanh(x / c)^2, undefined where no gradient is asked for
Tensor cap_in_place(Tensor& logits, double cap, bool gradient) {
  logits.div_(cap).tanh_();
  const Tensor slope = gradient ? 1 - logits.square() : Tensor();
  logits.mul_(cap);
  return slope;
}

class LinearCrossEntropy : public torch::autograd::Function<LinearCrossEntropy> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& hidden, const Tensor& weight,
                        const Tensor& targets, bool bf16, int64_t chunk_rows, double softcap) {
    const auto compute = bf16 ? torch::kBFloat16 : torch::kFloat32;
    const int64_t M = hidden.size(0), D = hidden.size(1), V = weight.size(0);
    const bool want_hidden = hidden.requires_grad(), want_weight = weight.requires_grad(),
               gradient = want_hidden || want_weight;
    const Tensor rows = hidden.detach().to(compute).contiguous(), matrix = weight.detach().to(compute).contiguous();
    const Tensor transposed = matrix.t();
    Tensor hidden_gradient, weight_gradient, product;
    if (want_hidden) hidden_gradient = torch::empty({M, D}, torch::kFloat32);
    if (want_weight) {
      weight_gradient = torch::zeros({V, D}, torch::kFloat32);
      product = torch::empty({V, D}, compute);
    }
    Tensor buffer = torch::empty({std::min(M, chunk_rows), V}, compute);
    double loss = 0.0;
    for (int64_t start = 0; start < M; start += chunk_rows) {
      const int64_t count = std::min(chunk_rows, M - start);
      const Tensor chunk = rows.narrow(0, start, count);
      Tensor logits = buffer.narrow(0, 0, count);
      torch::mm_out(logits, chunk, transposed);
      const Tensor slope = softcap > 0.0 ? cap_in_place(logits, softcap, gradient) : Tensor();
      loss += chunk_loss(logits, targets.const_data_ptr<int64_t>() + start, gradient);
      if (slope.defined()) logits.mul_(slope);
      if (want_hidden) hidden_gradient.narrow(0, start, count).copy_(torch::mm(logits, matrix));
      if (want_weight) weight_gradient.add_(torch::mm_out(product, logits.t(), chunk));
    }
    context->save_for_backward({hidden_gradient, weight_gradient});
    return torch::full({}, loss, torch::kFloat64);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list upstream) {
    const auto saved = context->get_saved_variables();
    const double scale = upstream[0].item<double>();
    const auto scaled = [&](Tensor gradient) {
      return gradient.defined() ? gradient.mul_(scale) : Tensor();
    };  // nobody else has it
    return {scaled(saved[0]), scaled(saved[1]), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor linear_cross_entropy(const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                            const CrossEntropyOptions& options) {
  LIMPID_CHECK(hidden.dim() == 2 && weight.dim() == 2 && hidden.size(1) == weight.size(1), ShapeError,
               "[cross entropy] states ", hidden.sizes(), " and output matrix ", weight.sizes(),
               ", expected [M, D] and [V, D]");
  LIMPID_CHECK(targets.dim() == 1 && targets.size(0) == hidden.size(0) && targets.scalar_type() == torch::kInt64,
               ShapeError, "[cross entropy] targets ", targets.sizes(), " of ", targets.scalar_type(), ", expected [",
               hidden.size(0), "] int64");
  LIMPID_CHECK(options.chunk_rows > 0, ConfigError, "[cross entropy] chunks of ", options.chunk_rows,
               " rows, expected at least 1");
  LIMPID_CHECK(options.compute == torch::kFloat32 || options.compute == torch::kBFloat16, ConfigError,
               "[cross entropy] computes in ", options.compute, ", expected float32 or bfloat16");
  if (hidden.size(0) == 0) return torch::zeros({}, torch::kFloat64);
  const Tensor ids = targets.contiguous();
  const int64_t lowest = ids.min().item<int64_t>(), highest = ids.max().item<int64_t>();
  LIMPID_CHECK(lowest >= 0 && highest < weight.size(0), ShapeError, "[cross entropy] target ",
               lowest < 0 ? lowest : highest, " is outside the vocabulary of ", weight.size(0));
  return LinearCrossEntropy::apply(hidden, weight, ids, options.compute == torch::kBFloat16, options.chunk_rows,
                                   options.softcap);
}

CrossEntropyGradients linear_cross_entropy_plain(const Tensor& hidden, const Tensor& weight, const Tensor& targets) {
  const Tensor rows = hidden.detach().to(torch::kFloat64), matrix = weight.detach().to(torch::kFloat64);
  Tensor logits = rows.matmul(matrix.t()).contiguous();
  double loss = 0.0;
  for (int64_t m = 0; m < logits.size(0); ++m)
    loss += softmax_minus_one_hot_plain(logits.data_ptr<double>() + m * logits.size(1), logits.size(1),
                                        targets[m].item<int64_t>());
  return {loss, logits.matmul(matrix), logits.t().matmul(rows)};
}

}  // namespace limpid
