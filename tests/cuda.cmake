# The CUDA target without a GPU: emitted kernels run on the CPU under tests/cuda/shim.h.
add_library(cuda_side STATIC cuda/side.c cuda/data.c cuda/files.c cuda/compare.c)
target_link_libraries(cuda_side PUBLIC codegen)
target_compile_definitions(cuda_side PRIVATE HOST_CXX="${CMAKE_CXX_COMPILER}" TESTS_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
foreach(name cuda_kernels_test cuda_cubin_test cuda_shim_test)
  tessera_test(${name} cuda_side codegen)
endforeach()
add_dependencies(cuda_kernels_test tessera)

# The stand-in driver, found through LD_LIBRARY_PATH in a folder of its own.
add_library(cuda_standin SHARED cuda/standin/libcuda.c ${CMAKE_SOURCE_DIR}/codegen/cuda_cubin.c
            ${CMAKE_SOURCE_DIR}/codegen/elf_section.c ${CMAKE_SOURCE_DIR}/ir/arena.c ${CMAKE_SOURCE_DIR}/ir/diag.c)
target_compile_options(cuda_standin PRIVATE -fno-sanitize=all)
target_link_options(cuda_standin PRIVATE -fno-sanitize=all -Wl,-z,defs)
set_target_properties(cuda_standin PROPERTIES OUTPUT_NAME cuda SUFFIX .so.1
                      LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/cuda_standin)
# Compiles a unit's text for the host: cuda_side_tool FOLDER NAME FILE.
add_executable(cuda_side_tool cuda/side_tool.c)
target_link_libraries(cuda_side_tool PRIVATE cuda_side)
tessera_test(cuda_program_test)
add_dependencies(cuda_program_test tessera cuda_standin cuda_side_tool)
