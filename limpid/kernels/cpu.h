#pragma once

/// Which instruction set the kernels run on: chosen once, at run time, so that one program serves every machine.
namespace limpid::kernels {

enum class Isa {
  Plain,       ///< whatever the compiler's baseline is
  Avx2,        ///< AVX2, FMA, F16C: Haswell, Zen
  Avx512,      ///< AVX-512 F/BW/VL/DQ/VBMI with VNNI: Ice Lake. Older AVX-512 machines take Avx2.
  Avx512Bf16,  ///< and products of bfloat16: Zen 4, Sapphire Rapids
};

/// The best the machine has, or less where the environment says LIMPID_ISA=plain, avx2, avx512 or avx512_bf16.
/// Something else in it, or more than the machine has, means the best there is.
Isa active_isa();

/// Another one from now on, for tests and benchmarks; not more than the machine has. Returns what is now active.
Isa set_isa(Isa wanted);

const char* name(Isa isa);

}  // namespace limpid::kernels
