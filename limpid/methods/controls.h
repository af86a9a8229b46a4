#pragma once

#include <span>

namespace limpid {

/// One row of logits in nats, in place, for every method that masks so: tokens less than `share` times as likely as the
/// best become minus infinity. The best stays.
void mask_implausible(double share, std::span<float> z);

}  // namespace limpid
