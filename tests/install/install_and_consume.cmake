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

file(GLOB schemas RELATIVE "${SOTTO_SOURCE_DIR}/privacy/schemas" "${SOTTO_SOURCE_DIR}/privacy/schemas/*.json")
foreach(schema IN LISTS schemas)
  if(NOT EXISTS "${scratch}/prefix/share/sotto/schemas/${schema}")
    message(FATAL_ERROR "${schema} was not installed")
  endif()
endforeach()
if(EXISTS "${scratch}/prefix/include/sotto/privacy/schemas")
  message(FATAL_ERROR "a folder among the headers holds none")
endif()

set(golden "-DGOLDEN=${SOTTO_SOURCE_DIR}/tests/golden/golden_composed.csv")
set(check "${SOTTO_SOURCE_DIR}/tests/examples/run_account.cmake")
# consume(FOLDER OPTION ...): configures and builds one of the projects beside this file
function(consume folder)
  run("configure ${folder} ${ARGN}" "${CMAKE_COMMAND}" -E env --unset=LibTorch_ROOT
    "${CMAKE_COMMAND}" --fresh -G Ninja -S "${CMAKE_CURRENT_LIST_DIR}/${folder}" -B "${scratch}/${folder}"
    "-DCMAKE_PREFIX_PATH=${scratch}/prefix" "-DCMAKE_BUILD_TYPE=${BUILD_TYPE}" "-DEXAMPLES=${SOTTO_SOURCE_DIR}/examples"
    ${ARGN})
  run("build ${folder}" "${CMAKE_COMMAND}" --build "${scratch}/${folder}")
endfunction()
set(cxx "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}")

if(TRAINING)
  get_filename_component(root "${LIBTORCH_INCLUDE_DIR}" DIRECTORY)
  set(libtorch "-DLibTorch_ROOT=${root}")
endif()
consume(consumer ${cxx} "-DTRAINING=${TRAINING}" ${libtorch})
run("run the consumer" "${scratch}/consumer/accounting_consumer")
if(TRAINING)
  run("run the training consumer" "${scratch}/consumer/training_consumer" "${scratch}/state.safetensors")
endif()

# Whatever was built, accounting needs no LibTorch.
foreach(plain OFF ON)
  consume(accountant_consumer ${cxx} "-DPLAIN=${plain}")
  run("run the accountant consumer" "${CMAKE_COMMAND}" "-DPROGRAM=${scratch}/accountant_consumer/accountant_consumer"
    ${golden} -P "${check}")
endforeach()
consume(c_consumer "-DCMAKE_C_COMPILER=${C_COMPILER}" "-DCMAKE_C_COMPILER_LAUNCHER=${LAUNCHER}")
run("run the C consumer" "${CMAKE_COMMAND}" "-DPROGRAM=${scratch}/c_consumer/c_consumer" ${golden} -P "${check}")
run("what they load" "${SOTTO_SOURCE_DIR}/tests/privacy/no_training_libraries.sh"
  "${scratch}/accountant_consumer/accountant_consumer" "${scratch}/c_consumer/c_consumer" "${scratch}/prefix/bin/sotto")
