# Finds the C++ side of LibTorch inside its Python wheel and defines
#   LibTorch::cpu    torch_cpu and c10, headers, the wheel's compile definitions and its OpenMP
# Where it looks, in order: -DLibTorch_ROOT=DIR, the environment variable LibTorch_ROOT (a folder that holds include/ and
# lib/), then the private environment that tools/setup.sh makes under .cache/venv.
#
# The wheel's own TorchConfig.cmake is not used: it demands nvcc even for a CPU build, and links the system's NCCL, which
# lacks symbols that the wheel needs.

set(SOTTO_LIBTORCH_VERSIONS "2.15.0" CACHE STRING "LibTorch versions this release was tested with")

file(GLOB _libtorch_wheels "${CMAKE_CURRENT_LIST_DIR}/../.cache/venv/lib/python3*/site-packages/torch")
find_path(LibTorch_INCLUDE_DIR ATen/ATen.h
  HINTS "${LibTorch_ROOT}/include" "$ENV{LibTorch_ROOT}/include"
  PATHS ${_libtorch_wheels} PATH_SUFFIXES include NO_DEFAULT_PATH)
if(LibTorch_INCLUDE_DIR)
  get_filename_component(_libtorch_root "${LibTorch_INCLUDE_DIR}" DIRECTORY)
endif()
find_library(LibTorch_CPU_LIBRARY torch_cpu HINTS "${_libtorch_root}/lib" NO_DEFAULT_PATH)
find_library(LibTorch_C10_LIBRARY c10 HINTS "${_libtorch_root}/lib" NO_DEFAULT_PATH)
find_library(LibTorch_OPENMP_LIBRARY NAMES libgomp.so.1 HINTS "${_libtorch_root}/lib" NO_DEFAULT_PATH)

if(LibTorch_INCLUDE_DIR AND EXISTS "${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h")
  file(STRINGS "${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h" _libtorch_version_lines
    REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX REPLACE "[^0-9;]" "" _libtorch_version "${_libtorch_version_lines}")
  list(JOIN _libtorch_version "." LibTorch_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_OPENMP_LIBRARY LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "set LibTorch_ROOT to a folder that holds LibTorch's include/ and lib/ (in a clone of sotto, tools/setup.sh installs one)")
mark_as_advanced(LibTorch_INCLUDE_DIR LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_OPENMP_LIBRARY)

if(LibTorch_FOUND AND NOT LibTorch_VERSION IN_LIST SOTTO_LIBTORCH_VERSIONS)
  message(FATAL_ERROR "LibTorch ${LibTorch_VERSION} at ${_libtorch_root}: the per-sample rules were checked against "
    "${SOTTO_LIBTORCH_VERSIONS} only. Install one of these, or add the version to SOTTO_LIBTORCH_VERSIONS and run the "
    "oracle tests.")
endif()

if(LibTorch_FOUND AND NOT TARGET LibTorch::cpu)
  # libtorch_cpu needs cudart and cupti even on a machine without a GPU; its run path finds them, the linker does not.
  get_filename_component(_libtorch_site "${_libtorch_root}" DIRECTORY)
  file(GLOB _libtorch_nvidia "${_libtorch_site}/nvidia/*/lib")
  list(TRANSFORM _libtorch_nvidia PREPEND "LINKER:-rpath-link," OUTPUT_VARIABLE _libtorch_rpath_link)

  add_library(LibTorch::cpu INTERFACE IMPORTED)
  target_include_directories(LibTorch::cpu SYSTEM INTERFACE
    "${LibTorch_INCLUDE_DIR}" "${LibTorch_INCLUDE_DIR}/torch/csrc/api/include")
  # The layout of at::RecordFunction depends on NDEBUG: a program compiled without it crashes inside the wheel.
  # The wheel brings fmt headers of its own that shadow the system's, and no library to go with them.
  target_compile_definitions(LibTorch::cpu INTERFACE NDEBUG FMT_HEADER_ONLY=1)
  # at::parallel_for is compiled into its caller, and runs in one thread where OpenMP is off. The run time must be the
  # one that the wheel uses.
  target_compile_options(LibTorch::cpu INTERFACE -fopenmp)
  target_link_options(LibTorch::cpu INTERFACE ${_libtorch_rpath_link})
  target_link_libraries(LibTorch::cpu INTERFACE
    -Wl,--no-as-needed "${LibTorch_CPU_LIBRARY}" "${LibTorch_C10_LIBRARY}" -Wl,--as-needed
    "${LibTorch_OPENMP_LIBRARY}")
endif()
