# Everything Limpid uses and does not write itself. scripts/setup installs all of it.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)            # SHA-256
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(zlib REQUIRED IMPORTED_TARGET zlib)   # data that come with the program
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
find_package(Boost 1.74 REQUIRED)         # Beast and Asio, which are headers: the server's HTTP
target_compile_definitions(Boost::headers INTERFACE BOOST_ASIO_NO_DEPRECATED)
find_package(prometheus-cpp REQUIRED CONFIG COMPONENTS core)
if(LIMPID_TESTS)
  find_package(GTest REQUIRED)
endif()
if(LIMPID_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()

# LibTorch: one given by CMAKE_PREFIX_PATH, else the PyPI wheel in the project's virtual environment. Found by hand
# rather than by TorchConfig.cmake, whose interface drags protobuf, MKL and Python probing into every configure.
if(LIMPID_TORCH)
  find_path(TORCH_INCLUDE_DIR torch/csrc/api/include/torch/torch.h
            PATH_SUFFIXES include
            HINTS ${CMAKE_PREFIX_PATH} ${CMAKE_SOURCE_DIR}/.venv/lib/python3.9/site-packages/torch
                  ${CMAKE_SOURCE_DIR}/.venv/lib/python3.10/site-packages/torch
                  ${CMAKE_SOURCE_DIR}/.venv/lib/python3.11/site-packages/torch
                  ${CMAKE_SOURCE_DIR}/.venv/lib/python3.12/site-packages/torch
                  ${CMAKE_SOURCE_DIR}/.venv/lib/python3.13/site-packages/torch)
  if(NOT TORCH_INCLUDE_DIR)
    message(FATAL_ERROR "LibTorch not found: run scripts/setup, or give -DCMAKE_PREFIX_PATH=<folder of LibTorch>")
  endif()
  get_filename_component(TORCH_ROOT ${TORCH_INCLUDE_DIR} DIRECTORY)
  add_library(limpid_libtorch INTERFACE)
  target_include_directories(limpid_libtorch SYSTEM INTERFACE
    ${TORCH_INCLUDE_DIR} ${TORCH_INCLUDE_DIR}/torch/csrc/api/include)
  target_link_libraries(limpid_libtorch INTERFACE
    ${TORCH_ROOT}/lib/libtorch_cpu.so ${TORCH_ROOT}/lib/libc10.so)
  target_link_options(limpid_libtorch INTERFACE -Wl,--no-as-needed -Wl,-rpath,${TORCH_ROOT}/lib)
  # Training in several processes: the library has Gloo in it, its headers have not.
  find_path(GLOO_INCLUDE_DIR gloo/algorithm.h)
  if(NOT GLOO_INCLUDE_DIR OR NOT EXISTS ${TORCH_INCLUDE_DIR}/torch/csrc/distributed/c10d/ProcessGroupGloo.hpp)
    message(STATUS "Gloo's headers (libgloo-dev) not found: training runs in one process only")
  endif()
endif()
