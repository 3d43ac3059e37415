# One function per kind of target. A room (top-level folder) is one static library; it sees the headers of the rooms it
# links to and of no other, because every room has an include root of its own.

# LibTorch's headers take longer to read than most sources take to compile, and GoogleTest's than most tests. They are
# read once for all targets that are compiled alike: the rooms share the headers of the first that asks, so do the tests
# of what needs LibTorch, and the other tests.
set(sotto_room_headers ATen/core/Tensor.h ATen/TensorOperators.h ATen/Parallel.h ATen/core/grad_mode.h
  torch/csrc/autograd/variable.h torch/nn/module.h)
set(sotto_test_headers torch/torch.h gtest/gtest.h)

# sotto_precompiled(TARGET room|test|unit)
function(sotto_precompiled target kind)
  if(NOT SOTTO_PRECOMPILED_HEADERS OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  set_property(TARGET ${target} PROPERTY SOTTO_PRECOMPILED ON)
  get_property(owner GLOBAL PROPERTY sotto_precompiled_${kind})
  if(NOT owner AND kind STREQUAL "unit") # one without definitions, which the others would have to share
    file(WRITE "${PROJECT_BINARY_DIR}/unit_headers.cpp" "")
    add_library(sotto_unit_headers OBJECT "${PROJECT_BINARY_DIR}/unit_headers.cpp")
    target_compile_features(sotto_unit_headers PRIVATE cxx_std_20)
    target_compile_options(sotto_unit_headers PRIVATE -O1)
    if(SOTTO_SANITIZE MATCHES undefined)
      target_compile_options(sotto_unit_headers PRIVATE -fno-sanitize=undefined)
    endif()
    target_link_libraries(sotto_unit_headers PRIVATE sotto_warnings GTest::gtest)
    set_property(GLOBAL PROPERTY sotto_precompiled_unit sotto_unit_headers)
    target_precompile_headers(sotto_unit_headers PRIVATE <gtest/gtest.h>)
    target_compile_options(sotto_unit_headers PRIVATE -fpch-preprocess -Wno-array-bounds)
    set(owner sotto_unit_headers)
  endif()
  if(owner)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  else()
    list(TRANSFORM sotto_${kind}_headers REPLACE "(.+)" "<\\1>" OUTPUT_VARIABLE headers)
    target_precompile_headers(${target} PRIVATE ${headers})
    set_property(GLOBAL PROPERTY sotto_precompiled_${kind} ${target})
  endif()
  target_compile_options(${target} PRIVATE -fpch-preprocess) # or ccache gives up
  if(kind STREQUAL "unit") # a false positive of g++ 12 in what it inlines from such headers
    target_compile_options(${target} PRIVATE -Wno-array-bounds)
  endif()
endfunction()

# sotto_unity(TARGET): its sources are compiled eight at a time, as one source that includes them: what headers such as
# LibTorch's and CLI11's cost is paid once for all of them. Names in unnamed namespaces must differ within a target.
# CMake's own unity builds name the sources by absolute paths, so that ccache would know none of them in another folder.
function(sotto_unity target)
  if(SOTTO_UNITY)
    cmake_language(EVAL CODE "cmake_language(DEFER CALL sotto_unite ${target})") # when properties of sources are set
  endif()
endfunction()

function(sotto_unite target)
  get_target_property(sources ${target} SOURCES)
  set(alone "")
  set(together "")
  foreach(source ${sources})
    get_source_file_property(options "${source}" COMPILE_OPTIONS)
    get_source_file_property(definitions "${source}" COMPILE_DEFINITIONS)
    if(options OR definitions OR NOT source MATCHES "\\.cpp$")
      list(APPEND alone "${source}")
    else()
      cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
      cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${PROJECT_SOURCE_DIR}")
      list(APPEND together "${source}")
    endif()
  endforeach()
  set(number 0)
  while(together)
    list(SUBLIST together 0 8 batch)
    list(REMOVE_ITEM together ${batch})
    list(TRANSFORM batch REPLACE "(.+)" "#include \"\\1\"\n")
    string(CONCAT text ${batch})
    file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/unity/${target}_${number}.cpp" CONTENT "${text}" @ONLY)
    list(APPEND alone "${CMAKE_CURRENT_BINARY_DIR}/unity/${target}_${number}.cpp")
    math(EXPR number "${number} + 1")
  endwhile()
  set_target_properties(${target} PROPERTIES SOURCES "${alone}")
  target_compile_options(${target} PRIVATE "SHELL:-iquote ${PROJECT_SOURCE_DIR}")
endfunction()

# sotto_room(NAME SOURCES ... [LINKS ...] [PRIVATE_LINKS ...] [BUILD_LINKS ...] [FOLDER folder])
# Defines sotto_NAME (alias sotto::NAME). Headers are included as <sotto/NAME/file.h>, in the build as when installed.
# FOLDER is for a part of a room that is a library of its own: its headers are <sotto/folder/file.h>.
# BUILD_LINKS are libraries of headers that only the sources include: users of the installed room do not need them.
# Rooms that link to LibTorch are exported apart, so that the others can be used where it is not installed.
function(sotto_room name)
  cmake_parse_arguments(ROOM "" "FOLDER" "SOURCES;LINKS;PRIVATE_LINKS;BUILD_LINKS" ${ARGN})
  if(NOT ROOM_FOLDER)
    set(ROOM_FOLDER ${name})
  endif()
  set(root "${PROJECT_BINARY_DIR}/include/${ROOM_FOLDER}")
  file(MAKE_DIRECTORY "${root}/sotto")
  file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}" "${root}/sotto/${ROOM_FOLDER}" SYMBOLIC)

  add_library(sotto_${name} STATIC ${ROOM_SOURCES})
  add_library(sotto::${name} ALIAS sotto_${name})
  set_target_properties(sotto_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_compile_features(sotto_${name} PUBLIC cxx_std_20)
  target_include_directories(sotto_${name} PUBLIC
    "$<BUILD_INTERFACE:${root}>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  list(TRANSFORM ROOM_BUILD_LINKS REPLACE "(.+)" "$<BUILD_INTERFACE:\\1>")
  target_link_libraries(sotto_${name} PUBLIC ${ROOM_LINKS}
    PRIVATE ${ROOM_PRIVATE_LINKS} ${ROOM_BUILD_LINKS} $<BUILD_INTERFACE:sotto_warnings>)

  set(export sotto-targets)
  if("LibTorch::cpu" IN_LIST ROOM_LINKS)
    set(export sotto-training-targets)
    sotto_precompiled(sotto_${name} room)
    sotto_unity(sotto_${name})
  endif()
  install(TARGETS sotto_${name} EXPORT ${export} ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/sotto/${ROOM_FOLDER}"
    FILES_MATCHING PATTERN "*.h" PATTERN schemas EXCLUDE)
endfunction()

# Tests run side by side: a thread of OpenMP that waits gives its core away soon. They leave the user's cache alone.
set(sotto_test_environment GOMP_SPINCOUNT=1000 XDG_CACHE_HOME=${PROJECT_BINARY_DIR}/tests/cache)

# sotto_test(NAME [WHOLE] LABEL fast|slow|sim SOURCES ... LINKS ... [TIMEOUT seconds])
# One GoogleTest program per unit; every test case is its own CTest entry, or with WHOLE the program is one entry: loading
# LibTorch takes longer than most of its cases.
function(sotto_test name)
  cmake_parse_arguments(TEST "WHOLE" "LABEL;TIMEOUT" "SOURCES;LINKS" ${ARGN})
  if(NOT TEST_LABEL)
    set(TEST_LABEL fast)
  endif()
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 300)
  endif()
  add_executable(${name} ${TEST_SOURCES})
  if(SOTTO_SANITIZE AND TEST_LABEL STREQUAL slow)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON) # hours under a sanitizer: built when asked for by name
  endif()
  target_compile_options(${name} PRIVATE -O1) # tests of LibTorch code take minutes to compile otherwise
  if(SOTTO_SANITIZE MATCHES undefined) # of the rooms, not of the tests themselves: that would take a third longer
    target_compile_options(${name} PRIVATE -fno-sanitize=undefined)
  endif()
  target_compile_definitions(${name} PRIVATE SOTTO_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/golden")
  target_link_libraries(${name} PRIVATE ${TEST_LINKS} sotto_warnings GTest::gtest_main)
  if("sotto::optim" IN_LIST TEST_LINKS OR "sotto::models" IN_LIST TEST_LINKS)
    sotto_precompiled(${name} test)
    sotto_unity(${name})
  elseif(NOT "sotto_optim" IN_LIST TEST_LINKS) # a test that wants LibTorch without its precompiled headers
    sotto_precompiled(${name} unit)
  endif()
  if(TEST_WHOLE)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${TEST_LABEL}" TIMEOUT ${TEST_TIMEOUT}
      ENVIRONMENT "${sotto_test_environment}")
    return()
  endif()
  gtest_discover_tests(${name} TEST_PREFIX "${name}." NO_PRETTY_VALUES DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 120
    PROPERTIES LABELS "${TEST_LABEL}" TIMEOUT ${TEST_TIMEOUT} ENVIRONMENT "${sotto_test_environment}")
endfunction()

# sotto_compile_fail_test(NAME SOURCE file LINKS ... EXPECT regex)
# Passes when the file does not compile and the compiler says EXPECT; the same file must compile with -DSOTTO_CONTROL,
# so that the failure is the misuse and not a missing header.
function(sotto_compile_fail_test name)
  cmake_parse_arguments(FAIL "" "SOURCE;EXPECT" "LINKS" ${ARGN})
  foreach(kind control misuse)
    add_library(${name}_${kind} OBJECT EXCLUDE_FROM_ALL ${FAIL_SOURCE})
    target_link_libraries(${name}_${kind} PRIVATE ${FAIL_LINKS})
    target_compile_features(${name}_${kind} PRIVATE cxx_std_20)
    set_target_properties(${name}_${kind} PROPERTIES CXX_COMPILER_LAUNCHER "" POSITION_INDEPENDENT_CODE ON)
    if("sotto::optim" IN_LIST FAIL_LINKS)
      sotto_precompiled(${name}_${kind} room)
    endif()
    add_test(NAME ${name}.${kind}
      COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target ${name}_${kind} --config $<CONFIG>)
    set_tests_properties(${name}.${kind} PROPERTIES LABELS slow RESOURCE_LOCK build_tree TIMEOUT 300)
  endforeach()
  target_compile_definitions(${name}_control PRIVATE SOTTO_CONTROL)
  set_tests_properties(${name}.misuse PROPERTIES PASS_REGULAR_EXPRESSION "${FAIL_EXPECT}")
endfunction()
