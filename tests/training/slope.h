#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <functional>
#include <map>
#include <string>

namespace limpid::testing_support {

/// The gradients that the parameters hold, against central differences of `loss` along a random direction of each.
inline void expect_gradients_are_slopes(const std::map<std::string, torch::Tensor>& parameters,
                                        const std::function<double()>& loss) {
  for (const auto& [name, parameter] : parameters) {
    SCOPED_TRACE(name);
    torch::manual_seed(3);
    const torch::Tensor direction = torch::randn_like(parameter), start = parameter.detach().clone();
    const double slope = (parameter.grad() * direction).sum().item<double>(), h = 2e-3;
    torch::NoGradGuard no_grad;
    const auto at = [&](double t) {
      torch::Tensor(parameter).copy_(start + t * direction);
      torch::AutoGradMode grad(true);
      return loss();
    };
    const double numeric = (at(h) - at(-h)) / (2 * h);
    torch::Tensor(parameter).copy_(start);
    EXPECT_NEAR(numeric, slope, 0.01 * std::fabs(slope) + 0.02);
  }
}

}  // namespace limpid::testing_support
