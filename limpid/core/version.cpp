#include "limpid/core/version.h"

namespace limpid {

const char* version() { return LIMPID_VERSION; }

}  // namespace limpid
