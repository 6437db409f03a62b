# The CUDA target without a GPU: emitted kernels run on the CPU under tests/cuda/shim.h.
add_library(cuda_side STATIC cuda/side.c cuda/data.c cuda/files.c)
target_link_libraries(cuda_side PUBLIC codegen)
target_compile_definitions(cuda_side PRIVATE HOST_CXX="${CMAKE_CXX_COMPILER}" TESTS_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
foreach(name cuda_kernels_test cuda_cubin_test)
  tessera_test(${name} cuda_side codegen)
endforeach()
