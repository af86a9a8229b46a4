#include "limpid/nn/recompute.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

namespace limpid::nn {
namespace {

struct Held : torch::CustomClassHolder {
  explicit Held(std::function<Tensor(Tensor)> given) : f(std::move(given)) {}
  std::function<Tensor(Tensor)> f;
};

/// The start of a graph of its own. Where no gradient is asked for, layers may work in place: they get a copy.
Tensor fresh_start(const Tensor& x, bool wants_gradient) {
  return wants_gradient ? x.detach().set_requires_grad(true) : x.detach().clone();
}

class Recompute : public torch::autograd::Function<Recompute> {
 public:
  /// `anchor` asks for a gradient, so that the result does where only the leaves inside f do.
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& anchor,
                        c10::intrusive_ptr<Held> held) {
    const bool wants_gradient = x.requires_grad();
    context->save_for_backward({x});
    context->saved_data["wants_gradient"] = wants_gradient;
    context->saved_data["f"] = c10::IValue::make_capsule(c10::intrusive_ptr<torch::CustomClassHolder>(held));
    torch::AutoGradMode on(true);  // inference takes other kernels, whose last bits differ
    return held->f(fresh_start(x, wants_gradient)).detach();
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list upstream) {
    const auto held = c10::static_intrusive_pointer_cast<Held>(context->saved_data["f"].toCapsule());
    torch::AutoGradMode on(true);
    const Tensor x = fresh_start(context->get_saved_variables()[0], context->saved_data["wants_gradient"].toBool());
    const Tensor y = held->f(x);
    if (y.requires_grad()) torch::autograd::backward({y}, {upstream[0]});
    return {x.grad(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor recomputed(std::function<Tensor(Tensor)> f, const Tensor& x) {
  const Tensor anchor = torch::empty({0}).set_requires_grad(true);
  return Recompute::apply(x, anchor, c10::make_intrusive<Held>(std::move(f)));
}

}  // namespace limpid::nn
