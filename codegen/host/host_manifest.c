/* Hands the program to the manifest's serialiser, table by table. */
#include "codegen/host/host.h"

#include <stdlib.h>

#include "codegen/host/manifest.h"

static const char *const state_kinds[] = {
    [ST_PARAM] = "param", [ST_FROZEN] = "frozen", [ST_CARRIED] = "carried", [ST_GRAD] = "grad",
    [ST_SLOT] = "slot",   [ST_TEMP] = "temp",     [ST_GROUP] = "group"};
static const char *const entry_names[EN_COUNT] = {
#define X(e, text) text,
    GRAPH_ENTRIES(X)
#undef X
};

static void add_states(Manifest *m, const Prog *p) {
  for (int i = 0; i < p->nstate; i++) {
    const PState *s = &p->state[i];
    manifest_state(m, &(ManifestState){.name = s->name,
                                       .module = s->state->module ? s->state->module : "",
                                       .kind = state_kinds[s->state->kind],
                                       .slot = s->slot ? s->slot : "",
                                       .dtype = dtype_name(s->state->dtype),
                                       .rank = s->shape.rank,
                                       .dim = s->shape.dim,
                                       .offset = s->buf->offset + s->at});
  }
}

static int launches_of(const Prog *p, int kernel) {
  int n = 0;
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; i < p->entry[e].nlaunch; i++) n += p->entry[e].launch[i].kernel_id == kernel;
  return n;
}

static void add_kernels(Manifest *m, const Prog *p, const Target *t) {
  for (int i = 0; i < p->nkernel; i++) {
    const Kernel *k = p->kernel[i];
    manifest_kernel(m, &(ManifestKernel){.name = k->name,
                                         .source = host_place(p->arena, k->loc),
                                         .text = kern_print(p->arena, k),
                                         .origin = k->origin,
                                         .launches = launches_of(p, i),
                                         .scratch = t->scratch(t, k)});
  }
}

static void add_launch(Manifest *m, const Prog *p, const PLaunch *l) {
  int n = l->kernel->nbuf;
  int32_t *buffer = ARENA_ARRAY(p->arena, n, int32_t);
  for (int i = 0; i < n; i++) buffer[i] = l->buf[i]->id;
  manifest_launch(m, &(ManifestLaunch){.kernel = l->kernel_id,
                                       .origin = l->origin ? l->origin : "",
                                       .source = host_place(p->arena, l->loc),
                                       .tasks = l->tasks,
                                       .flop = l->flop,
                                       .bytes = l->bytes,
                                       .nbuffer = n,
                                       .buffer = buffer,
                                       .nword = l->kernel->nword,
                                       .word = l->word});
}

static void add_entries(Manifest *m, const Prog *p) {
  for (int e = 0; e < EN_COUNT; e++) {
    if (!p->entry[e].present) continue;
    manifest_entry(m, entry_names[e]);
    for (int i = 0; i < p->entry[e].nlaunch; i++) add_launch(m, p, &p->entry[e].launch[i]);
  }
}

static void add_buffers(Manifest *m, const Prog *p) {
  for (int i = 0; i < p->nbuf; i++) {
    const PBuf *b = p->buf[i];
    const char *lifetime = b->persistent ? "always" : b->pinned ? "entry" : "launches";
    manifest_buffer(m, &(ManifestBuffer){.name = b->name ? b->name : "",
                                         .dtype = dtype_name(b->dtype),
                                         .offset = b->offset,
                                         .bytes = b->bytes,
                                         .lifetime = lifetime,
                                         .entry = b->persistent ? "" : entry_names[b->entry],
                                         .first = b->first,
                                         .last = b->last});
  }
}

static ManifestHead head(const Prog *p, const HostInfo *info) {
  return (ManifestHead){.block = p->graph->name_of_block ? p->graph->name_of_block : "",
                        .description = info->description,
                        .build = info->build,
                        .source_hash = info->source_hash,
                        .cpu_needs = info->cpu_needs,
                        .batch = p->graph->batch,
                        .accumulate = p->graph->accumulate,
                        .arena_bytes = p->arena_bytes,
                        .live_bytes = p->live_bytes,
                        .scratch_bytes = info->scratch_bytes,
                        .max_threads = info->max_threads};
}

void host_manifest(const Prog *p, const Target *t, const Define *define, int ndefine, HostInfo *info) {
  Manifest *m = manifest_new();
  for (int i = 0; i < ndefine; i++) manifest_define(m, define[i].name, define[i].value);
  add_states(m, p);
  add_kernels(m, p, t);
  add_entries(m, p);
  add_buffers(m, p);
  ManifestHead h = head(p, info);
  unsigned char *bytes = manifest_finish(m, &h, &info->manifest_bytes);
  if (!bytes) diag_no_memory();
  info->manifest = arena_copy(p->arena, bytes, info->manifest_bytes);
  free(bytes);
}
