#include "apps/engine.h"

#include <dlfcn.h>

#include <cstdlib>

#include "limpid/core/error.h"
#include "limpid/core/files.h"

namespace limpid::apps {

int run_in_engine(const std::any& command) {
  // Before LibTorch loads its OpenMP: threads that spin while they wait take the cores from our own pool.
  setenv("OMP_WAIT_POLICY", "passive", /*overwrite=*/0);
  const fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  fs::path library = folder / "liblimpid_engine.so";
  if (!fs::exists(library)) library = folder.parent_path() / "lib" / "liblimpid_engine.so";  // an installed tree
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  LIMPID_CHECK(handle, IoError, "the engine cannot be loaded: ", dlerror(), "; was it built (scripts/setup)?");
  const auto run = reinterpret_cast<decltype(&limpid_engine_run)>(dlsym(handle, "limpid_engine_run"));
  LIMPID_CHECK(run, IoError, library.string(), ": has no limpid_engine_run; was it built from the same source?");
  return run(command);
}

}  // namespace limpid::apps
