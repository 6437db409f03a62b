/* Compiles emitted CUDA C for the host: cuda_side_tool FOLDER NAME FILE.cu makes FOLDER/NAME.so. */
#include <stdio.h>

#include "base/diag.h"
#include "tests/codegen/cuda/side.h"

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: cuda_side_tool FOLDER NAME FILE.cu\n");
    return 2;
  }
  Arena *a = arena_new();
  const Source *text = diag_read(a, argv[3]);
  bool ok = text && side_build(argv[1], argv[2], text->text);
  arena_free(a);
  return !ok;
}
