# run_account.cmake -DPROGRAM=FILE -DGOLDEN=FILE: the bracket that an accounting example prints must hold the exact value
# of the golden table and be narrow, and what it prints besides must agree with it.
execute_process(COMMAND "${PROGRAM}" OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE status)
message("${output}${errors}")
if(NOT status EQUAL 0)
  message(FATAL_ERROR "the example ended with ${status}")
endif()

file(STRINGS "${GOLDEN}" row REGEX "^q\\.01 s1 T1e3,")
string(REPLACE "," ";" row "${row}")
list(GET row 7 exact) # eps_max

set(number "[0-9.]+(e[-+][0-9]+)?")
# bracket PREFIX LARGEST_EXCESS: the line that begins with PREFIX holds [lower, upper] around the exact value, the upper
# end above it by at most LARGEST_EXCESS
function(bracket prefix largest_excess)
  if(NOT output MATCHES "${prefix}\\[(${number}), (${number})\\]")
    message(FATAL_ERROR "no bracket after '${prefix}'")
  endif()
  set(lower "${CMAKE_MATCH_1}")
  set(upper "${CMAKE_MATCH_3}")
  if(NOT (lower LESS_EQUAL exact AND upper GREATER_EQUAL exact))
    message(FATAL_ERROR "${prefix}: [${lower}, ${upper}] does not hold ${exact}")
  endif()
  if(upper GREATER largest_excess)
    message(FATAL_ERROR "${prefix}: ${upper} is above ${largest_excess}")
  endif()
endfunction()

bracket("epsilon at delta 1e-05 lies in " 1.8293)
if(PROGRAM MATCHES "(account_c|c_consumer)$")
  # The least noise for epsilon 1 is 1.41463 (dp-accounting, PLD); its epsilon must not exceed the target.
  if(NOT output MATCHES "noise multiplier (${number}) reaches epsilon (${number})")
    message(FATAL_ERROR "no noise multiplier")
  endif()
  if(CMAKE_MATCH_1 LESS 1.4143 OR CMAKE_MATCH_1 GREATER 1.4156 OR CMAKE_MATCH_3 GREATER 1)
    message(FATAL_ERROR "noise multiplier ${CMAKE_MATCH_1} for epsilon ${CMAKE_MATCH_3}")
  endif()
  if(NOT output MATCHES "without adjacency: status 64, \\[sotto_privacy_epsilon\\] bad adjacency: 0")
    message(FATAL_ERROR "a missing adjacency was accepted")
  endif()
else()
  bracket("pld +" 1.8293)
  bracket("contour +" 1.8293)
  bracket("rdp +" 2.1014) # 2.10132 by the same conversion (dp-accounting on a grid of orders)
  if(NOT output MATCHES "gaussian +cannot: ")
    message(FATAL_ERROR "the Gaussian accountant took a sampled mechanism")
  endif()
endif()
