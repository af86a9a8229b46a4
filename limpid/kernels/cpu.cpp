#include "limpid/kernels/cpu.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string_view>

namespace limpid::kernels {
namespace {

constexpr struct {
  const char* name;
  Isa isa;
} kNames[] = {{"plain", Isa::Plain}, {"avx2", Isa::Avx2}, {"avx512", Isa::Avx512}, {"avx512_bf16", Isa::Avx512Bf16}};

Isa detect() {
#if defined(__x86_64__) && !defined(LIMPID_PLAIN_KERNELS)
  __builtin_cpu_init();
  // Clang 14 cannot ask for F16C; every processor with AVX2 has it.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
  if (!avx2) return Isa::Plain;
  if (!avx512) return Isa::Avx2;
  return __builtin_cpu_supports("avx512bf16") ? Isa::Avx512Bf16 : Isa::Avx512;
#else
  return Isa::Plain;
#endif
}

Isa initial() {
  const char* given = std::getenv("LIMPID_ISA");
  const std::string_view wanted = given ? given : "";
  for (const auto& [name, isa] : kNames)
    if (wanted == name) return std::min(detect(), isa);
  return detect();
}

std::atomic<Isa>& active() {
  static std::atomic<Isa> isa = initial();
  return isa;
}

}  // namespace

Isa active_isa() { return active().load(std::memory_order_relaxed); }

Isa set_isa(Isa wanted) {
  active() = std::min(detect(), wanted);
  return active();
}

const char* name(Isa isa) { return kNames[size_t(isa)].name; }

}  // namespace limpid::kernels
