#include "limpid/kernels/linear.h"

#include <algorithm>
#include <vector>

#include "limpid/core/error.h"
#include "limpid/kernels/linear_kernels.h"
#include "limpid/kernels/scratch.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::kernels {
namespace {

// In units of about a cycle. Handing a loop to the pool costs some thousands of them, a task some hundreds.
constexpr size_t kWorthSharing = 16'000, kWorthATask = 6'000, kTasksPerThread = 16;
constexpr size_t kPrepareTogether = 16'384;  // inputs; more are prepared by all threads
constexpr size_t kMaxOutputs = 8;            // of one parallel region

const LinearKernels& kernels_of(Isa isa) {
#if defined(__x86_64__) && !defined(LIMPID_PLAIN_KERNELS)
  if (isa == Isa::Avx512Bf16) return avx512_bf16::kLinear;
  if (isa == Isa::Avx512) return avx512::kLinear;
  if (isa == Isa::Avx2) return avx2::kLinear;
#endif
  return plain::kLinear;
}

size_t tile_cost(const TiledMatrix& matrix, size_t rows) {
  return matrix.blocks() * rows * 10 + matrix.tile_bytes() / 5;
}
size_t tasks_for(size_t cost) {
  return cost < kWorthSharing ? 1 : std::min(cost / kWorthATask, num_threads() * kTasksPerThread);
}

/// The form of inputs that a matrix takes.
struct InputForm {
  Form form;
  size_t groups;
  int offset;
  InputForm(const LinearKernels& kernels, const TiledMatrix& matrix, Precision precision)
      : form(kernels.form(precision, matrix.codes())),
        groups(matrix.codes() == Codes::Byte16 ? 2 : 1),
        offset(form == Form::Int8 ? matrix.offset() : 0) {}
};

/// Rows split into the fewest equal parts of at most `most` rows.
struct RowParts {
  size_t rows, count;
  RowParts(size_t rows = 0, size_t most = 1) : rows(rows), count((rows + most - 1) / most) {}
  size_t begin(size_t part) const { return rows * part / count; }
  size_t size(size_t part) const { return begin(part + 1) - begin(part); }
};

/// The inputs in the form that some of the outputs take.
struct Prepared {
  Form form;
  size_t groups;
  int offset;
  RowParts parts;
  bool expand;  ///< Note [Expanding a tile]
  size_t row_bytes;
  std::byte* data;
};

/// A share of the work: tiles [begin, end) of an output for each task.
struct Job {
  const TiledMatrix* matrix;
  const LinearOutput* output;
  size_t prepared, tiles_per_task, first_task;
};

void run_task(const LinearKernels& kernels, const Job& job, const Prepared& inputs, size_t task) {
  const TiledMatrix& matrix = *job.matrix;
  const size_t begin = (task - job.first_task) * job.tiles_per_task;
  const size_t end = std::min(matrix.tiles(), begin + job.tiles_per_task);
  const auto multiply = [&](Codes codes, const std::byte* tile, size_t t, size_t part) {
    const size_t first_row = inputs.parts.begin(part);
    kernels.tile(inputs.form, codes,
                 inputs.parts.size(part))({&matrix, tile, inputs.data + first_row * inputs.row_bytes,
                                           job.output->bias ? job.output->bias + t * kTile : nullptr,
                                           job.output->y + first_row * job.output->y_stride + t * kTile,
                                           job.output->y_stride, std::min(kTile, matrix.out() - t * kTile)});
  };
  if (inputs.expand && matrix.codes() != Codes::F32) {
    thread_local Scratch scratch;
    float* expanded = reinterpret_cast<float*>(scratch.at_least(matrix.blocks() * kBlock * kTile * sizeof(float)));
    for (size_t t = begin; t < end; ++t) {
      kernels.expand(matrix.codes())(matrix, matrix.tile(t), expanded);
      for (size_t part = 0; part < inputs.parts.count; ++part) {
        multiply(Codes::F32, reinterpret_cast<const std::byte*>(expanded), t, part);
      }
    }
  } else {
    // Rows outside: the rows of one part stay in the first-level cache while the tiles pass by.
    for (size_t part = 0; part < inputs.parts.count; ++part) {
      for (size_t t = begin; t < end; ++t) multiply(matrix.codes(), matrix.tile(t), t, part);
    }
  }
}

void run_outputs(const LinearOutput* outputs, size_t count, const float* x, size_t rows, size_t x_stride,
                 Precision precision) {
  thread_local Scratch scratch;
  const LinearKernels& kernels = kernels_of(active_isa());
  const size_t in = outputs[0].weight->in(), blocks = (in + kBlock - 1) / kBlock;

  Prepared prepared[kMaxOutputs];
  Job jobs[kMaxOutputs];
  size_t forms = 0, scratch_bytes = 0, cost = 0;
  for (size_t i = 0; i < count; ++i) {
    const auto* matrix = static_cast<const TiledMatrix*>(outputs[i].weight);
    const auto [form, groups, offset] = InputForm(kernels, *matrix, precision);
    size_t p = 0;
    while (p < forms && (prepared[p].form != form || prepared[p].groups != groups || prepared[p].offset != offset)) ++p;
    if (p == forms) {
      const size_t row_bytes = blocks * record_bytes(form, groups);
      const bool expand = (form == Form::F32 || form == Form::Rounded) && rows > kMaxCodedRows;
      prepared[forms++] = {form, groups, offset, RowParts(rows, kernels.max_rows(form)), expand, row_bytes, nullptr};
      scratch_bytes += (row_bytes * rows + 63) / 64 * 64;
    }
    jobs[i] = {matrix, &outputs[i], p, 0, 0};
    cost += matrix->tiles() * tile_cost(*matrix, rows);
  }

  std::byte* memory = scratch.at_least(scratch_bytes);
  for (size_t p = 0; p < forms; ++p) {
    Prepared& inputs = prepared[p];
    inputs.data = memory;
    memory += (inputs.row_bytes * rows + 63) / 64 * 64;
    const auto prepare = [&](size_t part) {
      const size_t first = inputs.parts.begin(part);
      kernels.prepare({x + first * x_stride, x_stride, in, inputs.parts.size(part), inputs.form, inputs.groups,
                       inputs.offset, inputs.data + first * inputs.row_bytes});
    };
    if (rows * in >= kPrepareTogether) {
      parallel_for(inputs.parts.count, prepare);
    } else {
      for (size_t part = 0; part < inputs.parts.count; ++part) prepare(part);
    }
  }

  const size_t wanted = tasks_for(cost);
  const size_t task_cost = cost / wanted;
  size_t tasks = 0;
  for (size_t i = 0; i < count; ++i) {
    jobs[i].tiles_per_task = std::max<size_t>(1, task_cost / std::max<size_t>(1, tile_cost(*jobs[i].matrix, rows)));
    jobs[i].first_task = tasks;
    tasks += (jobs[i].matrix->tiles() + jobs[i].tiles_per_task - 1) / jobs[i].tiles_per_task;
  }
  const auto task = [&](size_t index) {
    size_t i = count - 1;
    while (index < jobs[i].first_task) --i;
    run_task(kernels, jobs[i], prepared[jobs[i].prepared], index);
  };
  if (wanted == 1) {
    for (size_t i = 0; i < tasks; ++i) task(i);
  } else {
    parallel_for(tasks, task);
  }
}

}  // namespace

void linear(const PackedMatrix& weight, const float* x, size_t rows, size_t x_stride, const float* bias, float* y,
            size_t y_stride, Precision precision) {
  const LinearOutput output{&weight, bias, y, y_stride};
  linear_many(&output, 1, x, rows, x_stride, precision);
}

void linear_many(const LinearOutput* outputs, size_t count, const float* x, size_t rows, size_t x_stride,
                 Precision precision) {
  for (size_t i = 1; i < count; ++i) {
    LIMPID_CHECK(outputs[i].weight->in() == outputs[0].weight->in(), ShapeError, "[linear] matrices of ",
                 outputs[0].weight->in(), " and ", outputs[i].weight->in(), " inputs cannot share them");
  }
  if (rows == 0) return;
  for (size_t i = 0; i < count; i += kMaxOutputs) {
    run_outputs(outputs + i, std::min(kMaxOutputs, count - i), x, rows, x_stride, precision);
  }
}

void linear_some(const PackedMatrix& weight, const float* x, size_t rows, size_t x_stride, const float* bias,
                 std::span<const std::vector<int32_t>> wanted, float* y, size_t y_stride, Precision precision) {
  const auto& matrix = static_cast<const TiledMatrix&>(weight);
  struct Place {
    size_t row, tile;
  };
  std::vector<Place> places;
  for (size_t r = 0; r < rows; ++r) {
    const size_t first = places.size();
    for (int32_t output : wanted[r]) {
      LIMPID_CHECK(output >= 0 && size_t(output) < matrix.out(), ShapeError, "[linear] output ", output,
                   " of a matrix that has ", matrix.out());
      const size_t tile = size_t(output) / kTile;
      if (places.size() == first || places.back().tile != tile) places.push_back({r, tile});
    }
  }
  if (places.empty()) return;
  const size_t cost = places.size() * tile_cost(matrix, 1);
  if (cost >= matrix.tiles() * tile_cost(matrix, rows))
    return linear(weight, x, rows, x_stride, bias, y, y_stride, precision);

  thread_local Scratch scratch;
  const LinearKernels& kernels = kernels_of(active_isa());
  const InputForm input(kernels, matrix, precision);
  const size_t row_bytes = matrix.blocks() * record_bytes(input.form, input.groups);
  std::byte* inputs = scratch.at_least(row_bytes * rows);
  for (size_t r = 0; r < rows; ++r)
    kernels.prepare(
        {x + r * x_stride, x_stride, matrix.in(), 1, input.form, input.groups, input.offset, inputs + r * row_bytes});
  const auto one = [&](size_t index) {
    const auto [r, t] = places[index];
    kernels.tile(input.form, matrix.codes(),
                 1)({&matrix, matrix.tile(t), inputs + r * row_bytes, bias ? bias + t * kTile : nullptr,
                     y + r * y_stride + t * kTile, y_stride, std::min(kTile, matrix.out() - t * kTile)});
  };
  const size_t tasks = std::min(places.size(), tasks_for(cost));
  const auto task = [&](size_t index) {
    for (size_t i = places.size() * index / tasks; i < places.size() * (index + 1) / tasks; ++i) one(i);
  };
  if (tasks == 1) return task(0);
  parallel_for(tasks, task);
}

void linear_plain(const PackedMatrix& weight, const float* x, size_t rows, size_t x_stride, const float* bias, float* y,
                  size_t y_stride) {
  std::vector<float> channel(weight.in());
  for (size_t o = 0; o < weight.out(); ++o) {
    weight.row(o, channel.data());
    for (size_t r = 0; r < rows; ++r) {
      double sum = bias ? bias[o] : 0.0;
      for (size_t i = 0; i < weight.in(); ++i) sum += double(channel[i]) * x[r * x_stride + i];
      y[r * y_stride + o] = float(sum);
    }
  }
}

}  // namespace limpid::kernels
