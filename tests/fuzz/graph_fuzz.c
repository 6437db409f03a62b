/* Graph text: anything may come in; what is read and passes the verifier prints, reads back to the same bytes
 * and survives the rewrites. */
#include <stddef.h>
#include <string.h>

#include "ir/graph/graph.h"
#include "passes/rewrite/simplify.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static Graph *read_graph(Arena *a, const char *text, size_t size) {
  return graph_parse(a, diag_source(a, "fuzz.graph", text, size));
}

static void check_text(Arena *a, Graph *g) {
  const char *first = graph_print(a, g);
  Graph *again = read_graph(a, first, strlen(first));
  if (!again || !graph_verify(again)) ice("what was printed does not read back:\n%s", first);
  if (strcmp(first, graph_print(a, again)) != 0)
    ice("what was printed reads back as something else:\n%s", first);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  Arena *a = arena_new();
  diag_to(NULL);
  diag_reset();
  Graph *g = read_graph(a, (const char *)data, size);
  if (g && graph_verify(g)) {
    check_text(a, g);
    simplify(g, SL_ALL);
    if (!graph_verify(g)) ice("a rewrite broke a rule:\n%s", graph_print(a, g));
    check_text(a, g);
  }
  arena_free(a);
  return 0;
}
