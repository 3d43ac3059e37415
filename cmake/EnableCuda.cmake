# Makes nvcc the compiler of CMake's CUDA language: the one of CUDACXX or CMAKE_CUDA_COMPILER, an installed toolkit's, or
# that of PyPI's wheels in the private environment that tools/setup.sh makes under .cache/venv.
# Included by the top CMakeLists.txt alone: a language is enabled for the folders below.

if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  file(GLOB _cuda_wheels "${PROJECT_SOURCE_DIR}/.cache/venv/lib/python3*/site-packages/nvidia/cu13"
    "$ENV{LibTorch_ROOT}/../nvidia/cu13")
  find_program(SOTTO_NVCC nvcc HINTS "$ENV{CUDA_PATH}" "$ENV{CUDA_HOME}" PATHS /usr/local/cuda ${_cuda_wheels}
    PATH_SUFFIXES bin)
  mark_as_advanced(SOTTO_NVCC)
  if(NOT SOTTO_NVCC)
    message(FATAL_ERROR "SOTTO_CUDA: no nvcc found; run tools/setup.sh, which installs one, or set CUDACXX to yours")
  endif()
  set(CMAKE_CUDA_COMPILER "${SOTTO_NVCC}")
endif()

if(NOT CMAKE_CUDA_ARCHITECTURES)
  # Code of 8.0 and 9.0 also serves the later devices of their generation; PTX of 12.0 all that come after.
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 100-real 120 CACHE STRING "Devices to compile for")
endif()
enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR "SOTTO_CUDA: ${CMAKE_CUDA_COMPILER} is nvcc ${CMAKE_CUDA_COMPILER_VERSION}; must be 13.0 or newer")
endif()
if(SOTTO_CCACHE)
  set(CMAKE_CUDA_COMPILER_LAUNCHER "${SOTTO_CCACHE}")
endif()
