# The whole way, as people walk it: tests/e2e/NAME.sh builds programs by the driver and runs them.
add_executable(make_replay e2e/make_replay.c)
target_link_libraries(make_replay PRIVATE frontend passes tessera_rt)

set(e2e golden fusion sizes bits memory artifact finite errors learns compare fit explain install max_memory)
if(NOT TESSERA_SANITIZE) # arithmetic alone
  list(APPEND e2e eps)
endif()
foreach(name ${e2e})
  add_test(NAME e2e_${name}
           COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/e2e/${name}.sh ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  set_tests_properties(e2e_${name} PROPERTIES LABELS e2e TIMEOUT 600 SKIP_RETURN_CODE 77
                       ENVIRONMENT SANITIZED=$<BOOL:${TESSERA_SANITIZE}>)
endforeach()

# Whole programs in this process, beside the graph interpreter.
tessera_test(mlp_test passes codegen)
tessera_test(models_test frontend passes codegen)

# The report in a headless browser; its pictures stay in BUILD/report.
add_test(NAME e2e_report COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/report.py ${CMAKE_SOURCE_DIR}
                                 ${CMAKE_BINARY_DIR} ${CMAKE_BINARY_DIR}/report)
set_tests_properties(e2e_report PROPERTIES LABELS e2e TIMEOUT 120 ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
