#pragma once

namespace limpid {

const char* version();  ///< "0.1.0"

}  // namespace limpid
