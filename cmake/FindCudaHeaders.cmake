# Finds the headers of CUDA 13 and defines
#   CudaHeaders::host    <cuda_runtime.h> for a C++ compiler: types and declarations, no library
# Where it looks, in order: -DCudaHeaders_ROOT=DIR, an installed toolkit, then the private environment that
# tools/setup.sh makes under .cache/venv.

file(GLOB _cuda_wheels "${CMAKE_CURRENT_LIST_DIR}/../.cache/venv/lib/python3*/site-packages/nvidia/cu13"
  "$ENV{LibTorch_ROOT}/../nvidia/cu13" "${LibTorch_ROOT}/../nvidia/cu13")
find_path(CudaHeaders_INCLUDE_DIR crt/host_config.h
  HINTS "${CudaHeaders_ROOT}" "$ENV{CUDA_PATH}" PATHS /usr/local/cuda ${_cuda_wheels} PATH_SUFFIXES include
  NO_DEFAULT_PATH)

if(CudaHeaders_INCLUDE_DIR AND EXISTS "${CudaHeaders_INCLUDE_DIR}/cuda_runtime_api.h")
  file(STRINGS "${CudaHeaders_INCLUDE_DIR}/cuda_runtime_api.h" _cuda_version REGEX "#define CUDART_VERSION ")
  string(REGEX REPLACE "[^0-9]" "" _cuda_version "${_cuda_version}")
  math(EXPR _cuda_major "${_cuda_version} / 1000")
  math(EXPR _cuda_minor "${_cuda_version} % 1000 / 10")
  set(CudaHeaders_VERSION "${_cuda_major}.${_cuda_minor}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CudaHeaders
  REQUIRED_VARS CudaHeaders_INCLUDE_DIR
  VERSION_VAR CudaHeaders_VERSION
  REASON_FAILURE_MESSAGE "set CudaHeaders_ROOT to a folder that holds CUDA 13's include/ (in a clone of sotto, tools/setup.sh installs one)")
mark_as_advanced(CudaHeaders_INCLUDE_DIR)

if(CudaHeaders_FOUND AND NOT TARGET CudaHeaders::host)
  add_library(CudaHeaders::host INTERFACE IMPORTED)
  target_include_directories(CudaHeaders::host SYSTEM INTERFACE "${CudaHeaders_INCLUDE_DIR}")
endif()
