/* Any bytes as a description: errors or a graph, never a crash, a hang or a leak. What is built must verify.
 * The first byte 0xff turns the rest into a safetensors header instead. */
#include "frontend/frontend.h"
#include "frontend/train/metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Arena *a = arena_new();
  diag_reset();
  diag_to(NULL);
  if (size && data[0] == 0xff) {
    Metadata m;
    metadata_parse(a, arena_strndup(a, (const char *)data + 1, size - 1), size - 1, (Loc){0}, &m);
  } else {
    const char *define[] = {"batch=2", "depth=1"};
    FrontArgs args = {.ndefine = 2, .define = define, .library = SOURCE_DIR "/models"};
    FrontInfo info;
    Graph *g = front_build_source(a, diag_source(a, "fuzz", (const char *)data, size), &args, &info);
    if (g && !graph_verify(g)) ice("a description built a graph that breaks a rule");
  }
  arena_free(a);
  return 0;
}
