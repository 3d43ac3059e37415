# The steps of the test install.consumer; see CMakeLists.txt beside this file.
set(scratch "${SOTTO_BINARY_DIR}/tests/install/scratch")
file(REMOVE_RECURSE "${scratch}")

function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  message("-- ${what}\n${output}")
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${what} failed")
  endif()
endfunction()

run("install" "${CMAKE_COMMAND}" --install "${SOTTO_BINARY_DIR}" --prefix "${scratch}/first")
# What was installed must not depend on where it was installed, nor on the source or build tree.
file(RENAME "${scratch}/first" "${scratch}/prefix")
file(GLOB_RECURSE texts "${scratch}/prefix/*.h" "${scratch}/prefix/*.cmake")
foreach(text IN LISTS texts)
  file(READ "${text}" content)
  foreach(tree "${SOTTO_BINARY_DIR}" "${SOTTO_SOURCE_DIR}")
    string(FIND "${content}" "${tree}" position)
    if(NOT position EQUAL -1)
      message(FATAL_ERROR "${text} names the folder ${tree}")
    endif()
  endforeach()
endforeach()

if(TRAINING)
  get_filename_component(root "${LIBTORCH_INCLUDE_DIR}" DIRECTORY)
  set(libtorch "-DLibTorch_ROOT=${root}")
endif()
run("configure the consumer" "${CMAKE_COMMAND}" -G Ninja -S "${CMAKE_CURRENT_LIST_DIR}/consumer" -B "${scratch}/build"
  "-DCMAKE_PREFIX_PATH=${scratch}/prefix" "-DCMAKE_BUILD_TYPE=${BUILD_TYPE}" "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}"
  "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" "-DTRAINING=${TRAINING}" ${libtorch})
run("build the consumer" "${CMAKE_COMMAND}" --build "${scratch}/build")
run("run the consumer" "${scratch}/build/accounting_consumer")
if(TRAINING)
  run("run the training consumer" "${scratch}/build/training_consumer" "${scratch}/state.safetensors")
endif()
