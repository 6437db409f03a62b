# The whole way, as people walk it: tests/e2e/NAME.sh builds programs by the driver and runs them.
add_executable(make_replay e2e/make_replay.c)
target_link_libraries(make_replay PRIVATE frontend passes tessera_rt)
