# run_training.cmake -DPROGRAM=FILE -DFOLDER=DIR [-DSAYS=REGEX] [-DNEVER=REGEX]: runs an example that trains in an empty
# folder; its accuracy and epsilon must lie in the windows that its records allow, and what it prints must hold SAYS and
# must not hold NEVER.
file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
execute_process(COMMAND "${PROGRAM}" "${FOLDER}/ledger.jsonl" OUTPUT_VARIABLE output RESULT_VARIABLE status)
message("${output}")
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} ended with ${status}")
endif()
if(SAYS AND NOT output MATCHES "${SAYS}")
  message(FATAL_ERROR "${PROGRAM} does not say: ${SAYS}")
endif()
if(NEVER AND output MATCHES "${NEVER}")
  message(FATAL_ERROR "${PROGRAM} says: ${NEVER}")
endif()
if(NOT output MATCHES "accuracy 0\\.(8|9)[0-9]*, epsilon (2\\.[5-9][0-9]*|3) at delta 1e-05")
  message(FATAL_ERROR "${PROGRAM}: unexpected result")
endif()
