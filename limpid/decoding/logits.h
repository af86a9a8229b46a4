#pragma once

#include <exception>
#include <span>
#include <vector>

#include "limpid/decoding/session.h"
#include "limpid/kernels/peak.h"
#include "limpid/kernels/thread_pool.h"

/// Rows of logits, in nats: what several sessions do with them.
namespace limpid {

/// Makes x [rows, width] contiguous and returns its rows.
std::vector<std::span<float>> rows_of(Tensor& x);

/// Runs work(r, row r of x [rows, width]) for all rows of a step on the kernels' threads. What it throws ends row r
/// alone.
template <class Work>
void parallel_rows(const Step& step, Tensor& x, Work work) {
  const auto rows = rows_of(x);
  kernels::parallel_for(rows.size(), [&](size_t r) {
    try {
      work(r, rows[r]);
    } catch (const std::exception& error) {
      step.fail(r, error.what());
    }
  });
}

/// Returns why no token can be drawn from a row of logits: one is NaN or plus infinity, or none is above minus
/// infinity. Null when one can.
const char* fault_of(const kernels::RowPeak& peak);
inline const char* fault_of(std::span<const float> z) { return fault_of(kernels::row_peak(z.data(), z.size())); }

/// Returns log sum_i exp(z[i]), so that z[v] - log_sum_exp(z) is log p[v]. Exponentials in float, their sum in double,
/// in order of the ids: the same bits wherever it is asked. @param z  not empty, some of it finite
double log_sum_exp(std::span<const float> z);
/// Returns log sum_i exp(z[i]) with exponentials in double.
double log_sum_exp_in_double(std::span<const float> z);

/// Returns KL(q || p) = sum_v q[v] (log q[v] - log p[v]), nats, q and p the softmax of two rows of logits; exactly 0
/// for the same bits.
double kl_divergence(std::span<const float> q, std::span<const float> p);

/// Removes the tokens that are less than `share` times as likely as the best, in place. The best stays.
void mask_implausible(double share, std::span<float> z);
/// Returns the tokens that are not removed, ascending.
TokenIds kept_tokens(std::span<const float> z);

/// Returns the `count` likeliest tokens that are not removed, best first; lower ids first among equals.
TokenIds likeliest(std::span<const float> z, size_t count);

/// Adds a contrast to the tokens that are not removed: z[v] += s (more[v] - less[v]).
/// @param more  [V]; empty: z itself
/// @param less  [V]
void add_contrast(std::span<float> z, std::span<const float> more, std::span<const float> less, float s);

}  // namespace limpid
