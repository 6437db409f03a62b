// Serialises the manifest: see manifest.h and runtime/manifest.fbs.
#include "codegen/host/manifest.h"

#include <cstdlib>
#include <cstring>
#include <vector>

#include "manifest_generated.h"

namespace fbs = tessera::manifest;

template <class T> using Rows = std::vector<flatbuffers::Offset<T>>;

struct Manifest {
  flatbuffers::FlatBufferBuilder fb;
  Rows<fbs::Define> defines;
  Rows<fbs::State> states;
  Rows<fbs::Kernel> kernels;
  Rows<fbs::Entry> entries;
  Rows<fbs::Buffer> buffers;
  const char *entry = nullptr; // the one that launches are added to
  Rows<fbs::Launch> launches;
};

using String = flatbuffers::Offset<flatbuffers::String>;

// Equal strings are stored once.
static String text(Manifest *m, const char *s) {
  return m->fb.CreateSharedString(s);
}

Manifest *manifest_new(void) {
  return new Manifest;
}

void manifest_define(Manifest *m, const char *name, const char *value) {
  m->defines.push_back(fbs::CreateDefine(m->fb, text(m, name), text(m, value)));
}

void manifest_state(Manifest *m, const ManifestState *s) {
  auto dim = m->fb.CreateVector(s->dim, static_cast<size_t>(s->rank));
  m->states.push_back(fbs::CreateState(m->fb, text(m, s->name), text(m, s->module), text(m, s->kind),
                                       text(m, s->slot), text(m, s->dtype), dim, s->offset));
}

void manifest_kernel(Manifest *m, const ManifestKernel *k) {
  std::vector<String> origin;
  for (const char *const *o = k->origin; o && *o; o++) origin.push_back(text(m, *o));
  auto names = m->fb.CreateVector(origin);
  m->kernels.push_back(fbs::CreateKernel(m->fb, text(m, k->name), text(m, k->source), names, text(m, k->text),
                                         k->launches, k->scratch));
}

static void end_entry(Manifest *m) {
  if (!m->entry) return;
  auto launches = m->fb.CreateVector(m->launches);
  m->entries.push_back(fbs::CreateEntry(m->fb, text(m, m->entry), launches));
  m->launches.clear();
}

void manifest_entry(Manifest *m, const char *name) {
  end_entry(m);
  m->entry = name;
}

void manifest_launch(Manifest *m, const ManifestLaunch *l) {
  auto buffer = m->fb.CreateVector(l->buffer, static_cast<size_t>(l->nbuffer));
  flatbuffers::Offset<flatbuffers::Vector<uint64_t>> stream = 0;
  if (l->nstream) stream = m->fb.CreateVector(l->stream, static_cast<size_t>(l->nstream));
  m->launches.push_back(fbs::CreateLaunch(m->fb, l->kernel, text(m, l->origin), text(m, l->source), l->tasks,
                                          l->flop, l->bytes, buffer, stream));
}

void manifest_buffer(Manifest *m, const ManifestBuffer *b) {
  m->buffers.push_back(fbs::CreateBuffer(m->fb, text(m, b->name), text(m, b->dtype), b->offset, b->bytes,
                                         text(m, b->lifetime), text(m, b->entry), b->first, b->last));
}

static flatbuffers::Offset<fbs::Manifest> root(Manifest *m, const ManifestHead *h) {
  auto defines = m->fb.CreateVector(m->defines);
  auto states = m->fb.CreateVector(m->states);
  auto kernels = m->fb.CreateVector(m->kernels);
  auto entries = m->fb.CreateVector(m->entries);
  auto buffers = m->fb.CreateVector(m->buffers);
  return fbs::CreateManifest(m->fb, MANIFEST_VERSION, text(m, h->block), text(m, h->description),
                             text(m, h->build), text(m, h->source_hash), text(m, h->cpu_needs), h->batch,
                             h->accumulate, h->arena_bytes, h->live_bytes, h->scratch_bytes, h->max_threads,
                             defines, states, kernels, entries, buffers);
}

unsigned char *manifest_finish(Manifest *m, const ManifestHead *h, size_t *size) {
  end_entry(m);
  fbs::FinishManifestBuffer(m->fb, root(m, h));
  *size = m->fb.GetSize();
  auto *bytes = static_cast<unsigned char *>(std::malloc(*size));
  if (bytes) std::memcpy(bytes, m->fb.GetBufferPointer(), *size);
  delete m;
  return bytes;
}
