#pragma once

#include <cstdint>

/// Rows of logits turned into rows of gradients, in place: the part of cross-entropy that touches every logit.
namespace limpid {

/// Turns logits into p - onehot(target), p = softmax(logits): the gradient of the loss with respect to the logits.
/// Exponentials by a polynomial, relative error below 3e-6 for logits within 80 of the largest; smaller ones become 0.
/// @param scratch  [n] floats
/// @return  -log p[target], nats. Not a number when a logit is.
double softmax_minus_one_hot(float* logits, int64_t n, int64_t target, float* scratch);
/// Does the same for bfloat16, computed in float32 and rounded at the end.
double softmax_minus_one_hot(uint16_t* logits, int64_t n, int64_t target, float* scratch);

/// Returns only the loss; the logits stay.
double negative_log_softmax(const float* logits, int64_t n, int64_t target);
double negative_log_softmax(const uint16_t* logits, int64_t n, int64_t target);

/// Plain version in double: test oracle.
double softmax_minus_one_hot_plain(double* logits, int64_t n, int64_t target);

}  // namespace limpid
