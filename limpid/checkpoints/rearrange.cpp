#include "limpid/checkpoints/rearrange.h"

#include <cstring>

#include "limpid/checkpoints/checkpoint.h"

namespace limpid {

TensorView transposed(TensorView view, std::vector<std::byte>& storage) {
  std::vector<float> plain;
  if (is_quantised(view.dtype)) {
    plain = to_floats(view);
    view.dtype = DType::F32;
    view.data = std::as_bytes(std::span(plain));
  }
  const size_t element = info(view.dtype).block_bytes, C = size_t(view.shape[0]), R = size_t(view.shape[1]);
  std::vector<std::byte> out(view.data.size());  // what is read may lie in `storage`
  for (size_t r = 0; r < R; ++r)
    for (size_t c = 0; c < C; ++c)
      std::memcpy(out.data() + (r * C + c) * element, view.data.data() + (c * R + r) * element, element);
  storage = std::move(out);
  view.shape = {int64_t(R), int64_t(C)};
  view.data = storage;
  return view;
}

TensorView gathered(TensorView view, const std::vector<int64_t>& rows, std::vector<std::byte>& storage) {
  const size_t row_bytes = view.data.size() / size_t(view.shape[0]);
  std::vector<std::byte> out(rows.size() * row_bytes);
  for (size_t r = 0; r < rows.size(); ++r)
    std::memcpy(out.data() + r * row_bytes, view.data.data() + size_t(rows[r]) * row_bytes, row_bytes);
  storage = std::move(out);
  view.shape[0] = int64_t(rows.size());
  view.data = storage;
  return view;
}

}  // namespace limpid
